"""The article's architecture, in our own words: a queue for the room, a queue and two tasks for each user.

What a user says goes into the room's queue; a task takes it out and puts it into every user's queue; each user's sender
takes it out there. Sender and receiver of a user are gathered; `None` in a queue ends its sender.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

said: asyncio.Queue[str] = asyncio.Queue()
queues: dict[str, asyncio.Queue[str | None]] = {}


async def publish() -> None:
    """Put each message into every user's queue."""
    while True:
        message = await said.get()
        for queue in tuple(queues.values()):
            await queue.put(message)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Publish as long as the server runs."""
    publisher = asyncio.create_task(publish())
    yield
    publisher.cancel()


app = FastAPI(lifespan=lifespan)


async def send(websocket: WebSocket, queue: asyncio.Queue[str | None]) -> None:
    """Send a user what is in its queue."""
    while (message := await queue.get()) is not None:
        await websocket.send_text(message)


async def receive(websocket: WebSocket, user: str, queue: asyncio.Queue[str | None]) -> None:
    """Take what a user says."""
    try:
        while True:
            await said.put(json.dumps({"sender": user, "text": await websocket.receive_text()}))
    except WebSocketDisconnect:
        await queue.put(None)


@app.websocket("/chat")
async def chat(websocket: WebSocket, user_id: str) -> None:
    """Serve a user."""
    await websocket.accept()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    queues[user_id] = queue
    try:
        await asyncio.gather(send(websocket, queue), receive(websocket, user_id, queue))
    finally:
        queues.pop(user_id, None)
