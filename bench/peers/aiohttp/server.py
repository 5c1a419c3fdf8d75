"""A chat room on aiohttp: `PORT`; each member's send is awaited in turn."""

from __future__ import annotations

import json
import sys

import uvloop
from aiohttp import WSMsgType, web

room: set[web.WebSocketResponse] = set()


async def chat(request: web.Request) -> web.WebSocketResponse:
    """Pass on what a member says, also to itself."""
    member = web.WebSocketResponse(compress=False)
    await member.prepare(request)
    user = request.query["user_id"]
    room.add(member)
    try:
        async for message in member:
            if message.type is WSMsgType.TEXT:
                said = json.dumps({"sender": user, "text": message.data})
                for other in tuple(room):
                    if not other.closed:
                        await other.send_str(said)
    finally:
        room.discard(member)
    return member


uvloop.install()
app = web.Application()
app.add_routes([web.get("/chat", chat)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, backlog=2048)
