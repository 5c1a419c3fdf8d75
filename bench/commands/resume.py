"""How `compare` resumes a campaign: by its stored plan, in the environment that it began in."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec
from click.core import ParameterSource

from bench.analysis.environment_diff import machine_differences, software_differences
from bench.model.environment import Environment
from bench.model.finding import Finding, Status
from bench.model.plan import Plan
from bench.presentation.text import listing
from bench.storage.campaign_folder import CampaignFolder

RESUME_FLAGS = ("resume", "allow_different_environment")


def refuse_other_flags(context: click.Context, resume: Path) -> None:
    """Refuse every flag that would change the stored plan.

    Raises:
        click.UsageError: one was given.

    """
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in RESUME_FLAGS
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"--resume continues the plan in {resume}, so {listing(given)} cannot be changed; "
            "leave that out, or begin a new campaign without --resume"
        )


def stored_campaign(directory: Path) -> tuple[CampaignFolder, Plan, Environment]:
    """Read what is to be resumed.

    Raises:
        click.BadParameter: the folder has no campaign that can go on.

    """
    store, hint = CampaignFolder(directory.resolve()), "--resume"
    try:
        stored = store.read_plan()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=hint) from error
    if not store.runs.exists():
        raise click.BadParameter(
            f"{directory} was passed on without its runs/; resume it where it was run", param_hint=hint
        )
    if not os.access(directory, os.W_OK):
        raise click.BadParameter(f"{directory} cannot be written to; copy it to where it can", param_hint=hint)
    return store, stored.plan, stored.environment


def resumed_environment(then: Environment, now: Environment, allow_different: bool) -> Environment:
    """Return the environment to store with a resumed campaign: its first one, with a finding if today's differs.

    Raises:
        click.UsageError: it differs, and that is not allowed.

    """
    differences = [*machine_differences(then, now), *software_differences(then, now)]
    if not differences:
        return then
    if not allow_different:
        raise click.UsageError(
            "a campaign must be resumed on the machine and with the versions it was begun with; now differ:\n  "
            + "\n  ".join(differences)
            + "\nundo that, begin a new campaign, or give --allow-different-environment"
        )
    finding = Finding(
        name="resumed elsewhere",
        status=Status.PROBLEM,
        found="; ".join(differences),
        effect="blocks of one campaign were run in different environments, which alone may make them differ",
        remedy="run the whole campaign in one environment",
    )
    return msgspec.structs.replace(then, pinning=now.pinning, findings=(finding, *then.findings))
