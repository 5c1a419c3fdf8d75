"""Where this tool is: the folder in which `python -m server` finds its server, and below which its targets are."""

from __future__ import annotations

from pathlib import Path

import loadtest

PACKAGES = Path(loadtest.__file__).parent.parent
PEERS = PACKAGES / "bench" / "peers"
