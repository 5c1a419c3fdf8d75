"""Runs the searches of all strategies in turn, and stores the result after every try."""

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
from bench.storage.campaign_folder import CampaignFolder

STYLES = {Outcome.HELD: "green", Outcome.FAILED: "red", Outcome.DOUBTFUL: "yellow"}


class SearchRunner:
    """One search per strategy, each try on a fresh server."""

    def __init__(
        self,
        plan: CapacityPlan,
        environment: Environment,
        store: CampaignFolder,
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
        result = self._save()
        for number, (arm, load) in enumerate(round_robin(searches), start=1):
            if time.monotonic() + self._plan.workload_at(load).trial_seconds() > self._deadline_s:
                self._console.print(f"the time is up: --max-minutes {self._plan.max_minutes:g}", highlight=False)
                break
            run = self._run(Trial(number, arm, self._plan.seed + number), load)
            if self._interruption.signal_name and run.failure:
                break  # a try that was cut short is no evidence
            self._store.write_run(run)
            self._store.write_percentiles(run)
            judged = judge(self._plan, self._environment, run, load)
            self._tries.append(judged)
            searches[arm].record(load, judged.outcome, refused=judged.refused)
            result = self._save()
            self._print(judged)
            if self._interruption.signal_name:
                break
        return result

    def _run(self, trial: Trial, load: int) -> Run:
        status_text = f"{trial.arm.label}: {load:,} {self._plan.by.unit}"
        with self._console.status(status_text) as status:
            return TrialRunner(
                trial,
                self._plan.workload_at(load),
                self._store.logs,
                self._environment.pinning,
                self._interruption,
                lambda _steps, figures: status.update(
                    "; ".join(filter(None, (f"{status_text}, at most {self._time_left()} left", figures)))
                ),
                is_live=self._console.is_terminal,
            ).run()

    def _save(self) -> CapacityResult:
        result = conclude(self._plan, self._environment, self._tries)
        write_capacity(result, self._store.directory)
        return result

    def _print(self, judged: Try) -> None:
        load = f"{judged.number}. {judged.strategy}, {judged.load:,} {self._plan.by.unit}: "
        reason = f": {judged.reason}" if judged.reason else ""
        line = Text.assemble(load, (judged.outcome.label, STYLES[judged.outcome]), reason)
        self._console.print(line, soft_wrap=True)

    def _time_left(self) -> str:
        minutes, seconds = divmod(max(0, round(self._deadline_s - time.monotonic())), 60)
        return f"{minutes}:{seconds:02}"


def round_robin(searches: Mapping[Arm, Search]) -> Iterator[tuple[Arm, int]]:
    """Yield one try per unfinished search in each round, so that machine drift affects all strategies alike."""
    while pending := [(arm, load) for arm, search in searches.items() if (load := search.next_load()) is not None]:
        yield from pending
