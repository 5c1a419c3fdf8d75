"""Whether the swarm can measure a server: two members join, and one says something. `python -m loadtest.check`."""

from __future__ import annotations

import sys

from locust.argument_parser import LocustArgumentParser

from loadtest.client.target import DEFAULT_HOST, resolve
from loadtest.coordinator.rehearsal import exchange
from loadtest.errors import ConnectError, OptionError, RehearsalError
from loadtest.options import Options, add_arguments


def main() -> None:
    """Check a server by the swarm's own flags, a line a step; what is wrong is an error, with exit code 1."""
    parser = LocustArgumentParser(
        prog="python -m loadtest.check",
        description="Check that two users can join a server and hear each other. Its flags are the swarm's.",
        add_env_var_help=False,
        add_config_file_help=False,
    )
    parser.add_argument("--host", default=DEFAULT_HOST, help="the server's address")
    parser.set_defaults(num_users=None)
    add_arguments(parser)
    parsed = parser.parse_args()
    try:
        options = Options.of(parsed)
        target = resolve(parsed.host, options.endpoint)
        has_echo, has_rooms = options.endpoint.has_echo, options.rooms > 1
        exchange(target, options.load.message_size, has_echo=has_echo, has_rooms=has_rooms, tell=_tell)
    except (ConnectError, OptionError, RehearsalError, OSError) as error:
        sys.exit(str(error))


def _tell(step: str) -> None:
    sys.stdout.write(f"ok: {step}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
