"""Hypothesis without deadlines: a shared machine's pauses are not failures."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
