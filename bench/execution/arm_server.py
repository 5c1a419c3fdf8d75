"""The server of an arm: this project's, a peer's command, or what a target's file describes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.errors import TrialError
from bench.execution.environments import prepare
from bench.execution.interruption import Interruption
from bench.execution.running_server import RunningServer
from bench.execution.server_process import (
    MAX_MESSAGE_BYTES,
    NO_CHECKOUTS,
    ChatServer,
    ListeningProcess,
    PeerServer,
    server_folder,
)
from bench.model.plan import Arm
from bench.model.target import Start

Server = ListeningProcess | RunningServer


def server_of(
    arm: Arm,
    notice_limit: int,
    log: Path,
    cores: Sequence[int] = (),
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    flags: Sequence[str] = (),
    checkouts: Mapping[str, Path] = NO_CHECKOUTS,
    tell: Callable[[str], None] = lambda _: None,
) -> Server:
    """Start the server of an arm, or take the one that runs already.

    The limits and `flags` are those of this project's server; `checkouts` has the folder of each commit. `tell` is told
    when the environment of a target has to be made, which takes a while.

    Raises:
        TrialError: its command cannot be run.

    """
    if arm.target is not None and arm.target.running is not None:
        return RunningServer(arm.target.running)
    if arm.target is not None and arm.target.start is not None:
        return PeerServer(prepare(arm.target.start, tell), log, cores)
    if arm.command is not None:
        return PeerServer(Start(arm.command, str(Path.cwd())), log, cores)
    folder = server_folder(arm, checkouts)
    return ChatServer(arm.strategy, notice_limit, log, cores, max_message_bytes, flags, folder)


def probe(
    arms: Iterable[Arm],
    notice_limit: int,
    interruption: Interruption,
    checkouts: Mapping[str, Path] = NO_CHECKOUTS,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Start one server for each that the arms need, all at once, to see that they do start.

    This costs a second or two and saves a campaign that would find out in its last trial. `checkouts` has the folder
    of each commit that an arm is to be run at.

    Raises:
        RefusedFlagsError: a server does not accept its flags.
        TrialError: a server does not start for another reason.

    """
    servers = {(arm.strategy, arm.command, arm.revision, arm.target and arm.target.file): arm for arm in arms}
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        started: list[tuple[Arm, Server]] = []
        for number, arm in enumerate(servers.values()):
            server = server_of(arm, notice_limit, Path(directory) / f"{number}.log", checkouts=checkouts, tell=tell)
            stack.enter_context(server)
            started.append((arm, server))
        for arm, server in started:
            try:
                server.await_ready(interruption)
            except TrialError as error:
                if arm.revision is None:
                    raise
                whose = f"the server of {arm.label} (commit {arm.revision[:12]})"
                raise type(error)(f"{whose}: {error}", [f"{whose}:", *error.failure.log]) from error
