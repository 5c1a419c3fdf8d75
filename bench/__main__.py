"""The bench as a command: Ctrl-C while its libraries load, for a second or so, ends it without a word."""

from __future__ import annotations

import signal

# As a KeyboardInterrupt it would be swallowed or turned into other errors by what is being imported.
_is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _is_heard:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from bench.commands.main import main  # noqa: E402

if _is_heard:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if __name__ == "__main__":
    main(prog_name="python -m bench")
