"""How many users Locust runs: those of the coordinator's current step, until it has finished."""

from __future__ import annotations

from locust import LoadTestShape

from loadtest.swarm import Swarm


class StepShape(LoadTestShape):
    """Follows the coordinator. Without `--steps` it keeps Locust's own user count until `-t` has passed."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Return the user count and the join rate, or `None` when all is measured."""
        assert self.runner is not None
        swarm = Swarm.of(self.runner.environment)
        parsed = self.runner.environment.parsed_options
        assert parsed is not None
        join_rate = float(parsed.spawn_rate or 1)
        if swarm.coordinator is None:
            swarm.choose_users()
            steps = swarm.options.steps
            return steps[0] if steps else parsed.num_users or 1, join_rate
        if parsed.run_time and self.get_run_time() >= parsed.run_time:
            swarm.finish()
        return None if swarm.coordinator.finished else (swarm.coordinator.target_users, join_rate)
