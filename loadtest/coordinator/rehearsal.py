"""Before a run: two members and one message, to see whether the server passes it on, and to its sender too."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import gevent

from loadtest.client.target import Target
from loadtest.client.websocket import WebSocket
from loadtest.errors import ConnectError, RehearsalError
from loadtest.ledger.records import MAX_SENDER, MAX_SEQ
from loadtest.schedule.stamp import LENGTH, stamped_text

CONNECT_LIMIT_S = 10.0
LEAVE_LIMIT_S = 2.0
PASS_ON_LIMIT_S = 10.0
ECHO_LIMIT_S = 1.0
"""Once another member has the message, its sender has this long to get its own copy."""
POLL_S = 0.002
READ_BYTES = 65_536
SHOWN_BYTES = 120


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What it added to the counts of a run: messages, and deliveries of them."""

    sent: int = 0
    received: int = 0


def rehearse(target: Target, message_size: int, *, has_echo: bool) -> Rehearsal:
    """Let two members join, and one of them say something; a server that cannot be joined is left to the users.

    Raises:
        RehearsalError: the message was not passed on, or its sender has a copy although it should not, or the reverse.

    """
    with ExitStack() as stack:
        members = [WebSocket(target, f"u{MAX_SENDER - number:06d}") for number in range(2)]
        try:
            for member in members:
                member.connect(CONNECT_LIMIT_S)
                stack.callback(_leave, member)
        except (ConnectError, OSError):
            return Rehearsal()
        now_ns = time.time_ns()
        text = stamped_text(MAX_SENDER, MAX_SEQ, now_ns, now_ns, message_size)
        sender, other = (_Listener(member, text[:LENGTH]) for member in members)
        members[0].send_text(text)
        _wait_until(lambda: other.has_it(), PASS_ON_LIMIT_S)
        if not other.has_it():
            raise RehearsalError(_not_passed_on(other))
        _wait_until(lambda: sender.has_it(), ECHO_LIMIT_S)
        if sender.has_it() != has_echo:
            raise RehearsalError(_WITHOUT_ECHO if has_echo else _WITH_ECHO)
        return Rehearsal(sent=1, received=1 + sender.has_it())


def _leave(member: WebSocket) -> None:
    member.drop_reads()
    member.close(LEAVE_LIMIT_S)


class _Listener:
    """One member, and what it has received."""

    def __init__(self, member: WebSocket, stamp: bytes) -> None:
        self.member = member
        self.texts: list[bytes] = []
        self._stamp = stamp

    def has_it(self) -> bool:
        """Read, and tell whether the message has come."""
        if not self.member.ended.is_set():
            self.texts += self.member.read_texts(READ_BYTES)
        return any(self._stamp in text for text in self.texts)


def _wait_until(condition: Callable[[], bool], limit_s: float) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline_s:
        gevent.sleep(POLL_S)


_WITHOUT_ECHO = (
    "the server does not send a message to its sender: another member received one, and its sender did not within "
    f"{ECHO_LIMIT_S:g} s; add --no-echo, and no such copies are expected"
)
_WITH_ECHO = "the server sends a message to its sender, too; leave out --no-echo, or these copies are not judged"


def _not_passed_on(other: _Listener) -> str:
    if other.member.ended.is_set():
        seen = f"its connection ended ({other.member.why_ended()})"
    elif other.texts:
        seen = f"it received {len(other.texts)} other texts, the last: {other.texts[-1][:SHOWN_BYTES]!r}"
    else:
        seen = "it received nothing"
    return (
        f"the server does not pass messages on: two members joined, one sent a text, and the other did not have it "
        f"within {PASS_ON_LIMIT_S:g} s; {seen}. All users have to be in one room (--url-path), and a text has to reach "
        "them as it was sent, in whatever envelope"
    )
