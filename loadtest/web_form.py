"""Refuses a wrong value in the form of Locust's web UI with a message, where Locust would answer with an empty page."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from flask import Response, jsonify, request
from locust.env import Environment

from loadtest.client.target import DEFAULT_HOST, resolve
from loadtest.errors import OptionError
from loadtest.options import Options

NAMES = {"user_count": "num_users"}
"""What the form calls something else than the parsed options do."""


def refuse_wrong_values(environment: Environment) -> None:
    """Check each form that starts a swarm, or changes one, before Locust reads it."""
    if environment.web_ui is None or environment.web_ui.app is None:
        return

    def check() -> Response | None:
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        values = Namespace(**vars(environment.parsed_options))
        try:
            for field, text in request.form.items():
                name = NAMES.get(field, field)
                if hasattr(values, name):
                    setattr(values, name, _read(name, getattr(values, name), text))
            options = Options.of(values)
            resolve(values.host or DEFAULT_HOST, options.endpoint)
        except OptionError as error:
            return jsonify({"success": False, "message": str(error), "host": environment.host})
        return None

    environment.web_ui.app.before_request(check)


def _read(name: str, before: Any, text: str) -> Any:
    """Read a field as Locust does, but for numbers, which `Options` checks."""
    if isinstance(before, bool):
        return text == "true"
    if name != NAMES["user_count"]:
        return text
    try:
        return int(text)
    except ValueError as error:
        raise OptionError(f"the number of users must be a whole number, not {text!r}") from error
