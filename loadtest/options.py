"""The swarm's own flags, beside Locust's, as one frozen value."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadtest.client.endpoint import Endpoint
from loadtest.errors import OptionError
from loadtest.join_options import add_join_flags, read_endpoint
from loadtest.protocols.driver import ROOM, SINCE
from loadtest.schedule.arrivals import ARRIVALS, Burst, Rate
from loadtest.schedule.churn import Churn
from loadtest.schedule.flood import Flood, messages_and_size
from loadtest.schedule.load import Load
from loadtest.schedule.stamp import LENGTH
from loadtest.values import count, not_negative, ns_in_window, port, positive, steps, whole, writable


@dataclass(frozen=True, slots=True)
class Options:
    """One run of the swarm; `steps` is empty for consecutive windows at Locust's own user count.

    The users are dealt out to `rooms` rooms, each of which is offered the load.

    A member that falls out tries to rejoin every `rejoin_every_s` seconds; 0 for never. `rehearses`: two members and
    one message go ahead of a run, to see what the server does.
    """

    load: Load
    steps: tuple[int, ...]
    dwell_s: float
    warmup_s: float
    drain_s: float
    endpoint: Endpoint
    stalled: int
    stalled_bytes_per_s: int
    flood: Flood
    churn: Churn
    rejoin_every_s: float
    swarm_out: Path | None
    live_out: Path | None = None
    server_metrics: str = ""
    rehearses: bool = True
    samples: bool = True
    rooms: int = 1

    @classmethod
    def of(cls, parsed: Any) -> Options:
        """Read Locust's parsed options, which its web UI may have changed.

        Raises:
            OptionError: a value from the web UI is out of its range, or two values do not go together.

        """
        counts = steps(parsed.steps or "")
        smallest = counts[0] if counts else parsed.num_users
        if smallest is not None and smallest < 1:
            raise OptionError(f"there has to be a user, not {smallest}; give -u a whole number from 1")
        messages, size_bytes = messages_and_size(parsed.flood or "")
        flooders = count(parsed.flooders) if messages else 0
        user_rate = not_negative(parsed.user_rate or 0)
        dwell_s = positive(parsed.dwell)
        rooms = whole(parsed.rooms)
        endpoint = _endpoint(parsed, rooms)
        _check_rooms(rooms, endpoint, smallest)
        return cls(
            load=Load(
                rate=Rate(user_rate or positive(parsed.room_rate), of_each_user=user_rate > 0),
                burst=Burst(
                    factor=positive(parsed.burst_factor),
                    start_ns=ns_in_window("--burst-at", parsed.burst_at, dwell_s),
                    length_ns=int(positive(parsed.burst_for) * 1e9),
                ),
                arrival=_arrival(parsed.arrival),
                seed=count(parsed.seed),
                message_size=count(parsed.message_size),
            ),
            steps=counts,
            dwell_s=dwell_s,
            warmup_s=not_negative(parsed.warmup),
            drain_s=positive(parsed.drain),
            endpoint=endpoint,
            stalled=_fewer("--stalled", count(parsed.stalled), smallest),
            stalled_bytes_per_s=count(parsed.stalled_bytes_per_s),
            flood=Flood(
                users=_fewer("--flooders", flooders, smallest and smallest - count(parsed.stalled)),
                messages=messages,
                size_bytes=size_bytes,
                after_ns=ns_in_window("--flood-at", parsed.flood_at, dwell_s),
            ),
            churn=Churn(
                churn_rate=not_negative(parsed.churn_rate),
                storm_after_ns=ns_in_window("--reconnect-at", parsed.reconnect_at, dwell_s),
                away_s=not_negative(parsed.reconnect_jitter),
                drop_rate=not_negative(parsed.drop_rate),
            ),
            rejoin_every_s=not_negative(parsed.rejoin_every),
            swarm_out=Path(parsed.swarm_out) if parsed.swarm_out else None,
            live_out=Path(parsed.live_out) if parsed.live_out else None,
            server_metrics=parsed.server_metrics or "",
            rehearses=not parsed.no_rehearsal,
            samples=not parsed.no_samples,
            rooms=rooms,
        )


def _check_rooms(rooms: int, endpoint: Endpoint, users: int | None) -> None:
    if users is not None and rooms > users:
        raise OptionError(f"--rooms {rooms} leaves rooms empty with {users} users; have as many users, or fewer rooms")
    if rooms > 1 and not endpoint.has_rooms:
        raise OptionError(
            f"--rooms {rooms} needs users who say which room they join; put {ROOM} into --url-path, a --header, or "
            "what the protocol's file sends (docs/protocols.md)"
        )


def _fewer(flag: str, number: int, users: int | None) -> int:
    """Read how many users are of another kind; at least one must be left, where the number of all users is known."""
    if users is not None and number >= users:
        raise OptionError(f"{flag} {number} leaves none of {users} users to measure; lower it or have more users")
    return number


def _endpoint(parsed: Any, rooms: int) -> Endpoint:
    """Read how users join; a new one in the place of another has another number, so its own messages are not known."""
    endpoint = read_endpoint(parsed)
    leaves = float(parsed.churn_rate) or float(parsed.reconnect_at) or float(parsed.drop_rate)
    if not endpoint.has_echo and leaves:
        raise OptionError(
            "a server without an echo does not go with --churn-rate, --reconnect-at or --drop-rate; leave them out"
        )
    if rooms > 1 and endpoint.url_path == endpoint.driver.url_path:
        endpoint = replace(endpoint, url_path=endpoint.url_path + endpoint.driver.room_query)
    if not parsed.resume:
        return endpoint
    if endpoint.driver.bookmark() is None:
        raise OptionError(
            "--resume needs a protocol whose messages have numbers, from which a server can go on: that of this "
            "project's server (plain), or a driver of your own (docs/protocols.md)"
        )
    query = "" if SINCE in endpoint.url_path else endpoint.driver.resume_query
    return replace(endpoint, url_path=endpoint.url_path + query, resumes=True)


def _arrival(name: str) -> str:
    if name not in ARRIVALS:
        raise OptionError(f"unknown arrival {name!r}; choose {' or '.join(ARRIVALS)}")
    return name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the swarm's flags to Locust's parser (and so to its web UI)."""

    def flag(name: str, default: object, text: str, read: Any = str, **more: Any) -> None:
        def checked(value: str) -> Any:
            try:
                read(value)
            except OptionError as error:
                raise argparse.ArgumentTypeError(str(error)) from error
            return read(value) if isinstance(default, int | float) else value  # a web form hands texts over as they are

        # Locust's web UI shows the text as it is, so nothing is left to argparse to fill in.
        shown = text if default in ("", None) else f"{text} (default: {default})"
        parser.add_argument(name, default=default, type=checked, help=shown, **more)

    flag("--rooms", 1, "rooms that the users are dealt out to; a message is for those in its room", whole, metavar="K")
    flag("--room-rate", 100.0, "messages/s in each room, all its users together", positive, metavar="R")
    flag(
        "--user-rate",
        0.0,
        "messages/s of each user; above 0 it replaces --room-rate",
        not_negative,
        metavar="R",
    )
    flag(
        "--message-size",
        64,
        f"bytes of a message's text, at least the stamp's {LENGTH}",
        count,
        metavar="BYTES",
    )
    flag(
        "--arrival",
        "poisson",
        f"how messages are spaced: {' or '.join(ARRIVALS)}; evenly spaced (constant) ones never queue",
        _arrival,
    )
    flag("--seed", 1, "seed of the schedule: the same seed sends the same messages at the same times", count)
    flag(
        "--steps",
        "",
        "sweep these user counts, as in 50,100,200; -r is each step's join rate",
        steps,
        metavar="N,N",
    )
    flag("--dwell", 12.0, "seconds of a window; a p99 needs 1,000 messages in it", positive, metavar="S")
    flag("--warmup", 2.0, "seconds of the same load before a window that are not judged", not_negative, metavar="S")
    flag("--drain", 5.0, "seconds a message has to arrive after its window", positive, metavar="S")
    add_join_flags(flag, parser)
    parser.add_argument(
        "--no-echo",
        action="store_true",
        help="the server does not send a message to its sender: nothing is expected there",
    )
    parser.add_argument(
        "--no-rehearsal",
        action="store_true",
        help="do not check with two members, before users join, what the server does",
    )
    parser.add_argument(
        "--no-samples",
        action="store_true",
        help="take no sample every second: a second is seen once its window is judged, and Locust counts no deliveries",
    )
    flag("--burst-factor", 1.0, "a burst multiplies the message rate by this; 1: no burst", positive, metavar="F")
    flag("--burst-at", 0.0, "seconds into each window at which its burst begins", not_negative, metavar="S")
    flag("--burst-for", 1.0, "seconds of a burst", positive, metavar="S")
    flag(
        "--stalled",
        0,
        "this many of the users join, read at --stalled-bytes-per-s, and send nothing",
        count,
        metavar="K",
    )
    flag(
        "--stalled-bytes-per-s", 0, "bytes a second that each stalled user reads; 0: it never reads", count, metavar="N"
    )
    flag(
        "--flood",
        "",
        "texts that each flooder sends at once, and nothing else: MESSAGESxBYTES, as in 40x60000",
        messages_and_size,
        metavar="NxB",
    )
    flag("--flood-at", 0.0, "seconds into each window at which that happens", not_negative, metavar="S")
    flag("--flooders", 1, "this many of the users are flooders, where there is a --flood", count, metavar="K")
    flag(
        "--churn-rate",
        0.0,
        "users a second that leave, each replaced by a new one, at Poisson times",
        not_negative,
        metavar="R",
    )
    flag(
        "--reconnect-at",
        0.0,
        "seconds into each window at which all users drop and come back; 0: never",
        not_negative,
        metavar="S",
    )
    flag(
        "--reconnect-jitter",
        0.0,
        "seconds over which those that dropped come back, evenly at random",
        not_negative,
        metavar="S",
    )
    flag(
        "--drop-rate",
        0.0,
        "users a second that drop and come back within --reconnect-jitter, at Poisson times",
        not_negative,
        metavar="R",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="who dropped comes back as the same user with the number of what it read last, and gets what it missed",
    )
    flag(
        "--rejoin-every",
        0.0,
        "seconds between tries of a user that fell out to come back; 0: it stays out",
        not_negative,
        metavar="S",
    )
    flag(
        "--server-metrics",
        "",
        "the server's page for Prometheus, as in http://127.0.0.1:8000/metrics: its CPU and loop lag are shown live",
        metavar="URL",
    )
    flag(
        "--metrics-port",
        0,
        "serve the live figures for Prometheus on this port; 0: do not",
        port,
        metavar="PORT",
        include_in_web_ui=False,
    )
    flag(
        "--metrics-host",
        "127.0.0.1",
        "the address to serve them at; 0.0.0.0 for all",
        metavar="ADDRESS",
        include_in_web_ui=False,
    )
    flag(
        "--live-out",
        "",
        "write each second to this file (JSON lines)",
        writable,
        metavar="FILE",
        include_in_web_ui=False,
    )
    flag("--swarm-out", "", "write the result to this file (JSON)", writable, metavar="FILE", include_in_web_ui=False)
