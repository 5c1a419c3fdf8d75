"""Runs the searches of all strategies in turns, and keeps what is known on disk at any moment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.text import Text

from bench.capacity.conclusion import conclude
from bench.capacity.judge import judge
from bench.capacity.result import CapacityPlan, CapacityResult, Try, write_capacity
from bench.capacity.search import Outcome, Search
from bench.execution.interruption import Interruption
from bench.execution.trial_runner import TrialRunner
from bench.model.environment import Environment
from bench.model.plan import Arm, Trial
from bench.model.run import Run
from bench.storage.campaign_folder import Store

STYLES = {Outcome.HELD: "green", Outcome.FAILED: "red", Outcome.DOUBTFUL: "yellow"}


class Campaign:
    """A search a strategy, each try on a fresh server of its own."""

    def __init__(
        self,
        plan: CapacityPlan,
        environment: Environment,
        store: Store,
        interruption: Interruption,
        console: Console,
    ) -> None:
        self._plan = plan
        self._environment = environment
        self._store = store
        self._interruption = interruption
        self._console = console
        self._deadline_s = time.monotonic() + 60 * plan.max_minutes
        self._tries: list[Try] = []

    def run(self) -> CapacityResult:
        """Search until every edge is known, the time is up or the user interrupts."""
        searches = {arm: Search(self._plan.rules) for arm in self._plan.arms}
        result = self._keep()
        for number, (arm, load) in enumerate(in_turns(searches), start=1):
            if time.monotonic() + self._plan.workload_at(load).trial_seconds() > self._deadline_s:
                self._console.print(f"the time is up: --max-minutes {self._plan.max_minutes:g}", highlight=False)
                break
            run = self._run(Trial(number, arm, self._plan.seed + number), load)
            if self._interruption.signal_name and run.failure:
                break  # a try that was cut short says nothing
            self._store.write_run(run)
            self._store.write_percentiles(run)
            one = judge(self._plan, self._environment, run, load)
            self._tries.append(one)
            searches[arm].tell(load, one.outcome)
            result = self._keep()
            self._tell(one)
            if self._interruption.signal_name:
                break
        return result

    def _run(self, trial: Trial, load: int) -> Run:
        doing = f"{trial.arm.label}: {load:,} {self._plan.by.unit}"
        with self._console.status(doing) as status:
            return TrialRunner(
                trial,
                self._plan.workload_at(load),
                self._store.logs,
                self._environment.pinning,
                self._interruption,
                lambda _steps: status.update(f"{doing}, at most {self._left()} left"),
            ).run()

    def _keep(self) -> CapacityResult:
        result = conclude(self._plan, self._environment, self._tries)
        write_capacity(result, self._store.directory)
        return result

    def _tell(self, one: Try) -> None:
        what = f"{one.number}. {one.strategy}, {one.load:,} {self._plan.by.unit}: "
        told = Text.assemble(what, (one.outcome, STYLES[one.outcome]), f": {one.reason}" if one.reason else "")
        self._console.print(told, soft_wrap=True)

    def _left(self) -> str:
        minutes, seconds = divmod(max(0, round(self._deadline_s - time.monotonic())), 60)
        return f"{minutes}:{seconds:02}"


def in_turns(searches: Mapping[Arm, Search]) -> Iterator[tuple[Arm, int]]:
    """Give each search that is not done one try a round, so that all meet the same moods of the machine."""
    while pending := [(arm, load) for arm, search in searches.items() if (load := search.next_load()) is not None]:
        yield from pending
