"""Reads a server's own telemetry while a trial runs."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from types import TracebackType
from typing import Self

import msgspec

from bench.errors import TrialError
from bench.model.run import ServerStats

# A reading costs the server an HTTP request and a pass over its members and tasks, which delays messages of that
# moment: once a second, so that far less than 1 % of a window's messages are affected.
INTERVAL_S = 1.0
TIMEOUT_S = 2.0


class TelemetryReader:
    """Reads `/stats` every `INTERVAL_S` for the length of a `with` block, over one connection, in a thread.

    A server that is too busy to answer in time, or that has gone, is left out of `readings`: other figures
    show that. Each reading carries the server's own time, so a late answer is as good as any.
    """

    def __init__(self, host: str, port: int) -> None:
        self.readings: list[ServerStats] = []
        self._connection = HTTPConnection(host, port, timeout=TIMEOUT_S)
        self._ending = Event()
        self._thread = Thread(target=self._read_repeatedly, name="telemetry", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._connection.close()

    def _read_repeatedly(self) -> None:
        while not self._ending.wait(INTERVAL_S):
            try:
                self._connection.request("GET", "/stats")
                self.readings.append(msgspec.json.decode(self._connection.getresponse().read(), type=ServerStats))
            except (OSError, HTTPException, msgspec.DecodeError):
                self._connection.close()  # the next request opens another one


def read_stats(host: str, port: int) -> ServerStats:
    """Ask a server for its counters.

    Raises:
        TrialError: it did not answer within 5 s, or not with counters.

    """
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/stats")
        return msgspec.json.decode(connection.getresponse().read(), type=ServerStats)
    except (OSError, HTTPException, msgspec.DecodeError) as error:
        raise TrialError(f"the server's /stats could not be read: {error}") from error
    finally:
        connection.close()
