"""A second opinion: members with a code path of their own time the messages that a load generator also times."""
