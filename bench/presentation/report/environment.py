"""The section of a report that describes the machine and the versions its figures were measured with."""

from __future__ import annotations

from bench.model.environment import Environment, Pinning
from bench.model.finding import Status
from bench.presentation.doctor_answer import doctor_verdict, findings_table
from bench.presentation.report.page import Remark, Section
from bench.presentation.report.yardstick_table import yardstick_text
from bench.presentation.table import Column, Row, Table, Tone
from bench.presentation.text import listing


def environment_section(environment: Environment) -> Section:
    """Describe the machine, the versions, and what the doctor found on it."""
    findings = environment.findings
    tables = [Table("Machine and versions", (Column(), Column()), tuple(map(Row, _facts(environment))))]
    if not findings:
        return Section("Environment", [], tables)
    return Section(
        "Environment",
        [f"What `python -m bench doctor` found before the run: {doctor_verdict(findings)}"],
        [*tables, findings_table(findings, explains_all=False).captioned("What the doctor found")],
    )


def machine_remarks(environment: Environment) -> list[Remark]:
    """Name the problems that the doctor found before the run."""
    problems = [f"{each.name} ({each.found})" for each in environment.findings if each.status is Status.PROBLEM]
    if not problems:
        return []
    return [Remark(Tone.DOUBTFUL, f"The doctor found problems that make figures invalid: {listing(problems)}.")]


def _facts(environment: Environment) -> list[tuple[str, str]]:
    commit = environment.commit
    return [
        ("time", environment.time),
        ("processor", f"{environment.cpu}, {environment.cores} cores"),
        ("yardstick", yardstick_text(environment.yardstick)),
        ("memory", f"{environment.memory_mib:,} MiB"),
        ("system", environment.system),
        ("pinning", _pinning(environment.pinning)),
        ("open files", f"{environment.open_files_limit:,} at most"),
        ("Python", environment.python),
        ("packages", ", ".join(f"{name} {version}" for name, version in environment.versions.items())),
        ("commit", f"{commit.id}{', with uncommitted changes' * commit.dirty}" if commit else "none"),
    ]


def _pinning(pinning: Pinning) -> str:
    if not pinning.server_cores:
        return "none"
    server, swarm = (", ".join(map(str, cores)) for cores in (pinning.server_cores, pinning.swarm_cores))
    return f"server on core {server}, swarm on core {swarm}"
