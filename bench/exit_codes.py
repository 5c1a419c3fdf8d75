"""The exit codes that all verbs share; 2, wrong use, is click's own."""

NOT_BELIEVABLE = 3
"""A run failed, or its figures may not be believed."""
