"""What idle connections cost, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.connections.measurement import Connections
from bench.presentation.table import Column, Row, Table, numbers


def connections_table(measured: Sequence[Connections]) -> Table:
    """Show a row for each server; all had as many members."""
    first = measured[0]
    columns = (
        Column("strategy"),
        *numbers(
            "KiB a connection",
            "server CPU a join, us",
            "joins/s of one core",
            "joins/s seen",
            f"{first.vanished:,} vanish: gone after, s",
            "shutdown, s",
            "lines written",
        ),
    )
    return Table(f"{first.members:,} idle members", columns, tuple(map(_row, measured)))


def _row(one: Connections) -> Row:
    return Row(
        (
            one.strategy,
            f"{one.bytes_per_connection / 1024:.1f}",
            f"{one.cpu_us_per_join:.0f}",
            f"{1e6 / one.cpu_us_per_join:,.0f}" if one.cpu_us_per_join else "-",
            f"{one.joins_per_s:,.0f}",
            f"{one.cleanup_s:.2f}",
            f"{one.shutdown_s:.1f}",
            f"{len(one.log_lines):,}",
        )
    )
