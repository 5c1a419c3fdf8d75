"""What makes an open connection a member of the room: the exchange that the protocol's driver asks for."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.client.printable import printable
from loadtest.errors import ConnectError
from loadtest.protocols.driver import Driver, Identity


def join(driver: Driver, identity: Identity, send: Callable[[bytes], None], receive: Callable[[], bytes]) -> None:
    """Send what the driver yields, and give it the messages that it awaits; `receive` waits for the next one.

    Raises:
        ConnectError: an answer is not the expected one, or none came; what was last sent and received is in the text,
            with `{token}` in the place of the user's.

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
        raise ConnectError("; ".join([str(error), *_exchanged(identity, sent, received, str(error))])) from error


def _exchanged(identity: Identity, sent: bytes, received: bytes, told: str) -> list[str]:
    """Say what went over the wire last, as far as it is not `told`."""
    shown = printable(sent.decode(errors="replace"))
    if identity.token:
        shown = shown.replace(identity.token, "{token}")
    got = printable(received.decode(errors="replace"))
    return [f"last sent: {shown}"] * bool(sent) + [f"last received: {got}"] * bool(received and got not in told)
