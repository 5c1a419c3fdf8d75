"""The server's counters, event-loop lag and garbage collection, as `/stats` and `/metrics` show them."""

from server.telemetry.counters import Counters
from server.telemetry.loop_lag import LoopLag
from server.telemetry.stats import Stats
from server.telemetry.telemetry import Telemetry

__all__ = ["Counters", "LoopLag", "Stats", "Telemetry"]
