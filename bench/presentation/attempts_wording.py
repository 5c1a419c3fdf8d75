"""What is said and shown of cells that were invalid and measured again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from bench.model.summary import Attempt, Summary
from bench.presentation.table import Column, Row, Table, Tone, numbers
from bench.presentation.text import counted, listing


def measured_again(summary: Summary) -> str | None:
    """Say how many cells were measured again and with what success; `None` if none was."""
    cells = _by_cell(summary.attempts)
    if not cells:
        return None
    valid_at = Counter(next((each.attempt for each in of_cell if each.valid), None) for of_cell in cells)
    outcomes = [f"{valid_at[attempt]:,} valid at attempt {attempt}" for attempt in sorted(filter(None, valid_at))]
    if still_invalid := valid_at[None]:
        most = max(len(of_cell) for of_cell in cells)
        outcomes.append(f"{still_invalid:,} still invalid after {counted(most - 1, 'repeat')} at most")
    subject = f"{counted(len(cells), 'cell')} {'was' if len(cells) == 1 else 'were'}"
    return f"{subject} invalid and measured again: {listing(outcomes)}"


def attempts_table(summary: Summary) -> Table:
    """Show all attempts at the cells that were measured again; the figures are from the one that is used."""
    used = {(cell.strategy, cell.users, cell.block, cell.attempt) for cell in summary.cells}
    rows = []
    for of_cell in _by_cell(summary.attempts):
        for each in of_cell:
            is_used = (each.strategy, each.users, each.block, each.attempt) in used
            verdict = "valid" if each.valid else f"invalid: {'; '.join(each.reasons)}"
            rows.append(
                Row(
                    (
                        each.strategy,
                        f"{each.users:,}",
                        f"{each.block}",
                        f"{each.attempt}",
                        "yes" if is_used else "no",
                        verdict,
                    ),
                    Tone.PLAIN if each.valid else Tone.DOUBTFUL,
                    starts_section=each is of_cell[0],
                )
            )
    columns = (Column("strategy"), *numbers("users", "block", "attempt"), Column("used"), Column("", shows_tone=True))
    return Table("Cells that were measured again, with every attempt", columns, tuple(rows))


def _by_cell(attempts: Sequence[Attempt]) -> list[list[Attempt]]:
    cells: defaultdict[tuple[str, int, int], list[Attempt]] = defaultdict(list)
    for each in attempts:
        cells[each.strategy, each.users, each.block].append(each)
    return list(cells.values())
