"""What the server counts, how late its event loop runs, and who may read it."""

from server.telemetry.counters import Counters
from server.telemetry.loop_lag import LoopLag
from server.telemetry.stats import Stats
from server.telemetry.telemetry import Telemetry

__all__ = ["Counters", "LoopLag", "Stats", "Telemetry"]
