"""Ctrl-C before a command of the bench has begun."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.storage.checkout import PACKAGES


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """Let children hear SIGINT, which those of a background job ignore: an ignored signal is inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_while_the_libraries_load_ends_it_without_a_word() -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "bench", "doctor"],
        cwd=PACKAGES,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if line.rstrip().endswith(" msgspec"):
            break
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGINT
    assert output == ""
    assert [line for line in errors.splitlines() if not line.startswith("import time:")] == []
