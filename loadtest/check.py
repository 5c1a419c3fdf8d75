"""Whether the swarm can measure a server: two members join, and one says something. `python -m loadtest.check`."""

from __future__ import annotations

import sys

from locust.argument_parser import LocustArgumentParser

from loadtest.client.target import DEFAULT_HOST, resolve
from loadtest.coordinator.rehearsal import exchange
from loadtest.errors import ConnectError, OptionError, RehearsalError
from loadtest.options import Options, add_arguments


def main() -> None:
    """Check a server by the swarm's own flags; what is wrong goes to the error output, with exit code 1."""
    parser = LocustArgumentParser(
        prog="python -m loadtest.check",
        description="Check that two users can join a server and hear each other. Its flags are the swarm's.",
        add_env_var_help=False,
        add_config_file_help=False,
    )
    parser.add_argument("--host", default=DEFAULT_HOST, help="the server's address")
    parser.set_defaults(num_users=2)
    add_arguments(parser)
    parsed = parser.parse_args()
    try:
        options = Options.of(parsed)
        has_echo = options.endpoint.has_echo
        exchange(resolve(parsed.host, options.endpoint), options.load.message_size, has_echo)
    except (ConnectError, OptionError, RehearsalError, OSError) as error:
        sys.exit(str(error))
    echo = "and its sender has its own copy" if has_echo else "and its sender has no copy"
    sys.stdout.write(f"two users joined, what one said reached the other unaltered, {echo}\n")


if __name__ == "__main__":
    main()
