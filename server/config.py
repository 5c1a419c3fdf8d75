"""uvicorn's configuration for the chat room."""

from __future__ import annotations

import asyncio

import uvicorn
from fastapi import FastAPI

from server.settings import Settings
from server.telemetry import Counters

SHUTDOWN_LIMIT_S = 8
"""For all connections together, each of which has its own, shorter limit: `server.protocol.CLOSE_GRACE_S`."""

BACKLOG = 2_048
"""Connections that may wait to be accepted."""


class ChatConfig(uvicorn.Config):
    """uvicorn's configuration, and what a `ChatProtocol` needs besides: the limits for a slow peer, and the counters.

    `protocol` is the class of each WebSocket connection.
    """

    def __init__(self, app: FastAPI, settings: Settings, counters: Counters, protocol: type[asyncio.Protocol]) -> None:
        self.outbox_bytes = settings.outbox_bytes
        self.slow_after_s = settings.slow_after_s
        self.counters = counters
        super().__init__(
            app,
            loop="uvloop",
            ws=protocol,
            ws_max_size=settings.max_message_bytes,
            ws_per_message_deflate=settings.compression,
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=SHUTDOWN_LIMIT_S,
        )
