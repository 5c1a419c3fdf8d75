"""What a server is started with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The flags of `python -m server`, with their defaults.

    `max_members` is per room. In a room of more than `notice_limit` members joins and leaves are
    not announced; `None` announces them always.
    """

    strategy: str = "queue"
    host: str = "127.0.0.1"
    port: int = 8000
    max_message_bytes: int = 65_536
    max_members: int = 20_000
    notice_limit: int | None = None
    compression: bool = False
