"""Keeps the swarm's reads as they come, and turns them into deliveries when there is time for that."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from websockets.frames import Opcode

from loadtest.client.connect import READ_BYTES
from loadtest.client.endpoint import PLAIN
from loadtest.client.websocket import Read, WebSocket
from loadtest.ledger.records import Deliveries, Integers
from loadtest.protocols.driver import Driver
from loadtest.schedule.clock import Clock
from loadtest.schedule.padding import are_intact
from loadtest.schedule.stamp import LENGTH, find_stamps


class Reads(NamedTuple):
    """Parsed reads, one a row: when each was made, in the clock's time, and how many frames it completed.

    Of `frames`, those `without_timestamp` have only the time of their read.
    """

    read_ns: Integers
    frames: Integers
    without_timestamp: Integers


class Digest(NamedTuple):
    """What was parsed at a time: the reads, and the stamped messages in them."""

    deliveries: Deliveries
    reads: Reads


@dataclass(slots=True)
class _Stream:
    member: int
    websocket: WebSocket
    on_end: Callable[[], None]
    watched_ns: int
    empty_ns: int = 0  # what is read next came after this
    is_emptied: bool = True  # by its last read

    def floor_ns(self, polled_ns: int) -> int:
        """Return a lower bound of the arrival of what was read now; see `PollClock` for `polled_ns`."""
        is_known = self.is_emptied and polled_ns > self.watched_ns
        return max(self.empty_ns, polled_ns) if is_known else self.empty_ns


class Recorder:
    """The reads of all connections of a process, in the order they were made.

    While a window runs, a read costs one append to `reads`; `digest()` parses them, and `parsed` counts those. Of them,
    `parsed_pings` had nothing but the protocol's pings.
    `message_size` is that of the texts that the swarm sends, in bytes; `driver` is the protocol of its messages.
    """

    def __init__(self, clock: Clock, message_size: int, driver: Driver = PLAIN) -> None:
        self._clock = clock
        self._message_size = message_size
        self._driver = driver
        self.reads: deque[Read] = deque()
        self.parsed = 0
        self.parsed_pings = 0
        self._streams: dict[int, _Stream] = {}
        self._next_tag = 0
        self._parsed_read_ns = 0  # of the last read that was parsed

    def add(self, member: int, websocket: WebSocket, on_end: Callable[[], None]) -> int:
        """Register a connection and return the tag of its reads; `on_end` is called when its end has been parsed."""
        tag = self._next_tag
        self._next_tag += 1
        self._streams[tag] = _Stream(member, websocket, on_end, time.time_ns())
        return tag

    def forget(self, tag: int) -> None:
        """Drop a connection; reads of it that were not parsed yet are dropped with it."""
        self._streams.pop(tag, None)

    def held_bytes(self) -> float:
        """Estimate the bytes in `reads` by the sizes of the oldest and newest; the hot path counts no bytes."""
        reads = self.reads
        few = min(len(reads), 8)
        sample = [len(reads[n][1]) for n in range(-few, few)]
        return len(reads) * sum(sample) / max(len(sample), 1)

    def digest(self, max_items: int, max_bytes: int) -> Digest:
        """Parse the oldest reads until `max_items` reads and messages together, or `max_bytes`, are reached.

        Return the reads of connections that were not forgotten, and the stamped messages in them, in the clock's time.
        """
        data: list[bytes] = []
        starts: list[int] = []
        ends: list[int] = []
        per_read: list[tuple[int, int, int, int, int, int, bool]] = []
        timespecs: list[bytes] = []
        websockets: list[WebSocket] = []  # of each read, if the server sends pings
        has_pings = self._driver.has_pings
        base = reads = size = 0
        while self.reads and reads + len(starts) < max_items and size < max_bytes:
            tag, received, timespec, made_ns, polled_ns = self.reads.popleft()
            began_after_ns, self._parsed_read_ns = self._parsed_read_ns, made_ns
            reads += 1
            size += len(received)
            stream = self._streams.get(tag)
            if stream is None:
                continue
            if not received:
                stream.on_end()
                continue
            messages = stream.websocket.splitter.feed(received)
            if stream.websocket.protocol.writes:
                stream.websocket.send_replies()
            completed = len(messages.starts)
            no_time = 0 if timespec else completed
            came_after_ns = stream.floor_ns(polled_ns)
            # A shorter read has emptied its socket. Without a receive time it may be what TLS left of a full one.
            is_full = len(received) >= (READ_BYTES if timespec else READ_BYTES // 2)
            is_last_exact = messages.whole and timespec is not None and not is_full
            per_read.append((completed, no_time, base, stream.member, came_after_ns, made_ns, is_last_exact))
            timespecs.append(timespec or _as_timespec(made_ns))
            if has_pings:
                websockets.append(stream.websocket)
            if completed:
                data.append(messages.data)
                starts += messages.starts
                ends += messages.ends
                base += len(messages.data)
            # Bytes may have come between this read and its clock; the clock of the read before was read before it.
            stream.empty_ns = came_after_ns if is_full else max(came_after_ns, began_after_ns)
            stream.is_emptied = not is_full
        self.parsed += reads
        rows = np.array(per_read, np.int64).reshape(-1, 7)
        count, without_timestamp, bases, member, floor_ns, read_ns, is_exactly_timed = rows.T
        seconds, nanoseconds = np.frombuffer(b"".join(timespecs), np.int64).reshape(-1, 2).T
        arrival_ns = seconds * 1_000_000_000 + nanoseconds - self._clock.ahead_ns
        floor_ns -= self._clock.ahead_ns
        read_ns -= self._clock.ahead_ns
        read = np.repeat(np.arange(len(count)), count)
        shift = bases[read]
        is_exact = np.zeros(len(read), np.bool_)
        is_exact[(np.cumsum(count) - 1)[count > 0]] = is_exactly_timed[count > 0].astype(np.bool_)
        parsed = b"".join(data)
        begins, limits = np.array(starts, np.int64) + shift, np.array(ends, np.int64) + shift
        stamps = find_stamps(parsed, begins, limits)
        if has_pings:
            pings = np.zeros(len(count), np.int64)
            for index in np.setdiff1d(np.arange(len(begins)), stamps.payload, assume_unique=True).tolist():
                message = parsed[begins[index] : limits[index]]
                pings[read[index]] += self._driver.is_ping(message)
                websockets[read[index]].answer([message])
            self.parsed_pings += int(((pings == count) & (count > 0)).sum())
        read, is_exact = read[stamps.payload], is_exact[stamps.payload]
        length = self._message_size - LENGTH
        is_text = self._driver.opcode is Opcode.TEXT
        intact = are_intact(
            parsed, stamps.end, limits[stamps.payload], stamps.sender, stamps.seq, length, is_text=is_text
        )
        deliveries = Deliveries(
            receiver=member[read],
            sender=stamps.sender,
            seq=stamps.seq,
            due_ns=stamps.due_ns,
            arrival_ns=arrival_ns[read],
            floor_ns=np.where(is_exact, arrival_ns[read], floor_ns[read]),
            read_ns=read_ns[read],
            corrupted=(~intact).astype(np.int64),
        )
        return Digest(deliveries, Reads(read_ns, count, without_timestamp))


def _as_timespec(time_ns: int) -> bytes:
    return np.array(divmod(time_ns, 1_000_000_000), np.int64).tobytes()
