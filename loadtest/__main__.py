"""Lists the swarm's own flags, as Locust prints its help before it loads a locustfile: `python -m loadtest`."""

from __future__ import annotations

from locust.argument_parser import LocustArgumentParser

from loadtest.options import add_arguments

RUN = "locust -f loadtest/locustfile.py"


def main() -> None:
    """Print the flags, their meanings and their defaults."""
    parser = LocustArgumentParser(
        prog="python -m loadtest",
        usage=f"{RUN} --host ws://HOST:PORT [FLAG ...]",
        description="The flags of the chat swarm, beside those of Locust (-u, -r, -t, --headless, ...: locust --help).",
        add_env_var_help=False,
        add_config_file_help=False,
    )
    add_arguments(parser)
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()
