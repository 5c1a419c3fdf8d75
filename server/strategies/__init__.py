"""The broadcast strategies by name."""

from __future__ import annotations

from server.errors import UnknownStrategyError
from server.strategies import plugins
from server.strategies.base import Strategy
from server.strategies.coalesced import CoalescedStrategy
from server.strategies.direct import DirectStrategy
from server.strategies.gather import GatherStrategy
from server.strategies.queue import QueueStrategy

__all__ = ["STRATEGIES", "Strategy", "strategy_named"]

STRATEGIES: dict[str, type[Strategy]] = {
    strategy.name: strategy for strategy in (DirectStrategy, QueueStrategy, GatherStrategy, CoalescedStrategy)
}
"""The built-in ones. No other distribution can replace one."""


def strategy_named(name: str) -> type[Strategy]:
    """Return the strategy of that name: a built-in one, or else one from another distribution.

    Raises:
        UnknownStrategyError: there is none.
        PluginError: it is installed, but cannot be used.

    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    installed = plugins.installed_names()
    if name in installed:
        return plugins.load(name)
    *others, last = dict.fromkeys([*STRATEGIES, *installed])
    raise UnknownStrategyError(f"unknown strategy {name!r}; choose {', '.join(others)} or {last}")
