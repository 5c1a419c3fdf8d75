"""How a chart says that a campaign has not what it shows."""

from __future__ import annotations


class LeftOut(Exception):  # noqa: N818 - an outcome, not an error
    """A chart has nothing to draw; the message says what is not there."""
