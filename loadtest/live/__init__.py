"""A run as it is seen while it runs, second by second; no result depends on it."""
