"""The ways to get a message to every member of a room, each behind a name."""

from __future__ import annotations

from server.strategies.base import Strategy
from server.strategies.direct import DirectStrategy
from server.strategies.gather import GatherStrategy
from server.strategies.queue import QueueStrategy

STRATEGIES: dict[str, type[Strategy]] = {
    strategy.name: strategy for strategy in (DirectStrategy, QueueStrategy, GatherStrategy)
}


def strategy_named(name: str) -> type[Strategy]:
    """Return the strategy of that name.

    Raises:
        ValueError: there is none; the text lists those there are.

    """
    if name not in STRATEGIES:
        *others, last = STRATEGIES
        raise ValueError(f"unknown strategy {name!r}; choose {', '.join(others)} or {last}")
    return STRATEGIES[name]
