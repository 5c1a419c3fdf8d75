"""The exit codes that all subcommands share; 2, wrong use, is click's own."""

FAILED = 1
"""An SLO is not met, or a gate failed."""

INVALID = 3
"""A run failed, or its figures are invalid."""
