"""Command line of the chat room server."""

from __future__ import annotations

import gc
import math
import resource
import ssl
from collections.abc import Callable

import click

from server.access import check_host_setting, check_origin_setting
from server.errors import StrategyError
from server.lifecycle import ChatServer, bind
from server.settings import Settings
from server.strategies import STRATEGIES, strategy_named

DEFAULTS = Settings()
SPARE_FILES = 1_000
"""Open files beyond one for each member: other rooms, HTTP, refused joins."""


def _check_finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to count with; give a finite one")
    return value


def _each(check: Callable[[str], str]) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], tuple[str, ...]]:
    """Return a callback that checks each value of a flag that is repeatable; `check` raises ValueError."""

    def callback(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(map(check, values))
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def _check_strategy(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    try:
        return strategy_named(name).name
    except StrategyError as error:
        raise click.BadParameter(str(error)) from None


@click.command(context_settings={"show_default": True})
@click.option(
    "--strategy",
    default=DEFAULTS.strategy,
    metavar="|".join(STRATEGIES),
    callback=_check_strategy,
    help="How a message reaches every member; or the name of a strategy from another package.",
)
@click.option("--host", default=DEFAULTS.host, help="Address to listen on.")
@click.option("--port", default=DEFAULTS.port, type=click.IntRange(0, 65_535), help="0 picks a free one.")
@click.option(
    "--max-message-bytes",
    default=DEFAULTS.max_message_bytes,
    type=click.IntRange(min=1),
    help="A larger message ends its sender's connection with code 1009.",
)
@click.option(
    "--max-members", default=DEFAULTS.max_members, type=click.IntRange(min=1), help="Members a room may have."
)
@click.option(
    "--max-rooms",
    default=DEFAULTS.max_rooms,
    type=click.IntRange(min=1),
    help="Rooms the server may have; one without members does not count.",
)
@click.option(
    "--history",
    default=DEFAULTS.history,
    type=click.IntRange(min=0),
    help="Messages a room keeps for members that come back.",
)
@click.option(
    "--notice-limit",
    default=DEFAULTS.notice_limit,
    show_default="none",
    type=click.IntRange(min=0),
    help="In a room of more members than this, joins and leaves are not announced.",
)
@click.option(
    "--outbox-bytes",
    default=DEFAULTS.outbox_bytes,
    type=click.IntRange(min=1),
    help="Bytes that may wait for a member; if more do, it is kicked.",
)
@click.option(
    "--slow-after",
    "slow_after_s",
    default=DEFAULTS.slow_after_s,
    type=click.FloatRange(min=0, min_open=True),
    callback=_check_finite,
    help="Seconds for which a member's connection may be full; then it is kicked.",
)
@click.option(
    "--max-messages-per-second",
    show_default="no limit",
    type=click.FloatRange(min=0, min_open=True),
    callback=_check_finite,
    help="A member that sends more is slowed, and closed with code 1008 if it goes on for --slow-after.",
)
@click.option(
    "--max-bytes-per-second",
    show_default="no limit",
    type=click.FloatRange(min=0, min_open=True),
    callback=_check_finite,
    help="The same for the bytes of its texts.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    callback=_each(check_host_setting),
    help="A name by which clients may reach the server, besides IP addresses, localhost and --host; * allows all.",
)
@click.option(
    "--allowed-origin",
    "allowed_origins",
    multiple=True,
    metavar="SCHEME://HOST[:PORT]",
    callback=_each(check_origin_setting),
    help="Pages of this origin may join, besides the server's own; * allows all.",
)
@click.option(
    "--compression/--no-compression",
    default=DEFAULTS.compression,
    help="Offer permessage-deflate to clients.",
)
@click.option(
    "--tls-certificate",
    show_default="no TLS",
    type=click.Path(exists=True, dir_okay=False),
    help="A file (PEM) with the server's certificate and those that it rests on.",
)
@click.option(
    "--tls-key",
    show_default="in the same file",
    type=click.Path(exists=True, dir_okay=False),
    help="A file (PEM) with the certificate's key.",
)
def main(
    strategy: str,
    host: str,
    port: int,
    max_message_bytes: int,
    max_members: int,
    max_rooms: int,
    history: int,
    notice_limit: int | None,
    outbox_bytes: int,
    slow_after_s: float,
    compression: bool,
    max_messages_per_second: float | None,
    max_bytes_per_second: float | None,
    allowed_hosts: tuple[str, ...],
    allowed_origins: tuple[str, ...],
    tls_certificate: str | None,
    tls_key: str | None,
) -> None:
    """Run a chat room until SIGTERM or Ctrl-C; a second one does not wait for the members."""
    settings = Settings(
        strategy=strategy,
        host=host,
        port=port,
        max_message_bytes=max_message_bytes,
        max_members=max_members,
        max_rooms=max_rooms,
        history=history,
        notice_limit=notice_limit,
        outbox_bytes=outbox_bytes,
        slow_after_s=slow_after_s,
        compression=compression,
        max_messages_per_second=max_messages_per_second,
        max_bytes_per_second=max_bytes_per_second,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
    )
    _check_tls(settings)
    try:
        listener = bind(host, port)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another --host or --port"
        ) from None
    _raise_open_file_limit(max_members + SPARE_FILES)
    server = ChatServer(settings)
    # All that exists now lives as long as the process; full collections need not visit it.
    gc.collect()
    gc.freeze()
    server.run(sockets=[listener])


def _check_tls(settings: Settings) -> None:
    if settings.tls_key and not settings.tls_certificate:
        raise click.UsageError("--tls-key is that of a --tls-certificate; give both")
    if not settings.tls_certificate:
        return
    try:
        # An empty pass phrase opens nothing; without one OpenSSL would ask for it, on a terminal or not.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key, "")
    except OSError as error:  # ssl.SSLError is one
        raise click.UsageError(
            f"--tls-certificate {settings.tls_certificate!r} and its key cannot be used: {error}; give files in PEM, "
            "and the key without a pass phrase"
        ) from None


def _raise_open_file_limit(wanted: int) -> None:
    """Allow this process as many open files as it wants, or as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
