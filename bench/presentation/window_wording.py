"""What a window carries, in words."""

from __future__ import annotations

from bench.analysis.window_length import planned_messages, seconds_needed, supported_percentile
from bench.model.plan import Workload
from bench.presentation.text import counted
from loadtest.ledger.percentile_support import MIN_TAIL_MESSAGES, is_supported, messages_needed


def too_few_messages(workload: Workload, percentile: float) -> str:
    """Say, without a full stop, why windows are too short for a percentile and what to do; empty if they are not."""
    messages = planned_messages(workload)
    if is_supported(percentile, messages):
        return ""
    carried = supported_percentile(workload)
    return (
        f"A window of {workload.duration_s:g} s has about {counted(messages, 'message')}, which carry "
        f"{'no percentile' if carried is None else f'p{carried:g}'}: p{percentile:g} needs "
        f"{messages_needed(percentile):,}, so that {MIN_TAIL_MESSAGES} lie beyond it; give --duration "
        f"{seconds_needed(percentile, workload.messages_per_s)} or more"
    )
