"""The protocol of this project's server: a text frame is what a member says, and the path names the member."""

from __future__ import annotations

from loadtest.protocols.driver import Driver


class Plain(Driver):
    """A text as it is; what comes back may have any envelope."""

    url_path = "/chat?user_id={user}"

    def wrap(self, text: bytes) -> bytes:
        """Return the text."""
        return text
