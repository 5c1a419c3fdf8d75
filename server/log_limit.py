"""Limits how often one log line is repeated: what clients do must not fill a disk."""

from __future__ import annotations

import logging
from time import monotonic

LINES = 5
PERIOD_S = 60.0
MAX_TEXTS = 1_000


class RepeatLimit(logging.Filter):
    """Lets `LINES` records of one text pass in `PERIOD_S` seconds; the first of the next period says how many did not.

    Records are alike if their text is, before values are filled in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._periods: dict[str, tuple[float, int]] = {}  # by text: when its period began, and its records since

    def filter(self, record: logging.LogRecord) -> bool:
        """Count a record, and tell whether it passes."""
        text, now_s = str(record.msg), monotonic()
        began_s, count = self._periods.get(text, (now_s, 0))
        if now_s - began_s >= PERIOD_S:
            if count > LINES:
                record.msg = f"{text} ({count - LINES:,} more of this in {now_s - began_s:.0f} s)"
            began_s, count = now_s, 0
        if len(self._periods) >= MAX_TEXTS:
            self._periods.clear()
        self._periods[text] = began_s, count + 1
        return count < LINES
