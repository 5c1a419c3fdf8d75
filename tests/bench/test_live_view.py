"""What the bench shows of a trial while it runs."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from bench.execution.live_view import LiveView, cpu_percent
from bench.execution.progress import Progress
from bench.model.run import ServerSample
from tests.bench.made_up import plan

LINE = '{"time_s":7,"users":20,"deliveries_per_s":40000.0,"p50_ms":1.25,"p99_ms":5.5,"schedule_lag_p99_ms":0.2'


def sample(tenths: int, cpu_s: float, pid: int = 1) -> ServerSample:
    return ServerSample(tenths * 10**8, cpu_s, 1, pid)


def test_the_newest_whole_line_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "live.jsonl"
    view = LiveView(file)
    assert view.text([], []) == "", "the swarm has not begun"
    file.write_text(LINE + "}\n" + LINE.replace("40000.0", "50")[:20])
    assert view.text([], []) == "40,000/s, p50 1.25 ms, p99 5.5 ms, lag 0.2 ms"
    file.write_text(LINE + "}\n" + LINE.replace("40000.0", "50000.0") + ',"missing":3}\n')
    samples = [sample(tenths, tenths / 20) for tenths in range(15)]
    assert view.text(samples, []) == "50,000/s, p50 1.25 ms, p99 5.5 ms, lag 0.2 ms, 3 missing, server 50 %"
    assert view.text([], []).startswith("50,000/s"), "until there is another one"


def test_the_cpu_time_of_a_server_is_that_of_about_a_second() -> None:
    assert cpu_percent([]) is None
    assert cpu_percent([sample(0, 0.0), sample(5, 0.4)]) is None
    assert cpu_percent([sample(0, 0.0), sample(10, 0.4), sample(20, 1.0)]) == 60
    assert cpu_percent([sample(0, 5.0, pid=1), sample(10, 0.4, pid=2)]) is None, "it was started again"


def test_figures_stand_below_the_bar_on_a_terminal_only() -> None:
    made = plan(users=(20,))
    for is_terminal in (True, False):
        console = Console(force_terminal=is_terminal, width=100, record=True, file=io.StringIO())
        with Progress(made.workload, made.trials, console) as progress:
            assert progress.is_live is is_terminal
            progress.show(made.trials[0], 0, "40,000/s, p99 5.5 ms")
            if is_terminal:
                progress._live.refresh()
        assert ("40,000/s, p99 5.5 ms" in console.export_text()) is is_terminal
