"""How fast one member may talk: a token bucket for messages and one for bytes."""

from __future__ import annotations

from dataclasses import dataclass

BURST_S = 1.0
"""A member that was silent may send as much at once as it may in this time."""


@dataclass(slots=True)
class TokenBucket:
    """Lets `rate_per_s` pass, and `BURST_S` seconds of it at once."""

    rate_per_s: float
    level: float
    filled_s: float

    @classmethod
    def full(cls, rate_per_s: float, now_s: float) -> TokenBucket:
        """Return a bucket from which a burst may be taken."""
        return cls(rate_per_s, rate_per_s * BURST_S, now_s)

    def take(self, amount: float, now_s: float) -> float:
        """Take an amount, perhaps on credit; return how many seconds it takes until the credit is paid back."""
        self.level = min(self.level + (now_s - self.filled_s) * self.rate_per_s, self.rate_per_s * BURST_S) - amount
        self.filled_s = now_s
        return max(0.0, -self.level / self.rate_per_s)


class Pace:
    """Tells how long a member has to wait with its next message, by `--max-messages-per-second` and `--max-bytes-...`.

    `slowed_s` is for how long it has been too fast without a pause.
    """

    def __init__(self, messages_per_s: float | None, bytes_per_s: float | None, now_s: float) -> None:
        rates = (messages_per_s, bytes_per_s)
        self._messages, self._bytes = (None if rate is None else TokenBucket.full(rate, now_s) for rate in rates)
        self.slowed_s = 0.0

    def wait_s(self, size_bytes: int, now_s: float) -> float:
        """Count a message; return how many seconds to wait before it is passed on."""
        wait_s = max(
            self._messages.take(1, now_s) if self._messages else 0.0,
            self._bytes.take(size_bytes, now_s) if self._bytes else 0.0,
        )
        self.slowed_s = self.slowed_s + wait_s if wait_s else 0.0
        return wait_s
