"""In what two environments differ: the machine, and the versions of everything."""

from __future__ import annotations

from collections.abc import Iterator

from bench.model.environment import Environment, Yardstick

MAX_SPEED_RATIO = 2.0
"""Readings of the yardstick on one shared machine differ by up to 1.5 times; one beyond this is of another machine."""


def machine_differences(then: Environment, now: Environment) -> list[str]:
    """List what differs of the machine, as in `cores: 2, now 4`; empty if it may be taken for the same."""
    return [
        _differs(name, *values)
        for name, values in {
            "cpu": (then.cpu, now.cpu),
            "cores": (then.cores, now.cores),
            "system": (then.system, now.system),
            "cores of the server": (then.pinning.server_cores, now.pinning.server_cores),
            "cores of the swarm": (then.pinning.swarm_cores, now.pinning.swarm_cores),
        }.items()
        if values[0] != values[1]
    ] + _speed_difference(then.yardstick, now.yardstick)


def _speed_difference(then: Yardstick | None, now: Yardstick | None) -> list[str]:
    if then is None or now is None:
        return []
    ratio = now.times_slower_than(then)
    if 1 / MAX_SPEED_RATIO <= ratio <= MAX_SPEED_RATIO:
        return []
    return [_differs("yardstick", *(_yardstick(each) for each in (then, now)))]


def _yardstick(found: Yardstick) -> str:
    return f"{found.loopback_send_us:.1f} us a loopback send and {found.interpreter_loop_us:.0f} us a loop"


def software_differences(then: Environment, now: Environment) -> list[str]:
    """List which versions differ: Python's, those of the libraries, this tool's commit."""
    return list(_software_differences(then, now))


def _software_differences(then: Environment, now: Environment) -> Iterator[str]:
    if then.python != now.python:
        yield _differs("python", then.python, now.python)
    for name in sorted(then.versions.keys() | now.versions.keys()):
        versions = then.versions.get(name), now.versions.get(name)
        if versions[0] != versions[1]:
            yield _differs(name, *versions)
    if then.commit != now.commit:
        yield _differs("commit", _commit(then), _commit(now))


def _commit(environment: Environment) -> str:
    commit = environment.commit
    return "unknown" if commit is None else commit.id[:12] + " with changes" * commit.dirty


def _differs(name: str, then: object, now: object) -> str:
    return f"{name}: {_words(then)}, now {_words(now)}"


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "any"
    return "none" if value is None else str(value)
