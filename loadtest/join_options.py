"""The swarm's flags that say how users join a server, and what its messages look like."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.client.endpoint import Endpoint, check_places, header, subprotocol, url_path
from loadtest.client.tokens import tokens
from loadtest.errors import OptionError
from loadtest.protocols.description import Described, Join, read_tables
from loadtest.protocols.registry import DEFAULT, PROTOCOLS, from_table

SUFFIX = ".toml"


def read_endpoint(parsed: Any) -> Endpoint:
    """Read how users join: what no flag says is as the protocol's file has it, or its customs."""
    described = _described(parsed.protocol or DEFAULT)
    join = described.join
    path = parsed.url_path or described.url_path
    headers = [*described.headers, *(parsed.header or ())]
    check_places(path, headers)
    if parsed.token_file and parsed.token_command:
        raise OptionError("--token-file and --token-command both say where tokens are from; give one of them")
    sources = (parsed.token_file or "", parsed.token_command or "")
    return Endpoint(
        url_path=url_path(path),
        headers=tuple(map(header, headers)),
        subprotocol=subprotocol(parsed.subprotocol or described.subprotocol),
        driver=described.driver,
        tokens=tokens(*(sources if any(sources) else (join.token_file, join.token_command))),
        authority=parsed.ca or join.ca,
        is_insecure=parsed.insecure or join.insecure,
        has_echo=described.has_echo and not parsed.no_echo,
    )


def _described(protocol: str) -> Described:
    if protocol.endswith(SUFFIX):
        return read_tables(Path(protocol))
    return Described(from_table({"name": protocol}), Join(), {})


def _path(text: str) -> str:
    return url_path(text) if text else text


def add_join_flags(flag: Callable[..., None], parser: argparse.ArgumentParser) -> None:
    """Add them; `flag` adds one that is checked when it is read."""
    flag(
        "--protocol",
        DEFAULT,
        f"what messages look like: {', '.join(PROTOCOLS)}, or a TOML file that describes it (docs/protocols.md)",
        _described,
        metavar="NAME|FILE",
    )
    flag("--url-path", "", "where a user joins; {user} is its name, {token} its token (default: the protocol's)", _path)
    flag(
        "--header",
        None,
        "a header of each request to join, as in 'Authorization: Bearer {token}'; {user} in it is the user's name",
        header,
        action="append",
        metavar="NAME: VALUE",
        include_in_web_ui=False,
    )
    flag("--subprotocol", "", "the WebSocket sub-protocol to ask for", subprotocol, metavar="NAME")
    flag("--token-file", "", "a file with a token a line, one for each user in turn", metavar="FILE")
    flag("--token-command", "", "a command that prints them instead", metavar="COMMAND", include_in_web_ui=False)
    flag("--ca", "", "a file of certificates (PEM) that the server's has to be signed by", metavar="FILE")
    parser.add_argument("--insecure", action="store_true", help="take any certificate of the server")
