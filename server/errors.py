"""Every exception that the server's own code raises for others to catch."""

from __future__ import annotations

from http import HTTPStatus


class ChatError(Exception):
    """Base of all of them."""


class RefusedError(ChatError):
    """A join is refused; `status` is the HTTP status of the denial and the text says why."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class StrategyError(ChatError, ValueError):
    """No strategy can be used under a name; the text says why."""


class UnknownStrategyError(StrategyError):
    """No strategy has the name; the text lists those there are."""


class PluginError(StrategyError):
    """An installed strategy cannot be used; the text names its distribution and says why."""
