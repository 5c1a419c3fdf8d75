"""The remarks beside a campaign's verdict: what is missing, invalid, failed or not measured, or that nothing is."""

from __future__ import annotations

from collections.abc import Iterable

from bench.model.percentile import Percentile
from bench.model.summary import FailedTrial, Summary
from bench.presentation.attempts_wording import measured_again
from bench.presentation.report.page import Remark
from bench.presentation.table import Tone
from bench.presentation.text import counted, listed_numbers, listing
from bench.presentation.window_wording import too_few_messages


def campaign_remarks(summary: Summary) -> list[Remark]:
    """Return the remarks, the most important first."""
    if not summary.cells:
        return [Remark(Tone.DOUBTFUL, "Nothing was measured."), *_failures(summary)]
    shortage = too_few_messages(summary.plan.workload, Percentile.P99.number)
    short = [Remark(Tone.DOUBTFUL, f"{shortage}.")] if shortage else []
    return [_missing(summary), _validity(summary), *short, *_failures(summary)]


def _missing(summary: Summary) -> Remark:
    counts: dict[tuple[str, int], tuple[int, int]] = {}
    for cell in summary.cells:
        if cell.valid:
            missing, expected = counts.get((cell.strategy, cell.users), (0, 0))
            counts[cell.strategy, cell.users] = missing + cell.missing, expected + cell.expected
    lossy = {place: (missing, expected) for place, (missing, expected) in counts.items() if missing}
    in_invalid = sum(cell.missing for cell in summary.cells if not cell.valid)
    if not lossy:
        if not in_invalid:
            return Remark(Tone.GOOD, "No delivery is missing.")
        return Remark(Tone.DOUBTFUL, f"No delivery is missing in valid cells; {in_invalid:,} are in invalid ones.")
    listed = [
        f"{strategy} with {users:,} users {missing:,} of {expected:,} ({100 * missing / expected:.2g} %)"
        for (strategy, users), (missing, expected) in lossy.items()
    ]
    more = f" {in_invalid:,} more are missing in invalid cells." if in_invalid else ""
    return Remark(Tone.BAD, f"Deliveries missing, counted as infinitely late: {listing(listed)}.{more}")


def _validity(summary: Summary) -> Remark:
    invalid = _by_place((cell.strategy, cell.users, cell.block) for cell in summary.cells if not cell.valid)
    lost = _by_place((gap.strategy, gap.users, gap.block) for gap in summary.lost)
    if lost:
        number = counted(sum(map(len, lost.values())), "cell")
        texts = [f"{number} lost, through no overload of the server: {_places(lost)}"]
        texts += [f"{counted(sum(map(len, invalid.values())), 'cell')} invalid: {_places(invalid)}"] if invalid else []
        return Remark(Tone.DOUBTFUL, f"{'; '.join(texts)}; the reasons are under Run health.")
    if not invalid:
        again = measured_again(summary)
        return Remark(Tone.GOOD, f"All {len(summary.cells):,} cells are valid." + (f" {again}." if again else ""))
    total = sum(map(len, invalid.values()))
    return Remark(
        Tone.DOUBTFUL,
        f"{total:,} of {len(summary.cells):,} cells invalid and not counted: {_places(invalid)}; "
        "the reasons are under Run health.",
    )


def _by_place(cells: Iterable[tuple[str, int, int]]) -> dict[tuple[str, int], list[str]]:
    """Gather the blocks of each strategy and user count."""
    found: dict[tuple[str, int], list[str]] = {}
    for strategy, users, block in cells:
        found.setdefault((strategy, users), []).append(str(block))
    return found


def _places(blocks_of: dict[tuple[str, int], list[str]]) -> str:
    return listing(
        [
            f"{strategy} with {users:,} users ({'block' if len(blocks) == 1 else 'blocks'} {listing(blocks)})"
            for (strategy, users), blocks in blocks_of.items()
        ]
    )


def _failures(summary: Summary) -> list[Remark]:
    failures = [
        Remark(Tone.BAD, f"{failure.strategy}, block {failure.block}{_attempt(failure)}, failed: {failure.reason}.")
        for failure in summary.failures
    ]
    unmeasured: dict[str, set[int]] = {}
    for gap in summary.not_measured:
        unmeasured.setdefault(gap.strategy, set()).add(gap.users)
    gaps = [f"{strategy} with {listed_numbers(sorted(counts))} users" for strategy, counts in unmeasured.items()]
    return [*failures, *([Remark(Tone.DOUBTFUL, f"Not measured: {listing(gaps)}.")] if gaps else [])]


def _attempt(failure: FailedTrial) -> str:
    return f", attempt {failure.attempt}" if failure.attempt > 1 else ""
