"""A cross-check: observers with a code path of their own time the messages that a load generator also times."""
