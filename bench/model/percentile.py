"""The percentiles of the delivery latency that an SLO can limit."""

from __future__ import annotations

from enum import StrEnum

from loadtest.ledger.result import Latency


class Percentile(StrEnum):
    """The percentile of the delivery latency that the SLO limits."""

    P50 = "50"
    P90 = "90"
    P99 = "99"
    P99_9 = "99.9"

    @property
    def label(self) -> str:
        """Its name in tables."""
        return f"p{self}"

    @property
    def number(self) -> float:
        """Its number, from 0 to 100."""
        return float(self)

    @property
    def field(self) -> str:
        """Its field in `Latency`."""
        return self.label.replace(".", "_")

    def of(self, latency: Latency) -> float | None:
        """Read it, in milliseconds; `None` where it falls among missing deliveries."""
        value: float | None = getattr(latency, self.field)
        return value
