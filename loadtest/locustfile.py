"""The chat swarm's entry point: `locust -f loadtest/locustfile.py --host ws://127.0.0.1:8000`."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import WorkerRunner

from loadtest.live.prometheus import serve
from loadtest.live.tab import add_tab
from loadtest.options import add_arguments
from loadtest.shape import StepShape
from loadtest.swarm import Swarm
from loadtest.user import ChatUser, FloodUser, StalledUser
from loadtest.web_form import refuse_wrong_values
from loadtest.worker.parent_death import end_forks_with_parent

logger = logging.getLogger(__name__)

__all__ = ["ChatUser", "StepShape"]

end_forks_with_parent()  # `--processes` forks workers


@events.init_command_line_parser.add_listener
def _add_flags(parser: ArgumentParser) -> None:
    add_arguments(parser)


@events.init.add_listener
def _start(environment: Environment, **_: Any) -> None:
    hub = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, StopTest)  # Locust prints its text; gevent would print its traceback before that
    refuse_wrong_values(environment)
    swarm = Swarm(environment, StalledUser, FloodUser)
    add_tab(environment, lambda: swarm.live_seconds)
    assert environment.parsed_options is not None
    port = environment.parsed_options.metrics_port
    if port and not isinstance(environment.runner, WorkerRunner):
        try:
            serve(environment.parsed_options.metrics_host, port, lambda: swarm.live_seconds)
        except OSError as error:
            sys.exit(
                f"--metrics-port {port} cannot be listened on: {error.strerror}; choose another, or --metrics-host"
            )


@events.test_start.add_listener
def _begin(environment: Environment, **_: Any) -> None:
    try:
        Swarm.wait_for(environment).begin()
    except StopTest:
        raise
    except Exception as error:  # Locust would print it, and wait for a swarm that never began
        logger.exception("the swarm could not begin")
        raise StopTest(f"the swarm itself failed before any user joined: {error!r}; please report that") from error
