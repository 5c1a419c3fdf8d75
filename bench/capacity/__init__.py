"""Capacity: the largest load that a strategy holds within the objective."""
