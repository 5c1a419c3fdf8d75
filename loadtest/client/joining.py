"""What makes an open connection a member of the room: the exchange that the protocol's driver asks for."""

from __future__ import annotations

import json
from collections.abc import Callable

from loadtest.client.printable import printable
from loadtest.errors import ConnectError
from loadtest.protocols.driver import Driver, Identity


def join(driver: Driver, identity: Identity, send: Callable[[bytes], None], receive: Callable[[], bytes]) -> None:
    """Send what the driver yields, and give it the messages that it awaits; `receive` waits for the next one.

    Raises:
        ConnectError: an answer is not the expected one, or none came; what was last sent and received is in the text,
            with `{token}` in the place of the user's, also of one that JSON escapes.

    """
    joining = driver.join(identity)
    sent = received = b""
    try:
        step = next(joining)
        while True:
            if step is None:
                received = receive()
                step = joining.send(received)
            else:
                sent = step
                send(sent)
                step = joining.send(b"")
    except StopIteration:
        return
    except ConnectError as error:
        told = str(error)
        more = [f"last sent: {_shown(sent, identity)}"] if sent else []
        if received and (shown := _shown(received, identity)) not in told:
            more.append(f"last received: {shown}")
        raise ConnectError("; ".join([_without_token(told, identity), *more])) from None


def _shown(message: bytes, identity: Identity) -> str:
    """Return a message as it may be shown; its token goes first, as a part of a long one would not be found."""
    return printable(_without_token(message.decode(errors="replace"), identity))


def _without_token(text: str, identity: Identity) -> str:
    if not identity.token:
        return text
    escaped = json.dumps(identity.token)[1:-1]
    for token in sorted({identity.token, escaped}, key=len, reverse=True):
        text = text.replace(token, "{token}")
    return text
