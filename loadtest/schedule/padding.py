"""The padding after a stamp, from which a receiver can tell whether the whole text came unaltered.

It is a part of one fixed sequence of letters and digits, beginning at a place that follows from the message's sender
and number, and a full stop as its last byte. So the last byte of a text is known and its length can be checked
wherever the text lies in a server's own format; no character of it is escaped in JSON, HTML or addresses.
"""

from __future__ import annotations

import functools
import random
import string
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from loadtest.ledger.records import Integers

CHECKED_END = 8
"""So many bytes at the end of each text are compared..."""
CHECKED_WHOLE, CHECKED_BYTES = 100, 2**18
"""...and the whole padding of a random sample: at most so many texts at a time, and about so many bytes."""

_ALPHABET = (string.ascii_letters + string.digits).encode()
_END = b"."
_PERIOD = 4093

_IS_ALPHANUMERIC = np.isin(np.arange(256), list(_ALPHABET))

Booleans = npt.NDArray[np.bool_]
Number = TypeVar("Number", int, Integers)


def padding(sender: int, seq: int, length: int) -> bytes:
    """Return the `length` bytes after the stamp of a message; none where `length` is not above 0."""
    if length <= 0:
        return b""
    start = _start(sender, seq)
    return _sequence(length)[start : start + length - 1] + _END


def are_intact(  # columns of one table
    data: bytes,
    starts: Integers,
    limits: Integers,
    sender: Integers,
    seq: Integers,
    length: int,
    *,
    is_text: bool = True,
) -> Booleans:
    """Tell of each message whether its padding of `length` bytes is there, unaltered.

    It starts at `starts[i]` and its payload ends at `limits[i]`. Of every padding the length, the last `CHECKED_END`
    bytes and, if payloads are text, that no letter or digit follows are checked; what is before them is compared in a
    sample.
    """
    if length <= 0:
        return np.ones(len(starts), np.bool_)
    intact = starts + length <= limits
    whole = np.flatnonzero(intact)
    first, start = _start(sender[whole], seq[whole]), starts[whole]
    view, sequence = np.frombuffer(data, np.uint8), np.frombuffer(_sequence(length), np.uint8)
    is_end_right = view[start + length - 1] == _END[0]
    for offset in range(max(0, length - CHECKED_END), length - 1):
        is_end_right &= view[start + offset] == sequence[first + offset]
    if is_text:
        after = start + length
        is_followed = after < limits[whole]
        is_end_right[is_followed] &= ~_IS_ALPHANUMERIC[view[after[is_followed]]]
    if length > CHECKED_END:
        sample = _sample(len(whole), length)
        is_end_right[sample] &= _are_wholly_right(data, start[sample].tolist(), first[sample].tolist(), length)
    intact[whole] = is_end_right
    return intact


def _start(sender: Number, seq: Number) -> Number:
    """Return where in the sequence a message's padding begins."""
    return (2053 * sender + 31 * seq) % _PERIOD


@functools.lru_cache(8)
def _sequence(length: int) -> bytes:
    """Return the fixed sequence, repeated so that `length` bytes follow each place of its first period.

    The seed and `random()` give the same numbers on every machine and in every version of Python.
    """
    generator = random.Random(1)
    once = bytes(_ALPHABET[int(generator.random() * len(_ALPHABET))] for _ in range(_PERIOD))
    return once * (length // _PERIOD + 2)


def _are_wholly_right(data: bytes, starts: list[int], firsts: list[int], length: int) -> Booleans:
    """Compare paddings but for their last byte; the copies of a message, all with the same, share one slice."""
    sequence = _sequence(length)
    slices = {first: sequence[first : first + length - 1] for first in set(firsts)}
    return np.array([data.startswith(slices[n], start) for n, start in zip(firsts, starts, strict=True)], np.bool_)


_random = np.random.default_rng(1)


def _sample(count: int, length: int) -> Integers:
    """Return the places of the texts to compare as a whole, out of `count`."""
    size = max(1, min(CHECKED_WHOLE, CHECKED_BYTES // length))
    return np.arange(count) if count <= size else np.unique(_random.integers(0, count, size))
