"""The observers as a process: they join a room, listen until SIGTERM, and write what they saw to a file."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from bench.errors import JoinError
from bench.execution.join_procedure import JoinProcedure
from bench.model.plan import Endpoint
from bench.validation.cross_check.observation import Delivery, Observation, join_positions, join_spacing
from bench.validation.cross_check.observer import Observer

POLL_S = 0.02
ESTABLISHED = "01"


@click.command()
@click.option("--host", required=True)
@click.option("--port", required=True, type=int)
@click.option("--target", type=click.Path(dir_okay=False, path_type=Path), help="How to join, as a file describes it.")
@click.option("--url-path", default="", help="Else: where an observer joins; {user} is its name.")
@click.option("--header", "headers", multiple=True)
@click.option("--subprotocol", default="")
@click.option("--users", required=True, type=int, help="How many other members the room will have.")
@click.option("--observers", required=True, type=int)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .npz file to write.")
def main(
    host: str,
    port: int,
    target: Path | None,
    url_path: str,
    headers: tuple[str, ...],
    subprotocol: str,
    users: int,
    observers: int,
    out: Path,
) -> None:
    """Listen in a room with OBSERVERS that are spread evenly over the order in which USERS others join it."""
    slack = join_spacing(users, observers) / 2  # generators join users in bursts, which need not end at a position
    min_others = [position - slack for position in join_positions(users, observers)]
    try:
        procedure = (
            JoinProcedure.described(target) if target else JoinProcedure(Endpoint(url_path, headers, subprotocol))
        )
        observation, problems = asyncio.run(_observe((host, port), procedure, min_others))
    except (JoinError, OSError) as error:
        sys.exit(f"an observer could not join: {error}")
    observation.save(out)
    if problems:
        sys.exit("\n".join(problems))


async def _observe(
    address: tuple[str, int], procedure: JoinProcedure, min_others: list[float]
) -> tuple[Observation, list[str]]:
    """Join one observer for each count of others in `min_others`, once so many are there, and listen.

    Ends at SIGTERM or when an observer loses its connection. Returns what was seen and what went wrong.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    deliveries: list[Delivery] = []
    observers: list[Observer] = []
    joined: list[tuple[int, int]] = []
    for number, min_count in enumerate(min_others):
        # Polling is the only way: nothing in this process happens when others join.
        while (others := _connections(address[1]) - number) < min_count and not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        if stop.is_set():
            break
        observer = Observer(number, deliveries.append, stop.set, procedure)
        await observer.join(address, f"w{number:03d}")
        observers.append(observer)
        joined.append((observer.joined_ns, others))
    await stop.wait()
    for observer in observers:
        observer.close()
    problems = [
        f"observer {n} was disconnected: {each.why_ended}" for n, each in enumerate(observers) if each.why_ended
    ]
    return Observation.of(deliveries, joined), problems


def _connections(port: int) -> int:
    """Count the connections from this machine to a server's port.

    This works for any server and does not disturb it; a list of all sockets by psutil takes four times as long.
    """
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    columns = (line.split(maxsplit=4) for line in lines)
    return sum(remote.endswith(f":{port:04X}") and state == ESTABLISHED for _, _, remote, state, _ in columns)


if __name__ == "__main__":
    main(prog_name="python -m bench.validation.cross_check")
