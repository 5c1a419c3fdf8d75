"""What makes an open connection a member of the room: the exchange that the protocol's driver asks for."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.client.printable import printable
from loadtest.errors import ConnectError
from loadtest.protocols.driver import Driver, Identity


def join(
    driver: Driver,
    identity: Identity,
    send: Callable[[bytes], None],
    receive: Callable[[], bytes],
    mask: Callable[[str], str] | None = None,
) -> None:
    """Send what the driver yields, and give it the messages that it awaits; `receive` waits for the next one.

    `mask` takes secrets out of what may be shown: the user's token, unless it is given.

    Raises:
        ConnectError: an answer is not the expected one, or none came; what was last sent and received is in the text,
            masked.

    """
    mask = mask or identity.without_token
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
        more = [f"last sent: {_shown(sent, mask)}"] if sent else []
        if received and (shown := _shown(received, mask)) not in told:
            more.append(f"last received: {shown}")
        raise ConnectError("; ".join([mask(told), *more])) from None


def _shown(message: bytes, mask: Callable[[str], str]) -> str:
    """Return a message as it may be shown; secrets go first, as a part of a long one would not be found."""
    return printable(mask(message.decode(errors="replace")))
