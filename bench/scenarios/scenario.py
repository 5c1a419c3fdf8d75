"""Scenarios: TOML files with a title, what the scenario shows, what to look at, and its conditions."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import ScenarioError
from bench.scenarios.conditions import Conditions

SUFFIX = ".toml"
MAX_LABEL_LENGTH = 100
LIBRARY = Path(__file__).parent / "library"


@dataclass(frozen=True, slots=True)
class Variation:
    """One row's conditions; `label`, a valid folder name, has the values of its axes, as in `stalled-5`."""

    label: str
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named scenario; `axes` are the conditions with several values, and each combination of them is a variation."""

    name: str
    title: str
    shows: str
    look_at: str
    axes: tuple[str, ...]
    variations: tuple[Variation, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    shows: str
    look_at: str
    conditions: dict[str, Any]


def read_scenario(path: Path, changes: dict[str, Any] | None = None) -> Scenario:
    """Read a scenario's file; `changes` override its conditions.

    Raises:
        ScenarioError: the file cannot be read or is invalid.

    """
    try:
        file = msgspec.convert(tomllib.loads(path.read_text()), type=_File)
        values = file.conditions | (changes or {})
        axes = tuple(name for name, value in values.items() if isinstance(value, list))
        combinations = itertools.product(*(values[name] for name in axes))
        variations = tuple(
            _variation(values | dict(zip(axes, combination, strict=True)), axes) for combination in combinations
        )
    except OSError as error:
        raise ScenarioError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: invalid TOML: {error}") from error
    except msgspec.ValidationError as error:
        given = f", with {', '.join(f'{name} = {value}' for name, value in changes.items())}" if changes else ""
        if isinstance(error.__cause__, ValueError):
            raise ScenarioError(f"{path}{given}: {error}") from error
        allowed = ", ".join(Conditions.__struct_fields__)
        raise ScenarioError(
            f"{path}: {error}; required are title, shows, look_at and conditions, of: {allowed}"
        ) from error
    if not variations:
        raise ScenarioError(f"{path}: a condition has an empty list; give it at least one value")
    if duplicates := [label for label, count in Counter(each.label for each in variations).items() if count > 1]:
        raise ScenarioError(f"{path}: duplicate variation {duplicates[0]}; remove one of the values")
    return Scenario(path.stem, file.title, file.shows.strip(), file.look_at.strip(), axes, variations)


def _variation(values: dict[str, Any], axes: tuple[str, ...]) -> Variation:
    label = re.sub(r"[^\w.-]+", "_", "-".join(f"{name}-{values[name]}" for name in axes))[:MAX_LABEL_LENGTH]
    return Variation(label or "run", msgspec.convert(values, type=Conditions))


def scenario_files(folder: Path | None = None) -> dict[str, Path]:
    """Return the files of all scenarios by name; one in `folder` overrides a built-in one of the same name."""
    folders = [LIBRARY, folder] if folder else [LIBRARY]
    return {path.stem: path for each in folders for path in sorted(each.glob(f"*{SUFFIX}"))}


def scenario_file(name: str, folder: Path | None = None) -> Path:
    """Return the file of a scenario, given by name or as a path that ends in `.toml`.

    Raises:
        ScenarioError: there is no scenario of that name.

    """
    if name.endswith(SUFFIX):
        return Path(name)
    files = scenario_files(folder)
    if name not in files:
        raise ScenarioError(
            f"unknown scenario {name!r}; choose {', '.join(files)}, or give the path of a {SUFFIX} file"
        )
    return files[name]
