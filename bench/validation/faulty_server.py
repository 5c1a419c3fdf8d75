"""A small chat server with one exact fault: `python -m bench.validation.faulty_server --fault lose`.

A tool that measures chat servers has to find exactly what the fault causes. It wraps texts on request, as other servers
do, and so can stand for any server.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

import click
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from loadtest.schedule.stamp import LENGTH

MARK = "lt1|"  # a stamped message begins with it
KICK_REASON = "no reason"
UNDEFINED_FRAME = b"\x83\x00"  # its opcode is reserved (RFC 6455, section 5.2)
REPEAT_AFTER_S = 0.5
OTHER_BYTE = "_"  # no text of the swarm has it
NOT_TLS = b"not a TLS record"
FRAGMENT_LENGTH = 20


class Fault:
    """No fault at all; the others derive from it and affect one stamped delivery in `every`, or one message.

    A delivery in the middle of each `every` is affected.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._deliveries = 0
        self._messages = 0

    def deliver(self, receiver: str, sender: str, text: str) -> list[str]:
        """Return the texts to send to `receiver` after `sender` sent `text`."""
        is_affected = self._count(sender) % self._every == self._every // 2
        return self._apply(receiver, sender, text) if is_affected else self._forward(receiver, sender, text)

    async def receive(self, members: dict[str, ServerConnection], sender: str) -> None:
        """Count a message before it is delivered; message number `every` since the start is affected."""
        self._messages += 1
        if self._messages == self._every:
            await self._break_connection(members, sender)

    async def send(self, member: ServerConnection, text: str) -> None:
        """Send one text to one member."""
        await member.send(text)

    def _count(self, sender: str) -> int:  # noqa: ARG002
        self._deliveries += 1
        return self._deliveries

    def _apply(self, receiver: str, sender: str, text: str) -> list[str]:
        return self._forward(receiver, sender, text)

    def _forward(self, _receiver: str, _sender: str, text: str) -> list[str]:
        return [text]

    async def _break_connection(self, members: dict[str, ServerConnection], sender: str) -> None:
        pass


class Lose(Fault):
    """Loses one delivery in `every`."""

    def _apply(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        return []


class Repeat(Fault):
    """Sends one delivery in `every` twice."""

    def _apply(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        return [text, text]


class RepeatLate(Fault):
    """Sends one delivery in `every` a second time, `REPEAT_AFTER_S` after the first."""

    def __init__(self, every: int) -> None:
        super().__init__(every)
        self._is_repeated = False
        self._repeating: set[asyncio.Task[None]] = set()

    def _apply(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        self._is_repeated = True
        return [text]

    async def send(self, member: ServerConnection, text: str) -> None:
        """Send one text, and have it sent again later where that is due."""
        is_repeated, self._is_repeated = self._is_repeated, False
        await member.send(text)
        if is_repeated:
            task = asyncio.create_task(self._repeat(member, text))
            self._repeating.add(task)
            task.add_done_callback(self._repeating.discard)

    async def _repeat(self, member: ServerConnection, text: str) -> None:
        await asyncio.sleep(REPEAT_AFTER_S)
        with suppress(ConnectionClosed):
            await member.send(text)


class LoseAndRepeat(Fault):
    """Loses one delivery in `every` and sends another one in `every` twice."""

    def deliver(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        """Return no text, two, or one."""
        self._deliveries += 1
        return [text] * {0: 0, 1: 2}.get(self._deliveries % self._every, 1)


class Swap(Fault):
    """Sends one delivery in `every` after the next one from the same sender to the same receiver.

    It counts the deliveries of each sender: their order is known, however late the server reads what senders send.
    """

    def __init__(self, every: int) -> None:
        super().__init__(every)
        self._deliveries_by_sender: Counter[str] = Counter()
        self._held: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def _count(self, sender: str) -> int:
        self._deliveries_by_sender[sender] += 1
        return self._deliveries_by_sender[sender]

    def _apply(self, receiver: str, sender: str, text: str) -> list[str]:
        self._held[receiver, sender].append(text)
        return []

    def _forward(self, receiver: str, sender: str, text: str) -> list[str]:
        return [text, *self._held.pop((receiver, sender), [])]


class Truncate(Fault):
    """Sends one delivery in `every` without its last byte."""

    def _apply(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        return [text[:-1]]


class Alter(Fault):
    """Replaces a byte in the middle of what follows the stamp of one delivery in `every`."""

    def _apply(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        middle = (LENGTH + len(text)) // 2
        return [text[:middle] + OTHER_BYTE + text[middle + 1 :]]


class TruncateAll(Fault):
    """Sends nothing but the stamp of every text."""

    def deliver(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        """Return the stamp."""
        return [text[:LENGTH]]


class NoEcho(Fault):
    """Sends no message to its own sender, as many chat servers do."""

    def deliver(self, receiver: str, sender: str, text: str) -> list[str]:
        """Return the text for everybody else."""
        return [] if receiver == sender else [text]


class KeepToItself(Fault):
    """Sends every message to its sender only."""

    def deliver(self, receiver: str, sender: str, text: str) -> list[str]:
        """Return the text for its sender."""
        return [text] if receiver == sender else []


class Kick(Fault):
    """Closes the connection of the member that joined first, once."""

    async def _break_connection(self, members: dict[str, ServerConnection], sender: str) -> None:  # noqa: ARG002
        await members.pop(next(iter(members))).close(1008, KICK_REASON)


class Malform(Fault):
    """Sends a frame that is not WebSocket to the sender of one message."""

    async def _break_connection(self, members: dict[str, ServerConnection], sender: str) -> None:
        members[sender].transport.write(UNDEFINED_FRAME)


class MalformTls(Fault):
    """Writes bytes that are not TLS to the socket of the sender of one message."""

    async def _break_connection(self, members: dict[str, ServerConnection], sender: str) -> None:
        os.write(members[sender].transport.get_extra_info("socket").fileno(), NOT_TLS)


class Fragment(Fault):
    """Pings before each text and sends it in two frames, which RFC 6455 allows."""

    async def send(self, member: ServerConnection, text: str) -> None:
        """Send a ping and two fragments."""
        await member.ping()
        await member.send([text[:FRAGMENT_LENGTH], text[FRAGMENT_LENGTH:]], text=True)


FAULTS: dict[str, type[Fault]] = {
    "none": Fault,
    "lose": Lose,
    "repeat": Repeat,
    "repeat-late": RepeatLate,
    "lose-and-repeat": LoseAndRepeat,
    "swap": Swap,
    "truncate": Truncate,
    "truncate-all": TruncateAll,
    "alter": Alter,
    "no-echo": NoEcho,
    "keep-to-itself": KeepToItself,
    "kick": Kick,
    "malform": Malform,
    "malform-tls": MalformTls,
    "fragment": Fragment,
}


class Room:
    """All members; each gets every message, except for the fault. `{}` in `wrapping` stands for a text."""

    def __init__(self, fault: Fault, wrapping: str) -> None:
        self._fault = fault
        self._before, _, self._after = wrapping.partition("{}")
        self._members: dict[str, ServerConnection] = {}

    async def chat(self, connection: ServerConnection) -> None:
        """Serve a member until its connection ends; its name is the last part of the path."""
        assert connection.request is not None
        user = re.split("[/=]", connection.request.path)[-1]
        self._members[user] = connection
        try:
            async for text in connection:
                if MARK in str(text):
                    await self._fault.receive(self._members, user)
                await self._to_all(user, str(text))
        finally:
            self._members.pop(user, None)

    async def _to_all(self, sender: str, text: str) -> None:
        for name, member in list(self._members.items()):
            with suppress(ConnectionClosed):  # it is just leaving
                for each in self._fault.deliver(name, sender, text) if MARK in text else [text]:
                    await self._fault.send(member, f"{self._before}{each}{self._after}")


async def run_server(room: Room, port: int, certificate: Path | None) -> None:
    """Listen on 127.0.0.1, print the address, and serve."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    async with serve(room.chat, "127.0.0.1", port, ssl=context, compression=None) as server:
        scheme = "wss" if certificate else "ws"
        click.echo(f"faulty server ready on {scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.wait_closed()


@click.command()
@click.option("--fault", type=click.Choice(list(FAULTS)), required=True, help="The fault.")
@click.option("--every", type=click.IntRange(2), default=1000, help="One in so many stamped deliveries is affected.")
@click.option("--wrapping", default="{}", help="What is sent in place of a text, as in '<b>{}</b>'.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="0 picks a free one.")
@click.option("--certificate", type=click.Path(dir_okay=False, path_type=Path), help="A PEM file, for wss.")
def main(fault: str, every: int, wrapping: str, port: int, certificate: Path | None) -> None:
    """Run a chat server with one exact fault."""
    asyncio.run(run_server(Room(FAULTS[fault](every), wrapping), port, certificate))


if __name__ == "__main__":
    main()
