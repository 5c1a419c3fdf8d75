"""The real server as a process."""

from __future__ import annotations

import selectors
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx

import server

ROOT = Path(server.__file__).parent.parent
"""Where `python -m server` finds this server, installed or not."""
READY_TIMEOUT_S = 300
EXIT_TIMEOUT_S = 300


class ServerProcess:
    """`python -m server` on a free port, accepting connections once this is constructed."""

    def __init__(self, *flags: str) -> None:
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server", "--port", "0", *flags],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        self.ready_line = self._read_ready_line()
        self.url = self.ready_line.split()[3]
        # One client for all requests, without TLS: setting one up costs more than a request.
        self._http = httpx.Client(base_url=self.url, trust_env=False, verify=False)  # noqa: S501 - plain HTTP

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def chat_url(self, name: str | None = None, room: str | None = None, since: str | None = None) -> str:
        """Return the address to join at; what is `None` is left out of it."""
        given = {"user_id": name, "room": room, "since": since}
        query = urlencode({key: value for key, value in given.items() if value is not None})
        return f"{self.url.replace('http', 'ws', 1)}/chat?{query}"

    def clients(self, room: str | None = None) -> list[str]:
        """Return the names of `/clients`."""
        parameters = {} if room is None else {"room": room}
        names: list[str] = self.get("/clients", parameters).json()
        return names

    def stats(self) -> dict[str, Any]:
        """Return the figures of `/stats`."""
        stats: dict[str, Any] = self.get("/stats").json()
        return stats

    def get(self, path: str, parameters: dict[str, str] | None = None) -> httpx.Response:
        """Return the response to an HTTP request, which must be a success."""
        return self._http.get(path, params=parameters).raise_for_status()

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Stop the server; return its exit code."""
        self.process.send_signal(signal_number)
        return self.process.wait(EXIT_TIMEOUT_S)

    def kill(self) -> None:
        """Kill the server."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def rest_of_stdout(self) -> str:
        """Return what an ended server printed after its ready line."""
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def stderr(self) -> str:
        """Return what the server has written to stderr so far."""
        self._stderr.seek(0)
        return self._stderr.read()

    def _read_ready_line(self) -> str:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if selector.select(READY_TIMEOUT_S) else ""
        if not line:
            self.kill()
            raise RuntimeError(f"the server did not start: {self.stderr()}")
        return line
