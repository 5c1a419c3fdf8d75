"""A flood: many texts at once from members that send nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from loadtest.errors import OptionError


@dataclass(frozen=True, slots=True)
class Flood:
    """Each of `users` members sends `messages` texts of `size_bytes` bytes at once, `after_ns` after a window began."""

    users: int
    messages: int
    size_bytes: int
    after_ns: int


def messages_and_size(text: str) -> tuple[int, int]:
    """Read `--flood`: MESSAGESxBYTES, as in 40x60000; (0, 0) where it is empty.

    Raises:
        OptionError: it is something else.

    """
    if not text:
        return 0, 0
    if not (match := re.fullmatch(r"([1-9][0-9]{0,6})x([1-9][0-9]{0,6})", text)):
        raise OptionError(f"invalid flood {text!r}; write MESSAGESxBYTES, as in 40x60000")
    messages, size_bytes = map(int, match.groups())
    return messages, size_bytes
