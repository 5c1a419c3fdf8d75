"""Before a run: two members and one message, to see whether the server passes it on, and to its sender too.

Where users are in several rooms, a third member in another one must not get it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import gevent

from loadtest.client.endpoint import room_name
from loadtest.client.printable import printable
from loadtest.client.target import Target
from loadtest.client.websocket import WebSocket
from loadtest.errors import ConnectError, RehearsalError
from loadtest.ledger.records import MAX_SENDER, MAX_SEQ
from loadtest.schedule.stamp import stamped_text

CONNECT_LIMIT_S = 10.0
LEAVE_LIMIT_S = 2.0
PASS_ON_LIMIT_S = 10.0
ECHO_LIMIT_S = 1.0
"""Once another member has the message, its sender has this long to get its own copy."""
POLL_S = 0.002
READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What it added to the counts of a run: messages, and deliveries of them."""

    sent: int = 0
    received: int = 0


def rehearse(target: Target, message_size: int, *, has_echo: bool, has_rooms: bool = False) -> Rehearsal:
    """Exchange a message before a run; a server that cannot be joined is left to the users.

    Raises:
        RehearsalError: see `exchange`.

    """
    try:
        return exchange(target, message_size, has_echo=has_echo, has_rooms=has_rooms)
    except (ConnectError, OSError):
        return Rehearsal()


def exchange(
    target: Target,
    message_size: int,
    *,
    has_echo: bool,
    has_rooms: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Rehearsal:
    """Let two members join, and one of them say something; `tell` hears of each step that worked.

    If the swarm `has_rooms`, a third joins another room.

    Raises:
        ConnectError: a member could not join.
        OSError: the system refused.
        RehearsalError: the message was not passed on as it was, its sender has a copy although it should not, or the
            reverse, it reached another room, or a connection ended.

    """
    with ExitStack() as stack:
        rooms = [room_name(0, 1 + has_rooms)] * 2 + [room_name(1, 2)] * has_rooms
        members = [WebSocket(target, f"u{MAX_SENDER - n:06d}", room=room) for n, room in enumerate(rooms)]
        for member in members:
            member.connect(CONNECT_LIMIT_S)
            stack.callback(_leave, member)
        tell("two users joined, and a third another room" if has_rooms else "two users joined")
        now_ns = time.time_ns()
        text = stamped_text(MAX_SENDER, MAX_SEQ, now_ns, now_ns, message_size)
        sender, other, *outsiders = (_Listener(member, text) for member in members)
        members[0].send_text(text)
        if not _hears(other, PASS_ON_LIMIT_S, sender):
            raise RehearsalError(_not_passed_on(target.endpoint.driver.wrap_in(rooms[0])(text), other))
        tell("what one said reached the other unaltered")
        has_its_own = _hears(sender, ECHO_LIMIT_S, other)
        if has_its_own != has_echo:
            raise RehearsalError(_WITHOUT_ECHO if has_echo else _WITH_ECHO)
        tell("its sender has its own copy" if has_echo else "its sender has no copy, as expected")
        for outsider in outsiders:
            if _hears(outsider, ECHO_LIMIT_S, other):
                raise RehearsalError(_NOT_APART.format(*rooms[1:]))
            tell("it did not reach the other room")
        return Rehearsal(sent=1, received=1 + has_its_own)


def _leave(member: WebSocket) -> None:
    if not member.ended.is_set():
        member.drop_reads()
        member.close(LEAVE_LIMIT_S)


class _Listener:
    """One member, and what it has received."""

    def __init__(self, member: WebSocket, said: bytes) -> None:
        self.member = member
        self.texts: list[bytes] = []
        self._said = said

    def read(self) -> None:
        """Read what there is.

        Raises:
            RehearsalError: the connection has ended.

        """
        if not self.member.ended.is_set():
            self.texts += self.member.read_texts(READ_BYTES)
        if self.member.ended.is_set():
            raise RehearsalError(_LOST.format(self.member.why_ended()))

    @property
    def has_it(self) -> bool:
        """Whether the message has come."""
        return any(self._said in text for text in self.texts)


def _hears(listener: _Listener, limit_s: float, other: _Listener) -> bool:
    """Read until a member has the message, for at most so long; return whether it has.

    Raises:
        RehearsalError: the connection of one of them has ended.

    """
    deadline_s = time.monotonic() + limit_s
    while True:
        other.read()
        listener.read()
        if listener.has_it or time.monotonic() >= deadline_s:
            return listener.has_it
        gevent.sleep(POLL_S)


_LOST = (
    "the server does not keep users in the room: two members joined, and the connection of one ended, as {}; give what "
    "it asks for (--url-path, --header, --subprotocol; in a file url_path, headers and subprotocol of [join], and what "
    "[protocol] sends to join)"
)
_NOT_APART = (
    "the server does not keep rooms apart: what was said in room {!r} reached a member of room {!r}; let users say "
    "their room by {{room}} (--url-path, --header; in a file url_path and headers of [join], and what [protocol] sends "
    "to join), or leave out --rooms"
)
_WITHOUT_ECHO = (
    "the server does not send a message to its sender: another member received one, and its sender did not within "
    f"{ECHO_LIMIT_S:g} s; add --no-echo, in a file hears_itself = false to [join], and no such copies are expected"
)
_WITH_ECHO = (
    "the server sends a message to its sender, too; leave out --no-echo, in a file hears_itself = false, or these "
    "copies are not judged"
)


def _not_passed_on(sent: bytes, other: _Listener) -> str:
    if other.texts:
        seen = f"the last text that it received, of {len(other.texts)}: {_shown(other.texts[-1])}"
    else:
        seen = "it received nothing"
    return (
        f"the server does not pass messages on: two members joined, one sent {_shown(sent)}, and the other did not "
        f"have what it said within {PASS_ON_LIMIT_S:g} s; {seen}. All users have to be in one room (--url-path; in a "
        "file url_path of [join], and what [protocol] sends to join), a message has to be what the server takes for "
        "one (message of [protocol]), and its text has to reach them as it was sent, in whatever envelope"
    )


def _shown(message: bytes) -> str:
    return printable(message.decode(errors="replace"))
