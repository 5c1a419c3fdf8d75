"""A revision of the server's code as one side of a comparison."""

from __future__ import annotations

import re

import msgspec

MAX_NAME = 60
SHORT_COMMIT = 12


class Revision(msgspec.Struct, frozen=True):
    """A state of the code: the `name` that labels show, and the id of its `commit`."""

    name: str
    commit: str


def revision_name(given: str) -> str:
    """Return how labels show a revision as it was given: `feature/x` as `feature-x`, a full commit id in short.

    It can be part of a file's name; what two revisions have in common is told apart by numbers later.
    """
    if re.fullmatch(r"[0-9a-f]{40}", given):
        return given[:SHORT_COMMIT]
    return re.sub(r"[^\w.^~-]", "-", given, flags=re.ASCII)[:MAX_NAME]
