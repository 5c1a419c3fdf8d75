"""The swarm's exceptions, all of one base."""

from __future__ import annotations


class SwarmError(Exception):
    """Base of all exceptions that the swarm raises itself."""


class OptionError(SwarmError, ValueError):
    """A flag has a value that is not allowed, or two of them do not go together."""


class UserLimitError(SwarmError):
    """A process has had as many users as it has numbers."""


class ResultError(SwarmError, ValueError):
    """A file is not a swarm's result, or has another format."""


class ConnectError(SwarmError):
    """The connection was not made or not upgraded; the text says by whom and why."""


class RehearsalError(SwarmError):
    """The server does not pass messages on as the swarm expects; the text says what was seen and what to change."""


class LostError(SwarmError):
    """A member fell out of the room without having planned to."""


class JudgeError(SwarmError):
    """The judge's process made no report."""
