"""The stamp in a message's text: its sender and number, when it was due and when it was sent.

`lt1|<sender:06d>|<seq:08d>|<due_ns:019d>|<sent_ns:019d>|`, then padding. Fixed width and free of characters
that JSON escapes, so a receiver finds it in the bytes of any frame, whatever the server's message format.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from loadtest.ledger.records import MAX_SENDER, MAX_SEQ, Integers
from loadtest.schedule.padding import padding

PREFIX = b"lt1|"
WIDTHS = {"sender": len(str(MAX_SENDER)), "seq": len(str(MAX_SEQ)), "due_ns": 19, "sent_ns": 19}
LENGTH = len(PREFIX) + sum(width + 1 for width in WIDTHS.values())

Bytes = npt.NDArray[np.uint8]


class Stamps(NamedTuple):
    """The stamps found in a batch of payloads: arrays of one length.

    `payload` is the index of each one's payload, `end` the index in the data of the byte after the stamp.
    """

    payload: Integers
    sender: Integers
    seq: Integers
    due_ns: Integers
    end: Integers


def stamped_text(sender: int, seq: int, due_ns: int, sent_ns: int, size: int) -> bytes:
    """Return a message text of `size` bytes, or of `LENGTH` bytes where `size` is less than the stamp needs."""
    stamp = b"lt1|%06d|%08d|%019d|%019d|" % (sender, seq, due_ns, sent_ns)
    return stamp + padding(sender, seq, size - LENGTH)


def find_stamps(data: bytes, starts: Integers, ends: Integers) -> Stamps:
    """Find the first stamp in each payload `data[starts[i]:ends[i]]`; payloads without a well-formed one are left out.

    Messages of one server have the stamp at the same offset, so the first payload's offset is tried on all of them at
    once, then that of the first payload it did not fit, and so on.
    """
    view = np.frombuffer(data, np.uint8)
    payload = np.arange(len(starts), dtype=np.int64)
    position = np.full(len(starts), -1, np.int64)
    rest = payload
    while len(rest):
        first = int(rest[0])
        start = int(starts[first])
        found = data.find(PREFIX, start, int(ends[first]))
        if found < 0:
            rest = rest[1:]
            continue
        guess = starts[rest] + (found - start)
        fits = guess + LENGTH <= ends[rest]
        fits[fits] = _are_prefixes(view, guess[fits])
        position[rest[fits]] = guess[fits]
        fits[0] = True  # a stamp cut short by its payload's end does not count
        rest = rest[~fits]
    payload = payload[position >= 0]
    return _parse(view, payload, position[payload])


def _are_prefixes(view: Bytes, position: Integers) -> npt.NDArray[np.bool_]:
    matches = np.ones(len(position), np.bool_)
    for offset, byte in enumerate(PREFIX):
        matches &= view[position + offset] == byte
    return matches


def _parse(view: Bytes, payload: Integers, position: Integers) -> Stamps:
    fields: dict[str, Integers] = {}
    well_formed = np.ones(len(position), np.bool_)
    column = len(PREFIX)
    for name, width in WIDTHS.items():
        value = np.zeros(len(position), np.int64)
        for offset in range(column, column + width):
            digit = view[position + offset] - np.uint8(ord("0"))
            well_formed &= digit <= 9
            value = value * 10 + digit
        well_formed &= view[position + column + width] == ord("|")
        fields[name] = value
        column += width + 1
    return Stamps(
        payload[well_formed],
        fields["sender"][well_formed],
        fields["seq"][well_formed],
        fields["due_ns"][well_formed],
        position[well_formed] + LENGTH,
    )


_STAMP = re.compile(rb"lt1\|\d{6}\|\d{8}\|\d{19}\|(\d{19})\|")


def sent_ns_in(data: bytes) -> int | None:
    """Return when the first stamped message in `data` was sent; `None` where there is no stamp."""
    found = _STAMP.search(data)
    return int(found[1]) if found else None
