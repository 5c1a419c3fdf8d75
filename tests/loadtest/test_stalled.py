"""Members at whom nothing is expected: stalled ones, which read slowly or never, and flooders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from server.testing.server_process import ServerProcess
from tests.swarm_process import free_port, is_valid_unless_busy, only_step, run_swarm

SHORT = ("--only-summary", "-r", "100", "--dwell", "2", "--warmup", "0.3", "--drain", "2", "--message-size", "8192")


@pytest.mark.long
def test_a_stalled_member_stalls_a_room_that_waits_for_it(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server("--strategy", "direct")
    flags = ("--steps", "6", "--stalled", "1", "--room-rate", "400")
    step = only_step(run_swarm(server.url, tmp_path / "out.json", *SHORT, *flags))
    assert (step.users, step.joined, step.stalled) == (6, 6, 1)
    assert step.expected == 5 * step.planned_messages
    assert step.missing > 0
    assert not step.drained


def test_healthy_members_of_a_queued_room_miss_nothing(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = start_server("--strategy", "queue")
    flags = ("--steps", "6", "--stalled", "1", "--room-rate", "400")
    step = only_step(run_swarm(server.url, tmp_path / "out.json", *SHORT, *flags))
    assert (step.users, step.joined, step.stalled) == (6, 6, 1)
    assert step.expected == step.delivered == 5 * step.planned_messages


@pytest.mark.long
def test_workers_have_their_stalled_members(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server("--strategy", "queue")
    port = str(free_port())
    flags = ("--steps", "4,8", "--stalled", "2", "--room-rate", "100", "--message-size", "64", "--processes", "2")
    run = run_swarm(
        server.url,
        tmp_path / "out.json",
        *SHORT,
        *flags,
        "--arrival",
        "constant",
        "--master-bind-port",
        port,
        "--master-port",
        port,
    )
    assert run.result is not None, run.output
    assert [(step.users, step.joined, step.stalled) for step in run.result.steps] == [(4, 4, 2), (8, 8, 2)]
    assert [step.expected for step in run.result.steps] == [2 * 200, 6 * 200]
    assert all(map(is_valid_unless_busy, run.result.steps))


@pytest.mark.parametrize(
    ("flags", "users"), [(("--steps", "3,6"), 3), (("-u", "2", "-t", "5s"), 2), (("--steps", "3", "-u", "9"), 3)]
)
def test_at_least_one_user_must_not_be_stalled(tmp_path: Path, flags: tuple[str, ...], users: int) -> None:
    run = run_swarm("ws://127.0.0.1:1", tmp_path / "out.json", *SHORT, *flags, "--stalled", str(users))
    assert run.exit_code == 1
    assert f"--stalled {users} leaves none of {users} users to measure" in run.output
    assert "window" not in run.output


@pytest.mark.long
@pytest.mark.parametrize(("bytes_per_s", "kicked"), [(20_000, 1), (2_000_000, 0)])
def test_a_slow_reader_reads_at_the_given_rate(
    start_server: Callable[..., ServerProcess], tmp_path: Path, bytes_per_s: int, kicked: int
) -> None:
    server = start_server("--strategy", "queue", "--slow-after", "1")
    flags = ("--steps", "6", "--stalled", "1", "--stalled-bytes-per-s", str(bytes_per_s), "--room-rate", "100")
    run = run_swarm(server.url, tmp_path / "out.json", *SHORT, *flags, "--dwell", "4")
    step = only_step(run)  # 800,000 bytes a second
    assert (step.joined, step.stalled) == (6, 1)
    assert step.expected == step.delivered == 5 * step.planned_messages
    assert server.stats()["kicked"] == kicked


@pytest.mark.long
def test_flooders_send_at_once_what_is_not_measured(start_server: Callable[..., ServerProcess], tmp_path: Path) -> None:
    server = start_server("--notice-limit", "0")
    flags = ("--steps", "6", "--flood", "300x1000", "--flood-at", "0.5", "--flooders", "2", "--room-rate", "100")
    run = run_swarm(server.url, tmp_path / "out.json", *SHORT, *flags, "--no-rehearsal")
    step = only_step(run)
    assert (step.users, step.joined, step.stalled) == (6, 6, 0)
    assert step.expected == step.delivered == 4 * step.planned_messages
    assert step.not_judged == step.foreign == 0
    assert run.result is not None
    assert run.result.flooders == 2
    assert server.stats()["messages_in"] == run.result.messages_sent + 2 * 300
    assert server.stats()["kicked"] == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--flood", "many"), "write MESSAGESxBYTES"),
        (("--flood", "1x1", "--flooders", "6"), "leaves none of 6 users to measure"),
        (("--flood", "1x1", "--flood-at", "2"), "is not within a window of 2 s"),
        (("--no-echo", "--churn-rate", "1"), "a server without an echo does not go with --churn-rate"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    run = run_swarm("ws://127.0.0.1:9", tmp_path / "out.json", *SHORT, "--steps", "6", *flags)
    assert run.exit_code != 0
    assert message in run.output
