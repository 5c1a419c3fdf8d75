"""Capacity: the largest load at which a strategy stays within the SLO."""
