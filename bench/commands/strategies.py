"""The flag `--strategies`: which of this project's strategies to run, known by name without a start of the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

import click

from bench.model.plan import Arm

BUILT_IN = ("direct", "queue", "gather", "coalesced")
PLUGINS = "chatroom_bench.strategies"
"""The group of entry points by which the server finds strategies of other distributions."""
NO_STRATEGY = "none"


def strategies_option(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option `--strategies`, with all built-in ones as its default and `text` as its help."""
    return click.option("--strategies", default=",".join(BUILT_IN), callback=_strategies, help=text)


def _strategies(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    """Read `direct,queue`; a strategy may be named twice."""
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
            raise click.BadParameter(f"invalid strategy name {name!r}; give names such as direct,queue,gather")
    if NO_STRATEGY in names and len(names) > 1:
        raise click.BadParameter(
            f"{NO_STRATEGY!r} stands alone and leaves out all strategies, not as in {value!r}; leave it or the rest out"
        )
    return names


def own_strategies(strategies: list[str], peers: Sequence[Arm], *, has_revisions: bool = False) -> list[str]:
    """Return the strategies of ours to run, none if `none` was given.

    Those of a revision are known to its own server only.

    Raises:
        click.BadParameter: a peer has the name of a strategy, there is no such strategy, or nothing is left to run.

    """
    if both := sorted({peer.label for peer in peers} & set(strategies)):
        raise click.BadParameter(
            f"{both[0]!r} is a strategy here; give the peer a name of its own", param_hint="--rival or --target"
        )
    if strategies != [NO_STRATEGY]:
        if not has_revisions:
            _check_that_all_exist(strategies)
        return strategies
    if not peers or has_revisions:
        raise click.BadParameter(
            "'none' leaves nothing to run; give a --rival or --target, and no --revision, or name strategies",
            param_hint="--strategies",
        )
    return []


def _check_that_all_exist(strategies: list[str]) -> None:
    *others, last = known = list(dict.fromkeys([*BUILT_IN, *sorted(entry_points(group=PLUGINS).names)]))
    if unknown := [name for name in strategies if name not in known]:
        raise click.BadParameter(
            f"unknown strategy {unknown[0]!r}; choose {', '.join(others)} or {last}", param_hint="'--strategies'"
        )
