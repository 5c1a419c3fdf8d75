"""Connects the swarm to a Locust environment: its events, its messages between processes, its end."""

from __future__ import annotations

import itertools
import logging
import signal
import time
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import gevent
import greenlet
import msgspec
from locust import User
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import MasterRunner, Runner, WorkerRunner

from loadtest import report
from loadtest.client import descriptors
from loadtest.client.endpoint import room_name
from loadtest.client.target import DEFAULT_HOST, Target, resolve
from loadtest.coordinator.coordinator import Coordinator
from loadtest.coordinator.rehearsal import Rehearsal, rehearse
from loadtest.errors import OptionError, RehearsalError, UserLimitError
from loadtest.ledger.records import MAX_SENDER, room_of
from loadtest.ledger.result import FORMAT, SwarmResult, write
from loadtest.live.live import Live
from loadtest.live.seconds import LiveSeconds
from loadtest.options import Options
from loadtest.worker.generator import Generator
from loadtest.worker.messages import TO_COORDINATOR, TO_WORKER, ToCoordinator, ToWorker

logger = logging.getLogger(__name__)

USERS_PER_WORKER = 20_000
"""Each worker numbers its users from a block of this size, so that no two share a name."""

INIT_LIMIT_S = 30.0
WORKER_PATIENCE_S = 20.0
ECHO_S = 1.0


class Swarm:
    """The swarm of one Locust environment, over all its runs.

    During a run, a process with users has a `generator`, and the one that decides the user count a `coordinator`.
    `run_options` are those that the present or last run began with: reading `options` anew reads files, too.
    """

    _all: ClassVar[weakref.WeakKeyDictionary[Environment, Swarm]] = weakref.WeakKeyDictionary()

    def __init__(self, environment: Environment, stalled_user: type[User], flood_user: type[User]) -> None:
        """Listen to an environment's events; `--stalled` and `--flooders` count users of those two kinds."""
        assert environment.runner is not None
        Swarm._all[environment] = self
        self._environment = weakref.proxy(environment)
        self._runner: Runner = environment.runner
        self._stalled_user = stalled_user
        self._flood_user = flood_user
        self._count = itertools.count()
        self.live: Live | None = None
        self._is_end_forced = False
        self.run_options: Options | None = None
        self.generator: Generator | None = None
        self.coordinator: Coordinator | None = None
        self.target: Target
        self.result: SwarmResult | None = None
        events = environment.events
        events.test_stopping.add_listener(self._on_test_stopping)
        events.test_stop.add_listener(self._on_test_stop)
        events.quitting.add_listener(self._on_quitting)
        events.quit.add_listener(self._on_quit)
        if not isinstance(self._runner, WorkerRunner):
            self._runner.register_message(TO_COORDINATOR, self._on_message_to_coordinator)
        if not isinstance(self._runner, MasterRunner):
            self._runner.register_message(TO_WORKER, self._on_message_to_worker)
        interrupt_between_callbacks(self._can_end, self._force_end)

    @classmethod
    def of(cls, environment: Environment) -> Swarm:
        """Return the swarm of an environment."""
        return cls._all[environment]

    @classmethod
    def wait_for(cls, environment: Environment) -> Swarm:
        """Return the swarm of an environment, once it is there.

        A master greets a worker that comes during a run and tells it to begin at once; Locust's worker does so before
        its own `init` event, while there is no swarm yet.

        Raises:
            StopTest: there was none within `INIT_LIMIT_S`.

        """
        limit = time.monotonic() + INIT_LIMIT_S
        while environment not in cls._all:
            if time.monotonic() > limit:
                raise StopTest(f"this worker was not ready within {INIT_LIMIT_S:g} s after it was told to begin")
            gevent.sleep(0.01)
        return cls._all[environment]

    @property
    def options(self) -> Options:
        """The current flags; Locust's web UI can change them between runs.

        Raises:
            StopTest: a flag has a value that is not allowed.

        """
        try:
            return Options.of(self._environment.parsed_options)
        except OptionError as error:
            raise StopTest(str(error)) from error

    @property
    def live_seconds(self) -> LiveSeconds:
        """The seconds of the present or last run."""
        return self.live.seconds if self.live else LiveSeconds()

    def next_number(self) -> int:
        """Return a number for a new user of this process, unique in the whole swarm.

        Raises:
            UserLimitError: this process has had as many users as it has numbers.

        """
        number = next(self._count)
        worker = max(0, getattr(self._runner, "worker_index", 0))
        if number >= USERS_PER_WORKER or worker * USERS_PER_WORKER + number > MAX_SENDER:
            raise UserLimitError(f"a worker numbers at most {USERS_PER_WORKER} users; start more workers or restart")
        return worker * USERS_PER_WORKER + number

    def room_name(self, slot: int) -> str:
        """Return the name of the room that the user in a slot joins."""
        assert self.run_options is not None
        rooms = self.run_options.rooms
        return room_name(room_of(slot, rooms), rooms)

    def choose_users(self) -> None:
        """Pass the numbers of stalled users and flooders to Locust; its master needs them before it starts a run."""
        options = self.options
        counts = {self._stalled_user: options.stalled, self._flood_user: options.flood.users}
        for kind, count in counts.items():
            kind.fixed_count = count
        healthy = [kind for kind in self._environment.user_classes if kind not in counts]
        self._environment.user_classes = [*healthy, *(kind for kind, count in counts.items() if count)]

    def begin(self) -> None:
        """Begin a run, at Locust's `test_start`.

        Raises:
            StopTest: the flags or the host are invalid, or the server is not one to measure; the result says why, too.

        """
        descriptors.raise_limit()
        self.result = None
        options = self.options
        self.run_options = options
        try:
            self._begin(options)
        except StopTest as refusal:
            self._write_refusal(options, str(refusal))
            raise

    def _begin(self, options: Options) -> None:
        if options.churn and isinstance(self._runner, MasterRunner | WorkerRunner):
            raise StopTest(
                "--churn-rate, --reconnect-at and --drop-rate need a swarm of one process; run it without workers"
            )
        self.choose_users()
        rehearsal = Rehearsal() if isinstance(self._runner, WorkerRunner) else self._rehearse(options)
        if not isinstance(self._runner, MasterRunner):
            self.target = self._resolve(options)
            self.generator = Generator(options, self._send_to_coordinator)
        is_worker = isinstance(self._runner, WorkerRunner)  # its master may be on another machine, and tells of all
        self.live = live = Live(
            self.generator,
            lambda: self._runner.user_count,
            self._environment.stats,
            "" if is_worker else options.server_metrics,
            None if is_worker else options.live_out,
            samples=options.samples,
        )
        if not isinstance(self._runner, WorkerRunner):
            parsed = self._environment.parsed_options
            self.coordinator = Coordinator(
                options,
                join_rate=parsed.spawn_rate or 1,
                wanted_users=lambda: parsed.num_users or 1,
                send=self._send_to_worker,
                rehearsal=rehearsal,
                on_judged=live.judged,
            )

    @property
    def _shortest_run_s(self) -> float:
        return self.run_options.warmup_s + self.run_options.dwell_s if self.run_options else 0.0

    def finish(self) -> None:
        """End the measurement and keep what was measured so far."""
        if self.coordinator:
            self.coordinator.finish()
            self.result = self.coordinator.result

    def _rehearse(self, options: Options) -> Rehearsal:
        if not options.rehearses:
            return Rehearsal()
        try:
            return rehearse(
                self._resolve(options),
                options.load.message_size,
                has_echo=options.endpoint.has_echo,
                has_rooms=options.rooms > 1,
            )
        except RehearsalError as error:
            raise StopTest(str(error)) from error

    def _write_refusal(self, options: Options, reason: str) -> None:
        if options.swarm_out and not isinstance(self._runner, WorkerRunner):
            nothing = SwarmResult(FORMAT, 0, [], list(options.steps), problems=[reason], refused=True)
            write(nothing, options.swarm_out)

    def _resolve(self, options: Options) -> Target:
        host = self._environment.host or DEFAULT_HOST
        try:
            return resolve(host, options.endpoint)
        except OptionError as error:
            raise StopTest(str(error)) from error

    # Locust's events

    def _on_test_stopping(self, **_: Any) -> None:
        self.finish()

    def _on_test_stop(self, **_: Any) -> None:
        descriptors.raise_limit(spare=0)
        if self.live:
            self.live.close()
        if self.generator:
            self.generator.close()
        if self.coordinator and self.result and not self._environment.parsed_options.headless:
            report.show(self.result, self._shortest_run_s)
        self.generator = self.coordinator = None

    def _on_quitting(self, **_: Any) -> None:
        self.finish()
        if not isinstance(self._runner, WorkerRunner):
            self._environment.process_exit_code = report.exit_code(self.result)

    def _on_quit(self, **_: Any) -> None:
        if self.result and self._environment.parsed_options.headless:
            report.show(self.result, self._shortest_run_s)

    def _force_end(self) -> None:
        self._is_end_forced = True
        if self.coordinator:
            self.coordinator.abandon()

    def _can_end(self) -> bool:
        is_worker = isinstance(self._runner, WorkerRunner)
        return self._is_end_forced or not (is_worker and self.generator and self.generator.is_measuring)

    # Messages

    def _send_to_worker(self, message: ToWorker, name: str) -> None:
        self._runner.send_message(TO_WORKER, msgspec.msgpack.encode(message), name)

    def _send_to_coordinator(self, message: ToCoordinator) -> None:
        self._runner.send_message(TO_COORDINATOR, msgspec.msgpack.encode(message))

    def _on_message_to_coordinator(self, msg: Any, **_: Any) -> None:
        if self.coordinator:
            self.coordinator.receive(msg.node_id, msgspec.msgpack.decode(msg.data, type=ToCoordinator))

    def _on_message_to_worker(self, msg: Any, **_: Any) -> None:
        if self.generator:
            self.generator.handle(msgspec.msgpack.decode(msg.data, type=ToWorker))


def interrupt_between_callbacks(can_end: Callable[[], bool], force_end: Callable[[], None]) -> None:
    """Let Ctrl-C reach the main greenlet as Locust expects, but never while a read is being kept.

    SIGTERM does the same, as Locust has no handler of its own for it while a shape runs without the web UI. A signal
    within `ECHO_S` of the first counts as the same one: a terminal and a parent process may both send it. The first
    waits until `can_end()`, at most `WORKER_PATIENCE_S`: Ctrl-C reaches a master and its workers alike, and the master
    still needs the workers' ledgers. A second one ends the run at once, by `force_end()`.
    """
    main = greenlet.getcurrent()
    while main.parent is not None:
        main = main.parent
    first_s: float | None = None

    def interrupt() -> None:
        nonlocal first_s
        now_s = time.monotonic()
        if first_s is None:
            first_s = now_s
            gevent.spawn(end)
        elif now_s - first_s >= ECHO_S:
            gevent.spawn(force_end)

    def end() -> None:
        limit = time.monotonic() + WORKER_PATIENCE_S
        while not can_end() and time.monotonic() < limit:
            gevent.sleep(0.05)
        gevent.kill(main, KeyboardInterrupt)

    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, interrupt)
