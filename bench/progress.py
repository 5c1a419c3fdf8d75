"""Tells what is running and how long it will take: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from bench.plan import Plan, Trial


class Progress:
    """The progress of a campaign, in estimated seconds, for the length of its `with` block."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._workload = plan.workload
        self._trials = plan.trials
        self._console = console
        self._step_s = plan.workload.step_seconds()
        self._trial_s = plan.workload.trial_seconds()
        self._total_s = self._trial_s * len(plan.trials)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
        self._bar = Bar(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("starting", total=self._total_s, left="")
        self._trial: Trial | None = None
        self._steps_done = 0
        self._step_began_s = 0.0

    def show(self, trial: Trial, steps_done: int) -> None:
        """Show that `trial` is running and how many of its steps are done; call it often."""
        if (trial, steps_done) != (self._trial, self._steps_done):
            self._trial, self._steps_done = trial, steps_done
            self._step_began_s = time.monotonic()
            if self._console.is_terminal:
                self._bar.update(self._task, description=self._running(trial))
            else:
                self._console.print(f"{self._running(trial)}, about {self._left(trial)}", soft_wrap=True)
        self._bar.update(self._task, completed=self._done_s(trial), left=self._left(trial))

    def _running(self, trial: Trial) -> str:
        users = self._workload.users
        doing = f"{users[self._steps_done]} users" if self._steps_done < len(users) else "stopping"
        return f"[{self._trials.index(trial) + 1}/{len(self._trials)}] {trial.name}: {doing}"

    def _left(self, trial: Trial) -> str:
        minutes, seconds = divmod(round(self._total_s - self._done_s(trial)), 60)
        return f"{minutes}:{seconds:02} left"

    def _done_s(self, trial: Trial) -> float:
        """Estimate the seconds of work done; a step slower than planned stands still at its end."""
        trials_s = self._trials.index(trial) * self._trial_s
        within_step_s = min(time.monotonic() - self._step_began_s, sum(self._step_s[self._steps_done :][:1]))
        return trials_s + sum(self._step_s[: self._steps_done]) + within_step_s

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
