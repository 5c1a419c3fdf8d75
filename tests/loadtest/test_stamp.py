"""Stamps: written, wrapped in any server's format, found again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.ledger.records import MAX_SENDER, MAX_SEQ
from loadtest.schedule.stamp import LENGTH, find_stamps, sent_ns_in, stamped_text

senders = st.integers(0, MAX_SENDER)
seqs = st.integers(0, MAX_SEQ)
times_ns = st.integers(0, 2**63 - 1)
noise = st.binary(max_size=80).filter(lambda data: b"lt1|" not in data and not data.endswith((b"l", b"lt", b"lt1")))


def find(payloads: list[bytes]) -> list[tuple[int, ...]]:
    ends = np.cumsum([len(payload) for payload in payloads])
    starts = ends - [len(payload) for payload in payloads]
    found = find_stamps(b"".join(payloads), starts, ends)
    return list(zip(*(column.tolist() for column in found), strict=True))


def test_the_format_is_the_documented_one() -> None:
    text = stamped_text(7, 12, 1_700_000_000_123_456_789, 1_700_000_000_123_999_999, 80)
    assert text == b"lt1|000007|00000012|1700000000123456789|1700000000123999999|" + b"x" * 20
    assert json.loads(json.dumps(text.decode())) == json.dumps(text.decode()).strip('"')


@pytest.mark.parametrize("size", [0, 1, LENGTH, LENGTH + 1, 1000])
def test_the_size_is_the_requested_one_but_at_least_the_stamps(size: int) -> None:
    assert len(stamped_text(1, 2, 3, 4, size)) == max(size, LENGTH)


@given(st.lists(st.tuples(noise, senders, seqs, times_ns, noise), max_size=20))
def test_stamps_are_found_wherever_a_server_puts_them(messages: list[tuple[bytes, int, int, int, bytes]]) -> None:
    payloads = [
        before + stamped_text(sender, seq, due_ns, 0, 70) + after for before, sender, seq, due_ns, after in messages
    ]
    expected = [(n, sender, seq, due_ns) for n, (_, sender, seq, due_ns, _) in enumerate(messages)]
    assert find(payloads) == expected


def test_malformed_stamps_are_skipped() -> None:
    good = stamped_text(1, 2, 3, 4, 0)
    payloads = [
        b"bob joined",
        good[:-1],  # cut short
        good.replace(b"|000001|", b"|00000x|"),  # no digit
        good.replace(b"|000001|", b"|000001/"),  # no bar
        b"",
        b"{" + good,
        good,
    ]
    assert find(payloads) == [(5, 1, 2, 3), (6, 1, 2, 3)]


def test_a_stamp_does_not_reach_into_the_next_payload() -> None:
    good = stamped_text(1, 2, 3, 4, 0)
    assert find([good[:30], good[30:]]) == []


def test_the_time_of_sending_is_found_in_raw_bytes() -> None:
    assert sent_ns_in(b"\x81\x7e\x00\x80" + stamped_text(1, 2, 3, 4_000, 0)) == 4_000
    assert sent_ns_in(b"bob joined") is None
