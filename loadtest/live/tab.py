"""A tab in Locust's web UI with the live figures, by Locust's extension points for tabs and tables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from flask import Response, request
from locust.env import Environment

from loadtest.live.seconds import LiveSecond, LiveSeconds

KEY = "deliveries"
TITLE = "Deliveries"
SHOWN = 60


def _source_of(second: LiveSecond) -> str:
    if second.is_exact:
        return "all deliveries"
    return "" if second.deliveries_per_s is None else "a sample"


COLUMNS: tuple[tuple[str, str, Callable[[LiveSecond], Any]], ...] = (
    ("second", "Second", lambda second: time.strftime("%H:%M:%S", time.localtime(second.time_s))),
    ("users", "Users", lambda second: second.users or None),
    ("deliveries", "Deliveries/s", lambda second: _whole(second.deliveries_per_s)),
    ("p50", "p50 (ms)", lambda second: _ms(second.p50_ms, second)),
    ("p99", "p99 (ms)", lambda second: _ms(second.p99_ms, second)),
    ("missing", "Missing", lambda second: second.missing),
    ("lag", "Schedule lag p99 (ms)", lambda second: _rounded(second.schedule_lag_p99_ms)),
    ("cpu", "Server CPU (%)", lambda second: _rounded(second.server_cpu_percent)),
    ("loop", "Server loop lag p99 (ms)", lambda second: _rounded(second.server_loop_lag_p99_ms)),
    ("source", "From", _source_of),
)


def add_tab(environment: Environment, seconds: Callable[[], LiveSeconds]) -> None:
    """Add the tab to the web UI, if there is one."""
    web_ui = environment.web_ui
    if web_ui is None or web_ui.app is None:
        return
    structure = [{"key": key, "title": title} for key, title, _ in COLUMNS]
    web_ui.template_args |= {
        "extended_tabs": [{"title": TITLE, "key": KEY}],
        "extended_tables": [{"key": KEY, "structure": structure}],
    }

    def with_seconds(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            rows = [_row(second) for second in seconds().newest(SHOWN)]
            told: dict[str, Any] = response.get_json()
            response.set_data(json.dumps({**told, "extended_stats": [{"key": KEY, "data": rows}]}))
        return response

    web_ui.app.after_request(with_seconds)


def _row(second: LiveSecond) -> dict[str, Any]:
    shown = ((key, read(second)) for key, _, read in COLUMNS)
    return {key: "" if value is None else value for key, value in shown}


def _ms(value: float | None, second: LiveSecond) -> Any:
    return "never" if value is None and second.missing else _rounded(value)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
