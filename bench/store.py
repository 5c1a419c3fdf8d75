"""A campaign on disk: `plan.json`, `runs/`, `logs/`, `summary.json`, tables, `charts/`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from hdrh.histogram import HdrHistogram

from bench.environment import Environment
from bench.plan import Plan
from bench.run import Run
from bench.summary import FORMAT, Summary

US_PER_MS = 1000


class StoredPlan(msgspec.Struct, frozen=True):
    """The contents of `plan.json`: what was to be run, and where."""

    format: int
    environment: Environment
    plan: Plan


class Store:
    """The folder of one campaign."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.logs = directory / "logs"
        self.runs = directory / "runs"
        self.charts = directory / "charts"

    def create(self) -> None:
        """Make the folder.

        Raises:
            FileExistsError: it holds something already; nothing is ever overwritten.

        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if any(self.directory.iterdir()):
            raise FileExistsError(f"{self.directory} is not empty; choose another --out or remove it")
        self.logs.mkdir()
        self.runs.mkdir()

    def write_plan(self, plan: Plan, environment: Environment) -> None:
        """Write `plan.json`, before anything is run."""
        _write(self.directory / "plan.json", StoredPlan(FORMAT, environment, plan))

    def write_run(self, run: Run) -> None:
        """Write one run as it was measured."""
        _write(self.runs / f"{run.trial.name}.json", run)

    def write_summary(self, summary: Summary) -> None:
        """Write `summary.json`, and its cells as `summary.csv` with one row a cell."""
        _write(self.directory / "summary.json", summary)
        table = self.directory / "summary.csv"
        table.unlink(missing_ok=True)
        _write_rows(table, [_flatten(msgspec.to_builtins(cell)) for cell in summary.cells])

    def write_details(self, run: Run) -> None:
        """Write a run's percentile files (`hgrm/`, milliseconds) and add its seconds to `timeline.csv`."""
        for step in run.swarm.steps if run.swarm else []:
            path = self.directory / "hgrm" / f"{run.trial.name}-{step.users}.hgrm"
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                HdrHistogram.decode(step.histogram).output_percentile_distribution(file, US_PER_MS)
        rows = [
            {"strategy": run.trial.arm.label, "users": step.users, "block": run.trial.block, "second": number}
            | msgspec.to_builtins(second)
            for step in (run.swarm.steps if run.swarm else [])
            for number, second in enumerate(step.timeline)
        ]
        _write_rows(self.directory / "timeline.csv", rows)

    def read_summary(self) -> Summary:
        """Read `summary.json`.

        Raises:
            ValueError: there is none, it is damaged, or it is of another format.

        """
        path = self.directory / "summary.json"
        remedy = "give a folder that `compare` wrote, or run `compare` again"
        try:
            data = path.read_bytes()
            format_ = msgspec.json.decode(data, type=_Versioned).format
            if format_ == FORMAT:
                return msgspec.json.decode(data, type=Summary)
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}; {remedy}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no summary: {error}; {remedy}") from error
        raise ValueError(f"{path} has format {format_}, this version reads {FORMAT}; {remedy}")


class _Versioned(msgspec.Struct):
    format: int


def _write(path: Path, value: msgspec.Struct) -> None:
    """Write JSON in one rename, so that a reader, or a crash, never sees half a file."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
    temporary.replace(path)


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows to a CSV file, under a heading where it is new."""
    if not rows:
        return
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


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
