"""The memory of a window's reads is bounded, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.schedule.clock import Clock
from loadtest.worker.recorder import Recorder
from server.testing.server_process import ServerProcess
from tests.benchmark_hot_path import SIZE as FRAME_SIZE
from tests.benchmark_hot_path import Connection, stream
from tests.swarm_process import is_valid_unless_busy, only_step, run_swarm

MIB = 2**20
USERS, RATE, DURATION_S, SIZE = 20, 100, 3, 32_768


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(Clock(), FRAME_SIZE)


def read(recorder: Recorder, sizes: list[int]) -> None:
    for frames in sizes:
        tag = recorder.add(frames, Connection(), lambda: None)  # type: ignore[arg-type]
        recorder.reads.append((tag, stream(frames), None, 0, 0))


@pytest.mark.parametrize("sizes", [[], [1], [1, 5], [3] * 40])
def test_what_is_held_is_estimated(recorder: Recorder, sizes: list[int]) -> None:
    read(recorder, sizes)
    assert recorder.held_bytes() == pytest.approx(sum(len(each[1]) for each in recorder.reads))


def test_a_slice_ends_after_so_many_bytes_or_reads_and_messages(recorder: Recorder) -> None:
    read(recorder, [1] * 8 + [5, 1])
    size = len(stream(1))
    assert len(recorder.digest(100, 2 * size).deliveries.seq) == 2
    assert len(recorder.digest(100, 2 * size + 1).deliveries.seq) == 3
    assert len(recorder.digest(4, 100 * size).deliveries.seq) == 2, "a read and its message are two"
    assert len(recorder.digest(100, 1).deliveries.seq) == 1, "a read that is larger than a slice is one"
    assert len(recorder.digest(6, 100 * size).deliveries.seq) == 5, "a read is parsed whole"
    assert (recorder.parsed, len(recorder.reads)) == (9, 1)


@pytest.mark.long
@pytest.mark.parametrize("hold_bytes", [MIB, 1024 * MIB])
def test_big_messages_are_parsed_while_the_window_runs(
    start_server: Callable[..., ServerProcess], tmp_path: Path, hold_bytes: int
) -> None:
    locustfile = tmp_path / "small.py"
    locustfile.write_text(
        "from loadtest.worker import generator\n"
        f"generator.HOLD_BYTES = {hold_bytes}\n"
        "from loadtest.locustfile import *\n"
    )
    load = ["--steps", str(USERS), "-r", "100", "--room-rate", str(RATE), "--dwell", str(DURATION_S)]
    load += ["--arrival", "constant"]
    run = run_swarm(
        start_server("--notice-limit", "0").url,
        tmp_path / "out.json",
        *load,
        *("--message-size", str(SIZE), "--warmup", "0", "--drain", "5"),
        locustfile=locustfile,
    )
    step = only_step(run)
    read_mib = step.expected * SIZE / MIB
    assert step.expected == step.delivered == USERS * RATE * DURATION_S
    assert is_valid_unless_busy(step), step.reasons
    assert (step.generator.rss_mib < read_mib) == (hold_bytes == MIB), "what is held is what memory the swarm has"
