"""The tables that the swarm prints at its end, and its exit code."""

from __future__ import annotations

import math

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.ledger.percentile_support import PERCENTILES, may_support, messages_needed
from loadtest.ledger.result import Step, SwarmResult, wide_bracket_ms

MIN_WIDTH = 132
NOT_SUPPORTED = "-"
"""Stands for a percentile that the window's messages do not support."""


def exit_code(result: SwarmResult | None) -> int:
    """Return 0 if every step was measured, is valid, and had each delivery once, whole, in order, in its room; else 1.

    Steps that were interrupted were not measured as asked.
    """
    if result is None or not result.steps or result.not_measured or result.problems or result.interrupted:
        return 1
    faults = ("missing", "corrupted", "duplicates", "reordered", "misrouted")
    return int(any(not step.valid or any(getattr(step, fault) for fault in faults) for step in result.steps))


def show(result: SwarmResult, shortest_run_s: float) -> None:
    """Print the tables, why steps are invalid, and which user counts were not measured.

    `shortest_run_s` is how long a run has to go on, once its users have joined, to have one whole window.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, MIN_WIDTH)
    if result.steps:
        console.print(_counts(result.steps), _times(result.steps), _lags(result.steps))
        if any(step.replay_ms for step in result.steps):
            console.print(_replays(result.steps))
    else:
        console.print(
            "nothing was measured: no window was reached; once its users have joined and the room is quiet, a run (-t) "
            f"has to go on for --warmup and --dwell, here {shortest_run_s:g} s"
        )
    for step in result.steps:
        for note in (_unsupported(step), _withdrawn(step)):
            if note:
                console.print(f"{step.users} users: {note}")
        for reason in step.reasons:
            console.print(Text(f"{step.users} users: NOT VALID: {reason}", style="red"))
        for warning in step.warnings:
            console.print(Text(f"{step.users} users: {warning}", style="yellow"))
    if result.interrupted and result.steps and not result.not_measured:
        console.print(f"interrupted: the window of {result.steps[-1].users} users ended early")
    for problem in result.problems:
        console.print(Text(problem, style="red"))
    if result.not_measured:
        counts = ", ".join(map(str, result.not_measured))
        why = "interrupted" if result.interrupted else "the step before did not drain, or nobody could join"
        console.print(f"not measured: {counts} users ({why})")


def _counts(steps: list[Step]) -> Table:
    in_rooms = any(step.rooms > 1 for step in steps)
    table = _table(
        "Deliveries",
        (
            *("users", *["rooms"] * in_rooms, "attempted", "expected", "delivered", "missing", "late"),
            *("corrupted", "duplicated", "reordered", *["misrouted"] * in_rooms, "valid"),
        ),
    )
    for step in steps:
        counts = (
            *(step.expected, step.delivered, step.missing, step.late),
            *(step.corrupted, step.duplicates, step.reordered, *[step.misrouted] * in_rooms),
        )
        table.add_row(
            *(str(step.users), *[str(step.rooms)] * in_rooms),
            f"{step.offered_messages} of {step.planned_messages}",
            *map(str, counts),
            "yes" if step.valid else "NO",
        )
    return table


def _times(steps: list[Step]) -> Table:
    table = _table(
        "Delivery latency in ms; p99 until all members have a message, and of deliveries from due",
        ("users", "messages", "p50", "p90", "p99", "p99.9", "max", "p99 until all have it", "p99 from due"),
    )
    for step in steps:
        latency = step.latency_ms
        all_have_it, from_due = step.last_receiver_ms.p99, step.response_ms.p99
        bracket = wide_bracket_ms(step)
        p99 = f"{bracket[0]:.2f} to {bracket[1]:.2f}" if bracket else _ms(latency.p99)
        percentiles = (_ms(latency.p50), _ms(latency.p90), p99, _ms(latency.p99_9))
        messages = step.offered_messages
        table.add_row(
            str(step.users),
            str(messages),
            *(
                text if may_support(percentile, messages) else NOT_SUPPORTED
                for percentile, text in zip(PERCENTILES, percentiles, strict=True)
            ),
            _ms(latency.max),
            *(_ms(value) if may_support(99, messages) else NOT_SUPPORTED for value in (all_have_it, from_due)),
        )
    return table


def _lags(steps: list[Step]) -> Table:
    table = _table(
        "The swarm's own lag in ms (p50 / p99), its CPU in us",
        ("users", "schedule lag", "read lag", "CPU a delivery"),
    )
    for step in steps:
        generator = step.generator
        table.add_row(
            str(step.users),
            f"{generator.schedule_lag_p50_ms:.2f} / {generator.schedule_lag_p99_ms:.2f}",
            f"{generator.read_lag_p50_ms:.2f} / {generator.read_lag_p99_ms:.2f}",
            f"{generator.cpu_us_per_delivery:.1f}",
        )
    return table


def _replays(steps: list[Step]) -> Table:
    table = _table(
        "Deliveries to members that came back, in ms since they began to; none of them is in the tables above",
        ("users", "deliveries", "p50", "p90", "p99", "max"),
    )
    for step in steps:
        if replay := step.replay_ms:
            table.add_row(
                str(step.users), str(step.replayed), *map(_ms, (replay.p50, replay.p90, replay.p99, replay.max))
            )
    return table


def _unsupported(step: Step) -> str:
    """Say which percentiles the window does not support and how long it would have to be, if it had any messages."""
    messages = step.offered_messages
    lacking = [percentile for percentile in PERCENTILES if not may_support(percentile, messages)]
    if not lacking or not messages:
        return ""
    needs = (
        f"p{percentile:g} needs {messages_needed(percentile):,} messages, "
        f"{math.ceil(messages_needed(percentile) * step.window_s / messages)} s at this rate"
        for percentile in lacking
    )
    return f"{messages} messages were sent: {'; '.join(needs)} (--dwell)"


def _withdrawn(step: Step) -> str:
    """Say how much of the load was withdrawn, if any."""
    if not step.withdrawn_messages:
        return ""
    planned = step.planned_messages + step.withdrawn_messages
    return (
        f"{step.withdrawn_messages} of {planned} planned messages "
        f"({100 * step.withdrawn_messages / planned:.1f} %) were withdrawn, as their senders were away by plan: "
        "the load was lower by as much"
    )


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"
