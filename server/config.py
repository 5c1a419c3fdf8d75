"""uvicorn's configuration for the chat room."""

from __future__ import annotations

import asyncio
import resource

import uvicorn
from fastapi import FastAPI

from server.settings import Settings
from server.telemetry import Counters
from server.waiting import Waiting

SHUTDOWN_LIMIT_S = 8
"""For all connections together, each of which has its own, shorter limit: `server.protocol.CLOSE_GRACE_S`."""

BACKLOG = 2_048
"""Connections that may wait to be accepted."""


class ChatConfig(uvicorn.Config):
    """uvicorn's configuration, and what its connections need besides: the limits for slow peers, and the counters.

    `http` and `websocket` are the classes of connections. `waiting` are those that have sent no whole request or do
    not read its answer; they may be half of what the process may open.
    """

    def __init__(
        self,
        app: FastAPI,
        settings: Settings,
        counters: Counters,
        http: type[asyncio.Protocol],
        websocket: type[asyncio.Protocol],
    ) -> None:
        self.waiting = Waiting(max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))
        self.outbox_bytes = settings.outbox_bytes
        self.slow_after_s = settings.slow_after_s
        self.counters = counters
        super().__init__(
            app,
            loop="uvloop",
            http=http,
            ws=websocket,
            ws_max_size=settings.max_message_bytes,
            ws_per_message_deflate=settings.compression,
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=SHUTDOWN_LIMIT_S,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
