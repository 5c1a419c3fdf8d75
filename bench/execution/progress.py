"""Shows what is running and how long it will take: a bar and live figures on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from bench.model.plan import Arm, Trial, Workload


class Progress:
    """The progress of a list of trials, for the length of its `with` block.

    A trial is taken to last as long as that of the same arm before it with the same user counts: an arm that saturates
    early is done early. The first of each is estimated from the workload.
    """

    def __init__(
        self,
        workload: Workload,
        trials: Sequence[Trial],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workload = workload
        self._trials = list(trials)
        self._console = console
        self._clock = clock
        self._took_s: dict[tuple[Arm, tuple[int, ...]], float] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
        self._bar = Bar(*columns, console=console)
        self._figures = Text(no_wrap=True, overflow="ellipsis")
        self._live = Live(Group(self._bar, self._figures), console=console)
        self._task = self._bar.add_task("starting", total=None, left="")
        self._trial: Trial | None = None
        self._steps_done = 0
        self._began_s = self._trial_began_s = clock()

    def add(self, trials: Sequence[Trial]) -> None:
        """Add those that are not there yet, each at the end of its block."""
        for trial in trials:
            if trial not in self._trials:
                later = (at for at, other in enumerate(self._trials) if other.block > trial.block)
                self._trials.insert(next(later, len(self._trials)), trial)

    @property
    def is_live(self) -> bool:
        """Whether there is a terminal that can show figures while they change."""
        return self._console.is_terminal

    def show(self, trial: Trial, steps_done: int, figures: str = "") -> None:
        """Show that `trial` is running, how many of its steps are done, and its newest figures; call it often."""
        now_s = self._clock()
        is_news = (trial, steps_done) != (self._trial, self._steps_done)
        if trial != self._trial:
            if self._trial:
                self._took_s[self._trial.arm, self._trial.users] = now_s - self._trial_began_s
            self._trial, self._trial_began_s = trial, now_s
        self._steps_done = steps_done
        left_s, done_s = self.left_s(), now_s - self._began_s
        minutes, seconds = divmod(round(left_s), 60)
        left = f"{minutes}:{seconds:02} left"
        self._bar.update(
            self._task, description=self._running(trial), completed=done_s, total=done_s + left_s, left=left
        )
        self._figures.plain = figures
        if is_news and not self._console.is_terminal:
            self._console.print(f"{self._running(trial)}, about {left}", soft_wrap=True, markup=False)

    def left_s(self) -> float:
        """Estimate the seconds until the last trial ends; a trial slower than expected stays at its end."""
        if self._trial is None:
            return sum(map(self._expected_s, self._trials))
        _, *later = self._trials[self._trials.index(self._trial) :]
        of_this_s = self._expected_s(self._trial) - (self._clock() - self._trial_began_s)
        return max(0.0, of_this_s) + sum(map(self._expected_s, later))

    def _expected_s(self, trial: Trial) -> float:
        took_s = self._took_s.get((trial.arm, trial.users))
        return trial.workload_in(self._workload).trial_seconds() if took_s is None else took_s

    def _running(self, trial: Trial) -> str:
        users = trial.workload_in(self._workload).users
        doing = f"{users[self._steps_done]} users" if self._steps_done < len(users) else "stopping"
        return f"[{self._trials.index(trial) + 1}/{len(self._trials)}] {trial.name}: {doing}"

    def __enter__(self) -> Self:
        if self.is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._figures.plain = ""
        self._live.stop()
