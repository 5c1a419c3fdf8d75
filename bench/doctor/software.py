"""Checks of the software: the event loop and the Python interpreter."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from importlib import import_module
from importlib.metadata import version

from bench.doctor.check import Observation, check
from bench.doctor.machine import Machine
from bench.model.finding import Status

DEBUGGING_AIDS = ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONTRACEMALLOC")
"""Environment variables that slow down a server that inherits them."""


@check(
    effect="without uvloop the server runs on asyncio's own event loop and sustains fewer deliveries/s",
    remedy="`pip install uvloop` in the environment of the bench",
)
def uvloop(_machine: Machine) -> Observation:
    """Import uvloop, which the server uses if it is installed."""
    try:
        import_module("uvloop")
    except ImportError as error:
        return Status.WARNING, f"cannot be imported: {error}"
    return Status.OK, version("uvloop")


@check(
    effect="a debug build or a debugging aid slows Python many times over, and unevenly, so that strategies change"
    " ranks; other implementations have other costs, so compare their figures only with each other",
    remedy="use a release build of CPython, and `unset` the variables named here",
)
def python(_machine: Machine) -> Observation:
    """Look for differences from the usual release build of CPython."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    slowed = [name for name in DEBUGGING_AIDS if os.environ.get(name)]
    slowed += ["debug build"] * bool(sysconfig.get_config_var("Py_DEBUG"))
    if slowed:
        return Status.PROBLEM, ", ".join([found, *slowed])
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return Status.WARNING, f"{found}, free-threaded"
    return (Status.OK if sys.implementation.name == "cpython" else Status.WARNING), found


CHECKS = (uvloop, python)
