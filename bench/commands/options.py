"""What the flags of several subcommands have in common: finite numbers, and callbacks that read lists."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from loadtest.schedule import stamp


class FiniteRange(click.FloatRange):
    """A range of finite numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number, or fail with what is allowed."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} must be finite", param, ctx)
        return number


ABOVE_0 = FiniteRange(0, min_open=True)
FROM_0 = FiniteRange(0)


def _whole_numbers(value: str, what: str, example: str) -> tuple[int, ...]:
    words = [word.strip() for word in value.split(",")]
    for word in words:
        if not re.fullmatch(r"[1-9][0-9]*", word):
            raise click.BadParameter(f"invalid {what} {word!r}; give whole numbers from 1, such as {example}")
    return tuple(map(int, words))


def user_counts(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Read `50,100`: each count more than the one before."""
    counts = _whole_numbers(value, "user count", "50,100,200")
    if any(later <= earlier for earlier, later in pairwise(counts)):
        raise click.BadParameter(f"user counts must increase, not {value!r}; write as in 50,100,200")
    return counts


def room_counts(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Read `1,10,100`, in any order."""
    counts = _whole_numbers(value, "number of rooms", "1,10,100")
    if len(set(counts)) < len(counts):
        raise click.BadParameter(f"{value!r} has a number of rooms twice; give each once")
    return counts


def check_rooms(rooms: int, users: int) -> None:
    """Check that there is a user for each room.

    Raises:
        click.BadParameter: there are more rooms than users.

    """
    if rooms > users:
        raise click.BadParameter(
            f"{rooms} rooms have no user each where there are {users} users; have more users, or fewer rooms",
            param_hint="--rooms",
        )


def rates(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """Read `10,40.5`, in any order."""
    try:
        found = tuple(float(word) for word in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"invalid list of rates {value!r}; write as in 10,40,100") from error
    if not all(0 < rate < math.inf for rate in found):
        raise click.BadParameter(f"rates must be finite and above 0, not {value!r}; write as in 10,40,100")
    return found


_WORKLOAD_OPTIONS = (
    click.option("--message-size", default=64, type=click.IntRange(stamp.LENGTH), help="Bytes of text per message."),
    click.option(
        "--arrival",
        default="poisson",
        type=click.Choice(["constant", "poisson"]),
        help="When messages are due: at random, or evenly spaced, so that they never wait for each other.",
    ),
    click.option("--warmup", "warmup_s", default=2.0, type=FROM_0, help="Seconds of load before each window."),
    click.option(
        "--drain", "drain_s", default=5.0, type=ABOVE_0, help="Seconds at most to wait for the last deliveries."
    ),
    click.option("--join-rate", default=500.0, type=ABOVE_0, help="Users that join per second."),
    click.option(
        "--notice-limit",
        default=200,
        type=click.IntRange(0),
        help="Members above which joins and leaves are not announced.",
    ),
    click.option("--swarm-workers", default=1, type=click.IntRange(1), help="Processes of the swarm."),
)


def workload_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a subcommand the flags of a `Workload`, except the user counts, the rate and the duration."""
    for option in reversed(_WORKLOAD_OPTIONS):
        command = option(command)
    return command


scenario_folder = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with scenarios of your own, beside the built-in ones.",
)

new_folder = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder for the result as JSON.  [default: nothing is kept]",
)

checkout = click.option(
    "--root",
    default=".",
    show_default="this folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
    help="A checkout of this project.",
)
