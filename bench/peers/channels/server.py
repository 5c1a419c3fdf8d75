"""A chat room on Django Channels, with its in-memory layer, for daphne: `WS /chat?user_id=NAME`."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

settings.configure(
    SECRET_KEY="of a benchmark",  # noqa: S106 - nothing is signed
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 100_000}}},
)
django.setup()


class Chat(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A member of the group `chat`."""

    async def connect(self) -> None:
        """Join."""
        self.user = parse_qs(self.scope["query_string"].decode())["user_id"][0]
        await self.channel_layer.group_add("chat", self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        """Leave."""
        await self.channel_layer.group_discard("chat", self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        """Say."""
        message = json.dumps({"sender": self.user, "text": text_data})
        await self.channel_layer.group_send("chat", {"type": "said", "message": message})

    async def said(self, event: dict[str, str]) -> None:
        """Hear."""
        await self.send(text_data=event["message"])


app = ProtocolTypeRouter({"websocket": URLRouter([path("chat", Chat.as_asgi())])})
