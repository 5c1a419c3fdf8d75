"""The progress of several campaigns, with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from bench.claims.manifest import Campaign


class CampaignProgress:
    """Shows which campaign runs and how much time is left, for the length of its `with` block.

    `estimate_s` estimates one campaign. On a terminal there is a bar, else a line for each campaign.
    """

    def __init__(
        self,
        campaigns: Sequence[Campaign],
        estimate_s: Callable[[Campaign], float],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._left = list(campaigns)
        self._number = len(campaigns)
        self._estimate_s = estimate_s
        self._console = console
        self._clock = clock
        self._began_s = self._campaign_began_s = clock()
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
        self._bar = Bar(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("starting", total=None, left="")

    def begin(self, campaign: Campaign) -> None:
        """Say that a campaign begins; all before it have ended."""
        self._left = self._left[self._left.index(campaign) :]
        self._campaign_began_s = self._clock()
        if not self._console.is_terminal:
            self._console.print(f"{self._running()}, about {self._left_text()}", soft_wrap=True, markup=False)

    def show(self) -> None:
        """Show how much time is left; call it often."""
        done_s = self._clock() - self._began_s
        total_s = done_s + self.left_s()
        self._bar.update(
            self._task, description=self._running(), completed=done_s, total=total_s, left=self._left_text()
        )

    def left_s(self) -> float:
        """Estimate the seconds until the last campaign ends; one that is slower than expected stays at its end."""
        if not self._left:
            return 0.0
        first, *later = self._left
        of_this_s = self._estimate_s(first) - (self._clock() - self._campaign_began_s)
        return max(0.0, of_this_s) + sum(map(self._estimate_s, later))

    def _running(self) -> str:
        return f"[{self._number - len(self._left) + 1}/{self._number}] {self._left[0].name}" if self._left else "done"

    def _left_text(self) -> str:
        minutes, seconds = divmod(round(self.left_s()), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
