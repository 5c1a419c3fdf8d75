"""Servers that are joined in another way than ours: at a path of their own, with a header and a sub-protocol."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.connections.stored import read_connections
from bench.validation.cross_check.stored import read_cross_check
from tests.bench.command import bench

SERVER = f"{sys.executable} {Path(__file__).with_name('guarded_server.py')} {{port}}"
WAY_IN = ["--url-path", "/rooms/one/{user}", "--header", "X-User: it is {user}", "--subprotocol", "chat.v2"]


@pytest.mark.long
def test_idle_connections_to_a_peer_are_measured(tmp_path: Path) -> None:
    flags = ["--strategies", "none", "--rival", f"mine={SERVER}", *WAY_IN, "--members", "40", "--vanish", "30"]
    done = bench("connections", *flags, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    (mine,) = read_connections(tmp_path / "out").servers
    assert (mine.strategy, mine.members, mine.vanished) == ("mine", 40, 30)
    assert mine.bytes_per_connection > 0


@pytest.mark.long
def test_a_peer_is_cross_checked(tmp_path: Path) -> None:
    load = ["--users", "4", "--observers", "2", "--room-rate", "20", "--duration", "1", "--warmup", "0"]
    bench("cross-check", "--target-command", SERVER, *WAY_IN, *load, "--out", str(tmp_path / "out"))
    (check,) = read_cross_check(tmp_path / "out").checks
    assert (check.observed.delivered, check.reported.figures.delivered) == (2 * 20, 4 * 20)


@pytest.mark.long
def test_who_is_refused_reads_why() -> None:
    done = bench("connections", "--strategies", "none", "--rival", f"mine={SERVER}", *WAY_IN[:2], "--members", "2")
    assert done.returncode == 2, "more would vanish than join"
    done = bench("connections", "--strategies", "none", "--rival", f"mine={SERVER}", "--members", "2", "--vanish", "1")
    assert done.returncode == 3
    assert "403" in done.stderr
    assert "name yourself" in done.stderr


def test_k6_joins_without_headers() -> None:
    done = bench("cross-check", "--target-command", SERVER, *WAY_IN, "--k6", "k6")
    assert done.returncode == 2
    assert "leave out --k6" in done.stderr
