"""The swarm's own flags, beside Locust's, as one frozen value."""

from __future__ import annotations

import argparse
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.errors import OptionError
from loadtest.schedule.arrivals import ARRIVALS, Burst, Rate
from loadtest.schedule.churn import Churn
from loadtest.schedule.load import Load
from loadtest.schedule.stamp import LENGTH


@dataclass(frozen=True, slots=True)
class Options:
    """One run of the swarm; `steps` is empty for consecutive windows at Locust's own user count.

    A member that falls out tries to rejoin every `rejoin_every_s` seconds; 0 for never.
    """

    load: Load
    steps: tuple[int, ...]
    dwell_s: float
    warmup_s: float
    drain_s: float
    url_path: str
    stalled: int
    stalled_bytes_per_s: int
    churn: Churn
    rejoin_every_s: float
    swarm_out: Path | None

    @classmethod
    def of(cls, parsed: Any) -> Options:
        """Read Locust's parsed options, which its web UI may have changed.

        Raises:
            OptionError: a value from the web UI is out of its range, or two values do not go together.

        """
        counts = steps(parsed.steps or "")
        user_rate = not_negative(parsed.user_rate or 0)
        dwell_s = positive(parsed.dwell)
        return cls(
            load=Load(
                rate=Rate(user_rate or positive(parsed.room_rate), of_each_user=user_rate > 0),
                burst=Burst(
                    factor=positive(parsed.burst_factor),
                    start_ns=_ns_in_window("--burst-at", parsed.burst_at, dwell_s),
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
            url_path=parsed.url_path,
            stalled=_fewer("--stalled", count(parsed.stalled), counts[0] if counts else parsed.num_users),
            stalled_bytes_per_s=count(parsed.stalled_bytes_per_s),
            churn=Churn(
                churn_rate=not_negative(parsed.churn_rate),
                storm_after_ns=_ns_in_window("--reconnect-at", parsed.reconnect_at, dwell_s),
                storm_jitter_s=not_negative(parsed.reconnect_jitter),
            ),
            rejoin_every_s=not_negative(parsed.rejoin_every),
            swarm_out=Path(parsed.swarm_out) if parsed.swarm_out else None,
        )


def steps(text: str) -> tuple[int, ...]:
    """Read `--steps`: user counts, each more than the one before."""
    try:
        counts = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise OptionError(f"invalid user counts {text!r}; write as in 50,100,200") from error
    if any(later <= earlier for earlier, later in zip((0, *counts), counts, strict=False)):
        raise OptionError(f"user counts must increase, not {text!r}; write as in 50,100,200")
    return counts


def positive(value: str | float) -> float:
    """Read a finite number above 0."""
    number = _number(value)
    if not 0 < number < math.inf:
        raise OptionError(f"must be a finite number above 0, not '{value}'")
    return number


def not_negative(value: str | float) -> float:
    """Read a finite number of 0 or more."""
    number = _number(value)
    if not 0 <= number < math.inf:
        raise OptionError(f"must be a finite number, 0 or more, not '{value}'")
    return number


def count(value: str | float) -> int:
    """Read a whole number of 0 or more."""
    try:
        number = int(value)
    except (ValueError, OverflowError):
        number = -1
    if number < 0:
        raise OptionError(f"must be a whole number, 0 or more, not '{value}'")
    return number


def _number(value: str | float) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _ns_in_window(flag: str, seconds: str | float, dwell_s: float) -> int:
    """Read a moment of a window, in seconds after its start, as nanoseconds."""
    moment = not_negative(seconds)
    if moment >= dwell_s:
        raise OptionError(f"{flag} {moment:g} is not within a window of {dwell_s:g} s; lower it or raise --dwell")
    return int(moment * 1e9)


def _fewer(flag: str, number: int, users: int | None) -> int:
    """Read how many users are of another kind; at least one must be left, where the number of all users is known."""
    if users is not None and number >= users:
        raise OptionError(f"{flag} {number} leaves none of {users} users to measure; lower it or have more users")
    return number


def _writable(text: str) -> str:
    if text and Path(text).is_dir():
        raise OptionError(f"{text} cannot be written: it is a folder; name a file as in {Path(text) / 'swarm.json'}")
    directory = Path(text).absolute().parent
    if text and not os.access(directory, os.W_OK):
        raise OptionError(f"{text} cannot be written: {directory} is not a writable folder; name a file in another")
    return text


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
            return value if read in (steps, _arrival) else read(value)

        parser.add_argument(name, default=default, type=checked, help=f"{text} (default: %(default)s)", **more)

    flag("--room-rate", 100.0, "messages/s in the room, all users together", positive, metavar="R")
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
    flag("--url-path", "/chat?user_id={user}", "where a user joins; {user} is its name")
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
        "--rejoin-every",
        0.0,
        "seconds between tries of a user that fell out to come back; 0: it stays out",
        not_negative,
        metavar="S",
    )
    flag("--swarm-out", "", "write the result to this file (JSON)", _writable, metavar="FILE", include_in_web_ui=False)
