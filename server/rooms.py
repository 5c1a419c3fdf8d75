"""All rooms of a server, and who may join."""

from __future__ import annotations

import unicodedata
from http import HTTPStatus
from time import monotonic

from server.errors import RefusedError
from server.history import History, Position
from server.member import Member
from server.room import Room
from server.settings import Settings
from server.strategies import strategy_named
from server.telemetry import Counters

MAX_NAME_LENGTH = 64
INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that show nothing, or nothing that is agreed on: unassigned, private, surrogates."""
INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800)),
        *((0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFFD, 0xFFFD), (0x1D159, 0x1D159)),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
"""Those of other categories: fillers, variation selectors (Default_Ignorable_Code_Point), the empty Braille cell and
note head, and what stands for bytes that are no UTF-8."""


KEPT_S = 300.0
"""The history of a room without members is kept for so long..."""
KEPT_BYTES = 64 * 1_048_576
"""...and the newest of those that have so many bytes together."""


class Rooms:
    """The rooms by name: the first user to join opens a room, the last to leave closes it.

    The history of a closed room is kept for a while, for who comes back; at most those of `max_rooms` are.
    """

    def __init__(self, settings: Settings, counters: Counters) -> None:
        self._strategy = strategy_named(settings.strategy)
        self.counters = counters
        self._settings = settings
        self._rooms: dict[str, Room] = {}
        self._closed: dict[str, tuple[float, History]] = {}  # since when, the longest ago first
        self._closed_bytes = 0

    def reserve(self, room_name: str, name: str) -> None:
        """Keep a name in a room for one user, so that no two users can join with it at once; then `host` the user.

        Raises:
            RefusedError: 400 a bad name, 409 a taken one, 503 the room is full, or would be one too many.

        """
        _check_name("name", name)
        _check_name("room", room_name)
        room = self._rooms.get(room_name)
        if room is None:
            if len(self._rooms) >= self._settings.max_rooms:
                raise RefusedError(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    f"there are {len(self._rooms)} rooms, and room {room_name!r} would be one too many; join one of "
                    "those, or start the server with a higher --max-rooms",
                )
            history = self._take_back(room_name) or History(self._settings.history)
            room = self._rooms[room_name] = Room(self._strategy, self.counters, self._settings, history)
        elif _name_key(name) in room.names:
            raise RefusedError(
                HTTPStatus.CONFLICT, f"name {name!r} is taken in room {room_name!r}; choose another name"
            )
        elif len(room.names) >= self._settings.max_members:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"room {room_name!r} is full with {len(room.names)} members; choose another room",
            )
        room.names.add(_name_key(name))

    async def host(self, room_name: str, member: Member, since: Position | None = None) -> None:
        """Keep a user in a room where its name is reserved, until it leaves; then its name is free again.

        One that comes back says `since` when.
        """
        room = self._rooms[room_name]
        try:
            await member.accept()
            await room.host(member, since)
        finally:
            room.names.remove(_name_key(member.name))
            if not room.names:
                self._close(room_name)

    def _close(self, room_name: str) -> None:
        """End a room that has no members, and keep its history for a while."""
        room = self._rooms.pop(room_name)
        room.close()
        self._closed[room_name] = monotonic(), room.history
        self._closed_bytes += room.history.size_bytes
        self._forget()

    def _take_back(self, room_name: str) -> History | None:
        """Return the history of a closed room, if it is still kept."""
        self._forget()
        if room_name not in self._closed:
            return None
        _, history = self._closed.pop(room_name)
        self._closed_bytes -= history.size_bytes
        return history

    def _forget(self) -> None:
        """Forget the histories of rooms that were closed too long ago, and the oldest ones if they are too many."""
        while self._closed:
            name, (closed_s, history) = next(iter(self._closed.items()))
            is_too_much = len(self._closed) > self._settings.max_rooms or self._closed_bytes > KEPT_BYTES
            if not is_too_much and closed_s > monotonic() - KEPT_S:
                return
            del self._closed[name]
            self._closed_bytes -= history.size_bytes

    def __len__(self) -> int:
        return len(self._rooms)

    def members(self, room_name: str | None = None) -> list[Member]:
        """Return the members of one room, or of all."""
        rooms = [room for name, room in self._rooms.items() if room_name in (None, name)]
        return [member for room in rooms for member in room.members.values()]

    def stop_notices(self) -> None:
        """Announce nothing from now on: when the server stops, n members leaving would cost n^2 notices."""
        for room in self._rooms.values():
            room.announces = False


def _check_name(what: str, name: str) -> None:
    if not name:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"missing {what}; join with /chat?user_id=NAME&room=ROOM")
    if (
        len(name) > MAX_NAME_LENGTH
        or name != name.strip()
        or unicodedata.normalize("NFKC", name).startswith("@")
        or unicodedata.category(name[0]).startswith("M")
        or any(map(_is_invisible, name))
    ):
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"bad {what} {name[: MAX_NAME_LENGTH + 1]!r}; choose 1 to {MAX_NAME_LENGTH} characters, none of them "
            "invisible, no blank at either end, and neither '@' nor a combining mark at the start",
        )


def _name_key(name: str) -> str:
    """Return what all spellings of a name have in common: composed or not, with any width, and any blanks."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _is_invisible(character: str) -> bool:
    return character in INVISIBLE or unicodedata.category(character) in INVISIBLE_CATEGORIES
