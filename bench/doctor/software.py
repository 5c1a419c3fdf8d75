"""Checks of the programs: the event loop and the Python that runs everything."""

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
"""Environment variables that slow down a server which inherits them."""


@check(
    effect="without uvloop the server runs on asyncio's own loop and holds fewer deliveries a second",
    remedy="`pip install uvloop` in the environment of the bench",
)
def uvloop(_machine: Machine) -> Observation:
    """Import the event loop that the server uses where it is there."""
    try:
        import_module("uvloop")
    except ImportError as error:
        return Status.WARNING, f"cannot be imported: {error}"
    return Status.OK, version("uvloop")


@check(
    effect="a debug build or a debugging aid slows Python many times over, and not evenly: strategies change places;"
    " other implementations have other costs, so figures compare only among themselves",
    remedy="use a release build of CPython, and `unset` the variables named here",
)
def python(_machine: Machine) -> Observation:
    """Look for what makes this Python another than the usual release build of CPython."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    slowed = [name for name in DEBUGGING_AIDS if os.environ.get(name)]
    slowed += ["debug build"] * bool(sysconfig.get_config_var("Py_DEBUG"))
    if slowed:
        return Status.PROBLEM, ", ".join([found, *slowed])
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return Status.WARNING, f"{found}, free-threaded"
    return (Status.OK if sys.implementation.name == "cpython" else Status.WARNING), found


CHECKS = (uvloop, python)
