"""Feeds Locust's live statistics with a sample of deliveries; no result depends on them."""

from __future__ import annotations

import time
from typing import Any, NoReturn

import gevent

from loadtest.schedule.stamp import sent_ns_in
from loadtest.worker.generator import Generator

NAME = "delivery (sampled)"
TYPE = "WS"
SAMPLES = 10
PERIOD_S = 1.0


def sample(generator: Generator, request: Any) -> NoReturn:
    """Report the newest deliveries to Locust's `request` event, ten at most each second."""
    while True:
        gevent.sleep(PERIOD_S)
        now_ns = time.time_ns()
        for _, data, _, read_ns, _ in generator.newest_reads(SAMPLES):
            sent_ns = sent_ns_in(data)
            if sent_ns is not None and now_ns - read_ns < PERIOD_S * 1e9:
                request.fire(
                    request_type=TYPE,
                    name=NAME,
                    response_time=(read_ns - sent_ns) / 1e6,
                    response_length=len(data),
                    exception=None,
                    context={},
                )
