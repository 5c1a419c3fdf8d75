"""The values that flags may have: numbers, user counts, and files."""

from __future__ import annotations

import math
import os
from pathlib import Path

from loadtest.errors import OptionError

MAX_PORT = 65_535


def steps(text: str) -> tuple[int, ...]:
    """Read `--steps`: user counts, each more than the one before."""
    try:
        counts = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise OptionError(f"invalid user counts {text!r}; write as in 50,100,200") from error
    if any(later <= earlier for earlier, later in zip((0, *counts), counts, strict=False)):
        raise OptionError(f"user counts must increase, not {text!r}; write as in 50,100,200")
    return counts


def positive(value: str | float) -> float:
    """Read a finite number above 0."""
    number = _number(value)
    if not 0 < number < math.inf:
        raise OptionError(f"must be a finite number above 0, not '{value}'")
    return number


def not_negative(value: str | float) -> float:
    """Read a finite number of 0 or more."""
    number = _number(value)
    if not 0 <= number < math.inf:
        raise OptionError(f"must be a finite number, 0 or more, not '{value}'")
    return number


def count(value: str | float) -> int:
    """Read a whole number of 0 or more."""
    try:
        number = int(value)
    except (ValueError, OverflowError):
        number = -1
    if number < 0:
        raise OptionError(f"must be a whole number, 0 or more, not '{value}'")
    return number


def whole(value: str | float) -> int:
    """Read a whole number of 1 or more."""
    try:
        number = int(value)
    except (ValueError, OverflowError):
        number = 0
    if number < 1:
        raise OptionError(f"must be a whole number, 1 or more, not '{value}'")
    return number


def port(value: str | float) -> int:
    """Read the number of a port; 0 for none."""
    number = count(value)
    if number > MAX_PORT:
        raise OptionError(f"must be a port, 0 to {MAX_PORT}, not '{value}'")
    return number


def writable(text: str) -> str:
    """Return the name of a file that can be written, or nothing, as it was given."""
    if text and Path(text).is_dir():
        raise OptionError(f"{text} cannot be written: it is a folder; name a file as in {Path(text) / 'swarm.json'}")
    directory = Path(text).absolute().parent
    if text and not os.access(directory, os.W_OK):
        raise OptionError(f"{text} cannot be written: {directory} is not a writable folder; name a file in another")
    return text


def ns_in_window(flag: str, seconds: str | float, dwell_s: float) -> int:
    """Read a moment of a window, in seconds after its start, as nanoseconds."""
    moment = not_negative(seconds)
    if moment >= dwell_s:
        raise OptionError(f"{flag} {moment:g} is not within a window of {dwell_s:g} s; lower it or raise --dwell")
    return int(moment * 1e9)


def _number(value: str | float) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan
