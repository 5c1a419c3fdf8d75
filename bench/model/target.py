"""A server of somebody else as a file describes it: how to start it, or where it runs already."""

from __future__ import annotations

import msgspec


class Start(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How to start a server: a command in which `{port}` stands for a free port, run in `folder`.

    It is ready once the port accepts connections, or once `GET` of the path `ready` is answered with a status of 2xx.
    It gets an environment of its own with the packages of `requirements` (a file for pip; `{python}` in the command is
    its interpreter, of the version `python` where that is not empty) and of `packages` (a package.json); `needs` are
    programs that have to be on the PATH, or files. A `folder` in the checkout of this tool is relative to that.
    With `tls` users connect by wss. `versions` is what it is made of, as in `picows==2.3`.
    """

    command: str
    folder: str = "."
    environment: tuple[tuple[str, str], ...] = ()
    ready: str = ""
    requirements: str = ""
    packages: str = ""
    needs: tuple[str, ...] = ()
    python: str = ""
    tls: bool = False
    versions: tuple[str, ...] = ()


class Running(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A server that runs already at `address`, as in `ws://127.0.0.1:8000`.

    `pid_file` names its process, if that is on this machine.
    """

    address: str
    pid_file: str = ""


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """One server that is measured: `file` is its description, which the swarm reads too; relative as `folder` is.

    Either `start` or `running` is given.
    """

    name: str
    file: str
    start: Start | None = None
    running: Running | None = None
    has_echo: bool = True
