"""The limit on open files: as high as the system allows, less a few that are kept from the users."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator

SPARE = 16
"""A swarm whose users ran out of descriptors must still be able to write its result."""


def raise_limit(spare: int = SPARE) -> None:
    """Raise the soft limit on open files to the hard one less `spare`, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard == resource.RLIM_INFINITY else max(hard - spare, 1)
    if soft != wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS reports a hard limit that it does not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def all_granted() -> Iterator[None]:
    """Allow the spare descriptors to be used meanwhile."""
    raise_limit(spare=0)
    try:
        yield
    finally:
        raise_limit()
