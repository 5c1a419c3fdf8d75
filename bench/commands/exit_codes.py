"""The exit codes that all verbs share; 2, wrong use, is click's own."""

FAILED = 1
"""An objective is not met, or a gate failed."""

NOT_BELIEVABLE = 3
"""A run failed, or its figures may not be believed."""
