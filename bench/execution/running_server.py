"""A server that nobody here starts or ends: it runs already, on this machine or on another."""

from __future__ import annotations

import socket
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psutil

from bench.errors import TrialError
from bench.execution.interruption import Interruption
from bench.execution.process_tree import ProcessTree
from bench.model.run import ServerSample
from bench.model.target import Running

CONNECT_LIMIT_S = 10.0
PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}


class RunningServer:
    """Has what the trials ask of a server's process; without a `pid_file` its CPU time and memory are not known."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._tree: ProcessTree | None = None

    def await_ready(self, _interruption: Interruption) -> tuple[str, int]:
        """Return its host and port, and find its process.

        Raises:
            TrialError: the address is none, nobody listens there, or there is no such process.

        """
        parts = urlsplit(self._running.address)
        if parts.scheme not in PORTS or not parts.hostname:
            raise TrialError(f"{self._running.address!r} is no address; write as in ws://127.0.0.1:8000")
        if self._running.pid_file:
            try:
                self._tree = ProcessTree(int(Path(self._running.pid_file).read_text()))
            except (OSError, ValueError, psutil.NoSuchProcess) as error:
                raise TrialError(f"pid_file {self._running.pid_file!r} names no process: {error}") from error
        address = parts.hostname, parts.port or PORTS[parts.scheme]
        try:
            socket.create_connection(address, CONNECT_LIMIT_S).close()
        except OSError as error:
            raise TrialError(
                f"nobody accepts connections at {self._running.address}: {error.strerror or error}; start the server, "
                "or correct the address of [running]"
            ) from error
        return address

    def sample(self) -> ServerSample:
        """Read the CPU time and memory of its processes.

        Raises:
            psutil.NoSuchProcess: its process is not known, or has ended.

        """
        if self._tree is None:
            raise psutil.NoSuchProcess(0)
        return self._tree.sample()

    def exit_code(self) -> int | None:
        """Return that of a server whose process is known and has ended, 0; else `None`."""
        return 0 if self._tree is not None and not psutil.pid_exists(self._tree.pid) else None

    def output(self) -> str:
        """Return nothing: what it prints goes elsewhere."""
        return ""

    def last_lines(self, _count: int = 15) -> list[str]:
        """Return nothing likewise."""
        return []

    def stop(self) -> None:
        """Leave it running."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it running."""
