"""A tiny chat server with one exact fault: `python -m bench.validation.selftest.faulty_server --fault lose`."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import click
from websockets.asyncio.server import ServerConnection, serve

MARK = "lt1|"  # what a stamped message begins with


class Honest:
    """What becomes of each stamped delivery: it is made. Faults derive from it and strike one in `every`.

    They strike the one in the middle of each `every`: where n members take turns, what is held back is followed by
    another message of its sender as long as half of `every` is at least n * n.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._count = 0

    def deliver(self, receiver: str, sender: str, text: str) -> list[str]:
        """Return the texts to send to `receiver` now that `sender` has said `text`."""
        self._count += 1
        is_struck = self._count % self._every == self._every // 2
        return self._strike(receiver, sender, text) if is_struck else self._spare(receiver, sender, text)

    def _strike(self, receiver: str, sender: str, text: str) -> list[str]:
        return self._spare(receiver, sender, text)

    def _spare(self, _receiver: str, _sender: str, text: str) -> list[str]:
        return [text]


class Lose(Honest):
    """Loses one delivery in `every`."""

    def _strike(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        return []


class Repeat(Honest):
    """Makes one delivery in `every` twice."""

    def _strike(self, receiver: str, sender: str, text: str) -> list[str]:  # noqa: ARG002
        return [text, text]


class Swap(Honest):
    """Makes one delivery in `every` after the next one from the same sender to the same receiver."""

    def __init__(self, every: int) -> None:
        super().__init__(every)
        self._held: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def _strike(self, receiver: str, sender: str, text: str) -> list[str]:
        self._held[receiver, sender].append(text)
        return []

    def _spare(self, receiver: str, sender: str, text: str) -> list[str]:
        return [text, *self._held.pop((receiver, sender), [])]


FAULTS: dict[str, type[Honest]] = {"lose": Lose, "repeat": Repeat, "swap": Swap}


class Room:
    """All who are connected; everybody gets everything, but for the fault."""

    def __init__(self, fault: Honest) -> None:
        self._fault = fault
        self._members: dict[str, ServerConnection] = {}

    async def chat(self, connection: ServerConnection) -> None:
        """Take part until the connection ends."""
        assert connection.request is not None
        user = connection.request.path.rpartition("=")[2]
        self._members[user] = connection
        try:
            async for text in connection:
                await self._to_all(user, str(text))
        finally:
            del self._members[user]

    async def _to_all(self, sender: str, text: str) -> None:
        for name, member in list(self._members.items()):
            for each in self._fault.deliver(name, sender, text) if MARK in text else [text]:
                await member.send(each)


async def host(fault: Honest) -> None:
    """Listen on a free port of 127.0.0.1, tell which, and chat."""
    async with serve(Room(fault).chat, "127.0.0.1", 0, compression=None) as server:
        click.echo(f"faulty server ready on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.wait_closed()


@click.command()
@click.option("--fault", type=click.Choice(list(FAULTS)), required=True, help="What goes wrong.")
@click.option("--every", type=click.IntRange(2), default=1000, help="For one in so many stamped deliveries.")
def main(fault: str, every: int) -> None:
    """Chat, with one exact fault."""
    asyncio.run(host(FAULTS[fault](every)))


if __name__ == "__main__":
    main()
