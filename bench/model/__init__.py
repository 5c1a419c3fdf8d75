"""What the stages pass on: plans, runs, summaries, environments, findings."""
