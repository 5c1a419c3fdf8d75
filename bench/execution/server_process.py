"""The server under test as a process: our own with a strategy, or somebody else's."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import sys
import time
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import psutil

from bench.errors import RefusedFlagsError, TrialError
from bench.execution.child_process import Child, how_it_ended
from bench.execution.interruption import Interruption, check_not_interrupted
from bench.execution.ports import LOCAL_HOST, free_port
from bench.execution.process_tree import ProcessTree
from bench.model.plan import Arm
from bench.model.run import ServerSample
from bench.model.target import Start
from bench.storage.checkout import PACKAGES
from bench.storage.target_file import located

READY = re.compile(r"^[a-z ]+ ready on [a-z]+://(?P<host>\S+):(?P<port>\d+)\b", re.MULTILINE)
START_LIMIT_S = 30
POLL_S = 0.05
READY_LIMIT_S = 5
KILL_LIMIT_S = 5
MAX_MESSAGE_BYTES = 65_536
NO_CHECKOUTS: Mapping[str, Path] = MappingProxyType({})
MARK = "CHATROOM_BENCH_PEER"
"""A variable by which all processes are known that a peer's command started, wherever they went."""
WRONG_USE = 2  # click's exit code for invalid flags


class ListeningProcess(Child):
    """A process that tells in its output where it accepts connections."""

    has_our_exit_codes = False
    _tree: ProcessTree | None = None

    def await_ready(self, interruption: Interruption) -> tuple[str, int]:
        """Wait until the server accepts connections and return its host and port.

        Raises:
            TrialError: the server ended, took too long, or the user interrupted.

        """
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if address := self._address():
                return address
            if (code := self.exit_code()) is not None:
                kind = RefusedFlagsError if code == WRONG_USE and self.has_our_exit_codes else TrialError
                raise kind(f"the server did not start: it {how_it_ended(code)}", self.last_lines())
            check_not_interrupted(interruption)
            time.sleep(POLL_S)
        raise TrialError(f"the server was not ready within {START_LIMIT_S} s{self._why_not()}", self.last_lines())

    def _why_not(self) -> str:
        """Return what was seen of a server that is not ready, to be added to a sentence."""
        return ""

    def sample(self) -> ServerSample:
        """Read the CPU time and memory of all processes of the server.

        Raises:
            psutil.NoSuchProcess: the server's first process has ended.

        """
        if self._tree is None or self._tree.pid != self.pid:  # not yet sampled, or started again
            self._tree = ProcessTree(self.pid)
        return self._tree.sample()

    def _address(self) -> tuple[str, int] | None:
        ready = READY.search(self.output())
        return (ready["host"], int(ready["port"])) if ready else None


class ChatServer(ListeningProcess):
    """A fresh server on a free port of 127.0.0.1: this tool's, or that of the checkout in `directory`."""

    has_our_exit_codes = True
    parent_death_signal = signal.SIGKILL  # the only signal that ends a process stopped by SIGSTOP

    def __init__(
        self,
        strategy: str,
        notice_limit: int,
        log: Path,
        cores: Sequence[int] = (),
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        flags: Sequence[str] = (),
        directory: Path = PACKAGES,
    ) -> None:
        command = [
            sys.executable,
            "-m",
            "server",
            "--strategy",
            strategy,
            "--host",
            "127.0.0.1",
            "--port",
            "0",
        ]
        limits = ["--notice-limit", str(notice_limit), "--max-message-bytes", str(max_message_bytes)]
        path = os.pathsep.join(filter(None, [str(directory), os.environ.get("PYTHONPATH")]))
        super().__init__([*command, *limits, *flags], log, cores, directory=directory, environment={"PYTHONPATH": path})

    def start_again(self, address: tuple[str, int], log: Path) -> None:
        """Start a server that was killed once more, at the address it had, with another log."""
        self._start(log, "--port", str(address[1]))


class PeerServer(ListeningProcess):
    """Anyone's server, started by a command in which `{port}` stands for a free port."""

    def __init__(self, start: Start, log: Path, cores: Sequence[int] = ()) -> None:
        port = free_port()
        self._host_and_port = LOCAL_HOST, port
        self._mark = uuid.uuid4().hex
        self._seen = ""
        self._ready = start.ready
        words = [word.replace("{port}", str(port)) for word in shlex.split(start.command)]
        environment = {**dict(start.environment), MARK: self._mark}
        try:
            super().__init__(words, log, cores, directory=located(start.folder), environment=environment)
        except OSError as error:
            raise TrialError(f"the server's command {start.command!r} cannot be run: {error}") from error

    def await_ready(self, interruption: Interruption) -> tuple[str, int]:
        """Wait until the server accepts connections and return its host and port.

        Raises:
            TrialError: as of any server; or it runs in the background, where nobody would measure or end it.

        """
        try:
            address = super().await_ready(interruption)
        except TrialError:
            self._check_foreground()
            raise
        self._check_foreground()
        return address

    def _why_not(self) -> str:
        asked = f"GET {self._ready}" if self._ready else "connecting to it"
        return f"; {asked} at port {self._host_and_port[1]} last gave: {self._seen}" if self._seen else ""

    def _check_foreground(self) -> None:
        if detached := self._detached():
            raise TrialError(
                f"the server runs in the background, as process {detached[0].pid}, where it is neither measured nor "
                "ended; keep it in the foreground (no &, no --daemon)",
                self.last_lines(),
            )

    def kill(self) -> None:
        """End the process and all that it started, also what went into the background."""
        super().kill()
        left = self._ours()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, KILL_LIMIT_S)

    def _detached(self) -> list[psutil.Process]:
        """Return what this command started and nobody would find below it, or in its session."""
        try:
            found = set(ProcessTree(self.pid).processes())
        except psutil.NoSuchProcess:
            found = set()
        return [process for process in self._ours() if process not in found]

    def _ours(self) -> list[psutil.Process]:
        """Return all processes that have the mark of this command in their environment."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self._mark:
                    found.append(process)
        return found

    def _address(self) -> tuple[str, int] | None:
        host, port = self._host_and_port
        try:
            if self._ready:
                urllib.request.urlopen(f"http://{host}:{port}{self._ready}", timeout=READY_LIMIT_S).close()
            else:
                socket.create_connection(self._host_and_port, timeout=1).close()
        except OSError as error:  # not yet; urllib's errors are such, too
            self._seen = str(error)
            return None
        return self._host_and_port


def server_folder(arm: Arm, checkouts: Mapping[str, Path]) -> Path:
    """Return the folder whose server an arm of our own runs."""
    return PACKAGES if arm.revision is None else checkouts[arm.revision]
