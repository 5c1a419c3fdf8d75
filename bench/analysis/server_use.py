"""The server's CPU time and memory over a window, interpolated from samples and telemetry around it."""

from __future__ import annotations

import msgspec
import numpy as np

from bench.model.run import Run
from bench.model.summary import ServerUse
from bench.model.telemetry import interval_around, readings_of
from loadtest.ledger.result import Step


def server_use(run: Run, step: Step) -> ServerUse:
    """Work out what the server used over a step's window from samples and readings taken around it."""
    start, end = step.window_start_ns, step.window_end_ns
    around = interval_around(readings_of(run), start, end)
    told = (around.loop_lag_p99_ms, around.kicked, around.dropped) if around else (None, None, None)
    use = ServerUse(None, None, None, *told)
    times = np.array([sample.time_ns for sample in run.samples], dtype=np.int64)
    if times.size == 0 or times[0] > start or times[-1] < end:
        return use
    inside = [sample.rss_bytes for sample in run.samples if start <= sample.time_ns <= end]
    use = msgspec.structs.replace(use, rss_mib=max(inside) / 2**20 if inside else None)
    if len({sample.pid for sample in run.samples}) > 1:
        return use  # the server was started again
    cpu_so_far_s = [sample.cpu_s for sample in run.samples]
    # Relative to the window's start: nanoseconds since 1970 do not fit into a float's 53 bits.
    at_start, at_end = np.interp([0, end - start], times - start, cpu_so_far_s)
    cpu_s = float(at_end - at_start)
    return msgspec.structs.replace(
        use,
        cpu_us_per_delivery=cpu_s * 1e6 / step.arrived_in_window if step.arrived_in_window else None,
        cpu_percent=100 * cpu_s * 1e9 / (end - start),
    )
