"""The settings of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The flags of `python -m server`, with their defaults.

    `max_members` is per room, `max_rooms` of the server. A room keeps its last `history` messages for members that
    come back. In a room of more than `notice_limit` members joins and leaves are not announced; `None` announces
    them always. A member is kicked once more than `outbox_bytes` wait for it, or once its connection was full for
    `slow_after_s` seconds. A member that sends faster than `max_messages_per_second` or `max_bytes_per_second` is
    slowed, and closed with code 1008 if it goes on for `slow_after_s`; `None` is no limit. `allowed_hosts` and
    `allowed_origins` are let in besides those of `server.access.Access`. With the files (PEM) of a
    `tls_certificate` and its `tls_key`, connections are encrypted.
    """

    strategy: str = "coalesced"
    host: str = "127.0.0.1"
    port: int = 8000
    max_message_bytes: int = 65_536
    max_members: int = 20_000
    max_rooms: int = 10_000
    history: int = 1_000
    notice_limit: int | None = None
    outbox_bytes: int = 1_048_576
    slow_after_s: float = 5.0
    compression: bool = False
    max_messages_per_second: float | None = None
    max_bytes_per_second: float | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    tls_certificate: str | None = None
    tls_key: str | None = None
