"""The check of how fast the cores are, beside those of the reference campaign."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.doctor.check import Observation, check
from bench.doctor.machine import Machine
from bench.model.environment import Yardstick
from bench.model.finding import Status
from bench.storage.checkout import PACKAGES

MAX_TIMES_SLOWER = 1.5
REFERENCE = PACKAGES / "results" / "reference" / "summary.json"


class _Environment(msgspec.Struct):
    yardstick: Yardstick | None = None


class _Summary(msgspec.Struct):
    environment: _Environment


def reference_yardstick(path: Path = REFERENCE) -> Yardstick | None:
    """Return the yardstick of the reference campaign; `None` where it has none, or where there is no checkout."""
    return msgspec.json.decode(path.read_bytes(), type=_Summary).environment.yardstick if path.exists() else None


@check(
    effect="every absolute figure is that much worse than the reference's, and capacity that much smaller, though"
    " ratios of strategies hold; a swarm on a slow core sends late at a smaller load",
    remedy="compare ratios, or costs as multiples of the yardstick; use a faster machine, or one that no other guest"
    " shares, for absolute figures",
)
def speed(machine: Machine) -> Observation:
    """Compare the yardstick with that of the reference campaign."""
    here, reference = machine.yardstick, reference_yardstick()
    if here is None:
        return Status.UNKNOWN, "the yardstick could not be measured"
    found = f"{here.loopback_send_us:.1f} us a loopback send, {here.interpreter_loop_us:.0f} us an interpreter loop"
    if reference is None:
        return Status.UNKNOWN, f"{found}; no reference campaign with a yardstick is here to compare them with"
    found += f"; the reference's machine {reference.loopback_send_us:.1f} and {reference.interpreter_loop_us:.0f}"
    return (Status.WARNING if here.times_slower_than(reference) > MAX_TIMES_SLOWER else Status.OK), found


CHECKS = (speed,)
