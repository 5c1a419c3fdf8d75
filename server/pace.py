"""How fast one member may talk: a token bucket for messages and one for bytes."""

from __future__ import annotations

from dataclasses import dataclass

BURST_S = 1.0
"""A member that was silent may send as much at once as it may in this time."""


@dataclass(slots=True)
class TokenBucket:
    """Lets `rate_per_s` pass, and `capacity` at once; `level` is what is left, below 0 if it was taken on credit."""

    rate_per_s: float
    capacity: float
    level: float
    filled_s: float

    @classmethod
    def full(cls, rate_per_s: float, capacity: float, now_s: float) -> TokenBucket:
        """Return a bucket from which all may be taken."""
        return cls(rate_per_s, capacity, capacity, now_s)

    def fill(self, now_s: float) -> None:
        """Put in what has flown since it was last filled."""
        self.level = min(self.level + (now_s - self.filled_s) * self.rate_per_s, self.capacity)
        self.filled_s = now_s

    def debt_s(self, now_s: float) -> float:
        """Fill it; return how many seconds it takes until what was taken on credit is paid back."""
        self.fill(now_s)
        return max(0.0, -self.level / self.rate_per_s)


class Pace:
    """Tells how long a member has to wait with its next message, by `--max-messages-per-second` and `--max-bytes-...`.

    The message that exceeds a limit passes: those after it wait. `slowed_s` is for how long the member has been made to
    wait without a pause of its own.
    """

    def __init__(self, messages_per_s: float | None, bytes_per_s: float | None, now_s: float) -> None:
        self._messages, self._bytes = (
            None if rate is None else TokenBucket.full(rate, rate * BURST_S, now_s)
            for rate in (messages_per_s, bytes_per_s)
        )
        self.slowed_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """Return how many seconds to wait before the next message is passed on."""
        return max((bucket.debt_s(now_s) for bucket in (self._messages, self._bytes) if bucket), default=0.0)

    def take(self, size_bytes: int, now_s: float, waited_s: float = 0.0) -> None:
        """Count a message that is passed on after so long a wait."""
        for bucket, amount in ((self._messages, 1), (self._bytes, size_bytes)):
            if bucket is not None:
                bucket.fill(now_s)
                bucket.level -= amount
        self.slowed_s = self.slowed_s + waited_s if waited_s else 0.0
