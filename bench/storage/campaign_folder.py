"""A campaign on disk: `plan.json`, `runs/`, `logs/`, `summary.json`, tables, `charts/`."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

from bench.errors import FolderInUseError, ResultsError
from bench.model.environment import Environment
from bench.model.plan import Plan, Trial, attempt_name, first_attempt
from bench.model.run import Run
from bench.model.summary import FORMAT, Summary
from bench.model.telemetry import intervals, readings_of
from bench.storage.files import make_folder, read_struct, write_file, write_struct

US_PER_MS = 1000


CELL_COLUMNS = (
    "strategy",
    "users",
    "block",
    "valid",
    "reasons",
    "warnings",
    "drained",
    "saturated",
    "joined",
    "window_s",
    "planned_messages",
    "offered_messages",
    "expected",
    "delivered",
    "missing",
    "late",
    "duplicates",
    "reordered",
    "offered_deliveries_per_s",
    "deliveries_per_s",
    "latency_ms",
    "response_ms",
    "first_receiver_ms",
    "last_receiver_ms",
    "spread_ms",
    "position_ms",
    "server",
    "generator",
    "order_conflicts",
    "foreign",
    "not_judged",
    "withdrawn_messages",
    "latency_lower_ms",
    "backlog_growth",
    "attempt",
    "corrupted",
    "negative_latencies",
    "echoes",
    "rooms",
    "misrouted",
    "replayed",
    "replay_ms",
)
"""The fields of a cell in the order of their columns in `summary.csv`; a new one goes to the end."""


class StoredPlan(msgspec.Struct, frozen=True):
    """The contents of `plan.json`: what was to be run, and where."""

    format: int
    environment: Environment
    plan: Plan


class CampaignFolder:
    """The folder of one campaign; each file is written in one rename, and what is read is checked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.logs = directory / "logs"
        self.runs = directory / "runs"
        self.hgrm = directory / "hgrm"
        self.charts = directory / "charts"

    def create(self) -> None:
        """Make the folder.

        Raises:
            FolderNotEmptyError: it holds something already; nothing is ever overwritten.

        """
        make_folder(self.directory)
        self.logs.mkdir()
        self.runs.mkdir()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other bench from writing here, until the block ends or this process does.

        Raises:
            FolderInUseError: another bench is at work here.

        """
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise FolderInUseError(
                    f"another bench is at work in {self.directory}; wait until it has ended"
                ) from error
            yield
        finally:
            os.close(descriptor)

    def write_plan(self, plan: Plan, environment: Environment) -> None:
        """Write `plan.json`, before anything is run."""
        write_struct(self.directory / "plan.json", StoredPlan(FORMAT, environment, plan))

    def write_run(self, run: Run) -> None:
        """Write one run as it was measured."""
        write_struct(self._run_file(run.trial), run)

    def write_percentiles(self, run: Run) -> None:
        """Write the percentile files of a run (`hgrm/`, milliseconds) in place of those of the trial run before."""
        name = attempt_name(run.trial.block, run.trial.arm.label, run.trial.attempt)
        counts = "|".join(map(str, run.trial.users)) or r"\d+"
        self.hgrm.mkdir(exist_ok=True)
        for path in self.hgrm.iterdir():
            if re.fullmatch(rf"{re.escape(name)}-({counts})\.hgrm", path.name):
                path.unlink()
        for step in (step for step in run.steps if step.expected):
            write_file(self.hgrm / f"{name}-{step.users}.hgrm", _percentiles(HdrHistogram.decode(step.histogram)))

    def write_summary(self, summary: Summary) -> None:
        """Write `summary.json`, and its cells as `summary.csv` with one row a cell."""
        write_struct(self.directory / "summary.json", summary)
        cells = [msgspec.to_builtins(cell) for cell in summary.cells]
        rows = [_flatten({name: cell[name] for name in CELL_COLUMNS}) for cell in cells]
        _write_rows(self.directory / "summary.csv", rows)

    def write_timeline(self, runs: Sequence[Run]) -> None:
        """Write `timeline.csv`, a row for each second of each window of `runs`."""
        rows = [
            {"strategy": run.trial.arm.label, "users": step.users, "block": run.trial.block, "second": number}
            | msgspec.to_builtins(second)
            for run in runs
            for step in run.steps
            for number, second in enumerate(step.timeline)
        ]
        _write_rows(self.directory / "timeline.csv", rows)

    def write_telemetry(self, runs: Sequence[Run]) -> None:
        """Write `telemetry.csv`, a row for the time from each reading of the server's telemetry to the next."""
        rows = [
            {"strategy": run.trial.arm.label, "block": run.trial.block}
            | msgspec.to_builtins(interval)
            | {"attempt": run.trial.attempt}
            for run in runs
            for interval in intervals(readings_of(run))
        ]
        _write_rows(self.directory / "telemetry.csv", rows)

    def discard_logs(self, trial: Trial) -> None:
        """Remove what an earlier attempt at `trial` left in `logs/`, so the next attempt cannot pick up its result."""
        for path in self.logs.iterdir():
            if re.fullmatch(rf"{re.escape(trial.name)}\.[a-z-]+\.\w+", path.name):
                path.unlink()  # a label may have dots: block1-direct@v1 is not block1-direct@v1.0

    def read_plan(self) -> StoredPlan:
        """Read `plan.json`.

        Raises:
            ResultsError: there is none, it is damaged, or it is of another format.

        """
        return read_struct(self.directory / "plan.json", StoredPlan, "plan", "give a folder that `compare` wrote")

    def read_summary(self) -> Summary:
        """Read `summary.json`.

        Raises:
            ResultsError: there is none, it is damaged, or it is of another format.

        """
        remedy = "give a folder that `compare` wrote, or run `compare` again"
        return read_struct(self.directory / "summary.json", Summary, "summary", remedy)

    def read_run(self, trial: Trial) -> Run | None:
        """Read the run of a trial, or `None` if there is none yet.

        Raises:
            ResultsError: its file is damaged, or belongs to another trial.

        """
        path = self._run_file(trial)
        return self._read_run_of(trial, path) if path.exists() else None

    def read_attempts(self, trial: Trial, report: Callable[[ResultsError], None]) -> list[Run]:
        """Read the run of a trial of the plan and its repeats; one that cannot be read is reported and left out."""
        repeats = self.runs.glob(f"{escape(trial.name)}.attempt*.json")
        runs = []
        for path in (self._run_file(trial), *sorted(repeats)):
            try:
                if path.exists():
                    runs.append(self._read_run_of(trial, path))
            except ResultsError as error:
                report(error)
        return runs

    def read_runs(self) -> list[Run]:
        """Read every run that is there, by block and label; a folder that was copied without its runs has none.

        Raises:
            ResultsError: a file is damaged.

        """
        runs = [self._read_run_file(path) for path in self.runs.glob("*.json")]
        return sorted(runs, key=lambda run: (run.trial.block, run.trial.arm.label, run.trial.attempt, run.trial.users))

    def _read_run_of(self, trial: Trial, path: Path) -> Run:
        """Read a run of `trial`, or one that repeats some of it."""
        run = self._read_run_file(path)
        if path != self._run_file(run.trial) or first_attempt(run.trial) != trial:
            raise ResultsError(f"{path} belongs to another trial; {self._run_again()}")
        return run

    def _read_run_file(self, path: Path) -> Run:
        return read_struct(path, Run, "run", self._run_again())

    def _run_again(self) -> str:
        return f"`compare --resume {self.directory}` runs it again"

    def _run_file(self, trial: Trial) -> Path:
        return self.runs / f"{trial.name}.json"


def _percentiles(histogram: HdrHistogram) -> bytes:
    """Return HdrHistogram's percentile format in milliseconds; its library forgets to scale the deviation."""
    text = io.BytesIO()
    histogram.output_percentile_distribution(text, US_PER_MS)
    deviation = b"StdDeviation   = %12.3f" % (histogram.get_stddev() / US_PER_MS)
    return re.sub(rb"StdDeviation   = +[\d.]+", deviation, text.getvalue())


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a CSV file under the names of all of its rows; without rows there is none."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, text.getvalue().encode())


def _flatten(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested fields into dotted names: `latency_ms.p99`, `position_ms.0.p99`; texts are joined by semicolons."""
    flat: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, list) and item and isinstance(item[0], dict):
            flat |= _flatten({str(index): part for index, part in enumerate(item)}, f"{prefix}{name}.")
        elif isinstance(item, dict):
            flat |= _flatten(item, f"{prefix}{name}.")
        else:
            flat[prefix + name] = "; ".join(item) if isinstance(item, list) else item
    return flat
