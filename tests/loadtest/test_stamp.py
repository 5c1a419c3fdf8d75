"""Stamps: written, wrapped in any server's format, found again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.ledger.records import MAX_SENDER, MAX_SEQ
from loadtest.schedule.padding import CHECKED_WHOLE, are_intact, padding
from loadtest.schedule.stamp import LENGTH, find_stamps, sent_ns_in, stamped_text

senders = st.integers(0, MAX_SENDER)
seqs = st.integers(0, MAX_SEQ)
times_ns = st.integers(0, 2**63 - 1)
noise = st.binary(max_size=80).filter(lambda data: b"lt1|" not in data and not data.endswith((b"l", b"lt", b"lt1")))


def find(payloads: list[bytes]) -> list[tuple[int, ...]]:
    ends = np.cumsum([len(payload) for payload in payloads])
    starts = ends - [len(payload) for payload in payloads]
    found = find_stamps(b"".join(payloads), starts, ends)
    return list(zip(*(column.tolist() for column in found[:4]), strict=True))


def test_the_format_is_the_documented_one() -> None:
    text = stamped_text(7, 12, 1_700_000_000_123_456_789, 1_700_000_000_123_999_999, 80)
    assert text == b"lt1|000007|00000012|1700000000123456789|1700000000123999999|" + padding(7, 12, 20)
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


@st.composite
def texts(draw: st.DrawFn) -> tuple[int, list[tuple[bytes, int, int, bytes]]]:
    """Draw a size of texts, and for each what a server writes before it, its sender and number, and what follows."""
    size = draw(st.sampled_from([0, LENGTH, LENGTH + 1, LENGTH + 2, LENGTH + 9, 300, 9000]))
    return size, draw(st.lists(st.tuples(noise, senders, seqs, noise.map(delimited)), min_size=1, max_size=8))


def delimited(after: bytes) -> bytes:
    """Let no letter or digit follow a text."""
    return b'"' + after if after[:1].isalnum() else after


def are_found_intact(payloads: list[bytes], size: int) -> list[bool]:
    ends = np.cumsum([len(payload) for payload in payloads])
    found = find_stamps(data := b"".join(payloads), ends - [len(payload) for payload in payloads], ends)
    assert len(found.seq) == len(payloads)
    intact: list[bool] = are_intact(
        data, found.end, ends[found.payload], found.sender, found.seq, size - LENGTH
    ).tolist()
    return intact


@given(texts())
def test_a_whole_text_is_intact_in_any_envelope(drawn: tuple[int, list[tuple[bytes, int, int, bytes]]]) -> None:
    size, messages = drawn
    payloads = [before + stamped_text(sender, seq, 3, 4, size) + after for before, sender, seq, after in messages]
    assert all(are_found_intact(payloads, size))


@given(texts(), st.data())
def test_a_text_that_was_cut_is_not_whatever_follows_it(
    drawn: tuple[int, list[tuple[bytes, int, int, bytes]]], data: st.DataObject
) -> None:
    size, messages = drawn
    size = max(size, LENGTH + 1)
    struck = data.draw(st.integers(0, len(messages) - 1))
    cut = data.draw(st.integers(LENGTH, size - 1))
    payloads = []
    for n, (before, sender, seq, after) in enumerate(messages):
        text = stamped_text(sender, seq, 3, 4, size)
        # A server that ends a cut text like ours could also just write it out.
        after = delimited(after.replace(b".", b""))
        payloads.append(before + (text[:cut] if n == struck else text) + after)
    assert are_found_intact(payloads, size) == [n != struck for n in range(len(messages))]


def test_a_text_that_goes_on_is_not_intact() -> None:
    text = stamped_text(1, 2, 3, 4, 70)
    for after in (b"", b'"', b"\n", b" ", b"<br>", "\u00e9".encode()):
        assert are_found_intact([b"{" + text + after], 70) == [True]
    for after in (b"more", b"0", text):
        assert are_found_intact([b"{" + text + after + b"}"], 70)[0] is False


@given(texts(), st.data())
def test_a_text_with_an_altered_byte_is_not_intact(
    drawn: tuple[int, list[tuple[bytes, int, int, bytes]]], data: st.DataObject
) -> None:
    size, messages = drawn
    size = max(size, LENGTH + 1)
    struck = data.draw(st.integers(0, len(messages) - 1))
    place = data.draw(st.integers(LENGTH, size - 1))
    payloads = []
    for n, (before, sender, seq, after) in enumerate(messages):
        text = bytearray(stamped_text(sender, seq, 3, 4, size))
        if n == struck:
            text[place] = ord("_")
        payloads.append(before + bytes(text) + after)
    assert are_found_intact(payloads, size) == [n != struck for n in range(len(messages))]


def test_of_many_long_texts_the_end_of_each_and_a_sample_of_the_rest_are_compared() -> None:
    count, size = 5 * CHECKED_WHOLE, LENGTH + 100
    whole = [stamped_text(1, seq, 3, 4, size) for seq in range(count)]
    assert all(are_found_intact(whole, size))
    assert not any(are_found_intact([text[:-1] for text in whole], size))
    assert not any(are_found_intact([text[:-2] + b"_." for text in whole], size))
    in_the_middle = are_found_intact([text[: LENGTH + 50] + b"_" + text[LENGTH + 51 :] for text in whole], size)
    assert CHECKED_WHOLE / 2 < in_the_middle.count(False) <= CHECKED_WHOLE


def test_padding_needs_no_escape_and_is_the_same_everywhere() -> None:
    text = padding(7, 12, 10_000).decode()
    assert json.dumps(text) == f'"{text}"'
    assert text[:-1].isalnum()
    assert (padding(7, 12, 12), padding(8, 12, 12)) == (b"9NRt9ZusaD2.", b"nJUdQSvFkTc.")


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
