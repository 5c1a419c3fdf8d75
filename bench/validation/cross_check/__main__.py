"""The witnesses as a process: they join, listen until SIGTERM, and leave a file."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from bench.errors import JoinError
from bench.validation.cross_check.observation import Delivery, Observation, share, spread
from bench.validation.cross_check.observer import Witness

POLL_S = 0.02
ESTABLISHED = "01"


@click.command()
@click.option("--host", required=True)
@click.option("--port", required=True, type=int)
@click.option("--url-path", required=True, help="Where a witness joins; {user} is its name.")
@click.option("--users", required=True, type=int, help="How many other members the room will have.")
@click.option("--witnesses", required=True, type=int)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .npz file to write.")
def main(host: str, port: int, url_path: str, users: int, witnesses: int, out: Path) -> None:
    """Listen in a room from seats that are spread evenly over the order in which USERS others join it."""
    slack = share(users, witnesses) / 2  # a generator brings its users in bursts, which need not end at a seat
    waits = [seat - slack for seat in spread(users, witnesses)]
    try:
        observation, problems = asyncio.run(_observe((host, port), url_path, waits))
    except (JoinError, OSError) as error:
        sys.exit(f"a witness could not join: {error}")
    observation.save(out)
    if problems:
        sys.exit("\n".join(problems))


async def _observe(address: tuple[str, int], url_path: str, waits: list[float]) -> tuple[Observation, list[str]]:
    """Join, each after as many others as `waits` says, and listen until SIGTERM or until a witness is thrown out.

    Returns what was seen and what went wrong.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    deliveries: list[Delivery] = []
    witnesses: list[Witness] = []
    joined: list[tuple[int, int]] = []
    for number, least in enumerate(waits):
        # Only asking again tells: nothing in this process happens when others join.
        while (others := _connections(address[1]) - number) < least and not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        if stop.is_set():
            break
        witness = Witness(number, deliveries.append, stop.set)
        await witness.join(address, url_path.replace("{user}", f"w{number:03d}"))
        witnesses.append(witness)
        joined.append((witness.joined_ns, others))
    await stop.wait()
    for witness in witnesses:
        witness.close()
    problems = [f"witness {n} fell out: {w.why_ended}" for n, w in enumerate(witnesses) if w.why_ended]
    return Observation.of(deliveries, joined), problems


def _connections(port: int) -> int:
    """Count the connections to a server on this machine.

    Any server can be asked like that, and it notices nothing; a list of all sockets by psutil takes four times as long.
    """
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    columns = (line.split(maxsplit=4) for line in lines)
    return sum(local.endswith(f":{port:04X}") and state == ESTABLISHED for _, local, _, state, _ in columns)


if __name__ == "__main__":
    main(prog_name="python -m bench.validation.cross_check")
