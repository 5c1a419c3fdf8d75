"""Strategies from other distributions, found by their entry points."""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint, entry_points

from server.errors import PluginError
from server.strategies.base import Strategy

GROUP = "chatroom_bench.strategies"


def installed_names() -> list[str]:
    """Return the names of all strategies that are installed, used or not, without importing any."""
    return sorted(entry_points(group=GROUP).names)


def load(name: str) -> type[Strategy]:
    """Import the strategy that is installed under a name.

    Raises:
        PluginError: several distributions have the name, or it is not a strategy of that name.

    """
    found = tuple(entry_points(group=GROUP, name=name))
    if len(found) > 1:
        raise PluginError(
            f"strategy {name!r} is in {' and in '.join(sorted(map(_origin, found)))}; uninstall all but one"
        )
    (entry_point,) = found
    try:
        strategy = entry_point.load()
    except Exception as error:
        raise PluginError(f"{_cannot_use(entry_point)}: importing it raised {error!r}") from error
    if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
        raise PluginError(f"{_cannot_use(entry_point)}: it is not a subclass of server.strategies.Strategy")
    if inspect.isabstract(strategy):
        missing = ", ".join(sorted(strategy.__abstractmethods__))
        raise PluginError(f"{_cannot_use(entry_point)}: it does not define {missing}")
    if (own_name := getattr(strategy, "name", None)) != name:
        raise PluginError(f"{_cannot_use(entry_point)}: its `name` is {own_name!r}; name both alike")
    return strategy


def _cannot_use(entry_point: EntryPoint) -> str:
    return f"cannot use strategy {entry_point.name!r} ({entry_point.value}) of {_origin(entry_point)}"


def _origin(entry_point: EntryPoint) -> str:
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "an unknown distribution"
