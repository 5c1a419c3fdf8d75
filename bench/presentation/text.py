"""How numbers and lists are written everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def listing(names: Sequence[str]) -> str:
    """Join names: `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def listed_numbers(numbers: Iterable[int]) -> str:
    """Join whole numbers: `50, 100 and 1,000`."""
    return listing([f"{number:,}" for number in numbers])


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: `1 block`, `3 blocks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def in_rooms(counts: Sequence[int]) -> str:
    """Say in how many rooms users are, or are in turn: `in one room`, `in 1, 10 and 100 rooms in turn`."""
    if tuple(counts) == (1,):
        return "in one room"
    return f"in {listed_numbers(counts)} rooms{' in turn' if len(counts) > 1 else ''}"


def arrivals(process: str) -> str:
    """Name the process that messages arrive by: `Poisson arrivals`, `evenly spaced`."""
    return {"poisson": "Poisson arrivals", "constant": "evenly spaced"}.get(process, process)


def milliseconds(value: float | None) -> str:
    """Write a latency to its significant digits; `None`, a percentile among missing deliveries, is `never`."""
    return "never" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
