"""The bench as a command: Ctrl-C while its libraries load, for a second or so, ends it without a word."""

from __future__ import annotations

import signal
import sys

try:
    from bench.command_line import main
except KeyboardInterrupt:
    sys.exit(128 + signal.SIGINT)

if __name__ == "__main__":
    main(prog_name="python -m bench")
