"""The part of a report that says where and with what its figures were made."""

from __future__ import annotations

from bench.analysis.slo import listing
from bench.doctor.examination import serious, verdict
from bench.model.environment import Environment, Pinning
from bench.model.finding import Finding, Status
from bench.presentation.report.page import Remark, Row, Section, Table, Tone

TONES = {Status.PROBLEM: Tone.BAD, Status.WARNING: Tone.DOUBTFUL, Status.UNKNOWN: Tone.PLAIN, Status.OK: Tone.GOOD}


def environment_section(environment: Environment) -> Section:
    """Describe the machine, the versions, and what the doctor found on it."""
    findings = environment.findings
    return Section(
        "Environment",
        [f"What `python -m bench doctor` found before the run: {verdict(findings)}"] if findings else [],
        [Table("Machine and versions", ("", ""), [Row(facts) for facts in _facts(environment)])]
        + ([_findings(findings)] if findings else []),
    )


def machine_remarks(environment: Environment) -> list[Remark]:
    """Name the problems that the doctor found before the run; figures taken with one may not be believed."""
    problems = [f"{each.name} ({each.found})" for each in environment.findings if each.status is Status.PROBLEM]
    if not problems:
        return []
    return [Remark(Tone.DOUBTFUL, f"The doctor found what makes figures unbelievable: {listing(problems)}.")]


def _facts(environment: Environment) -> list[tuple[str, str]]:
    commit = environment.commit
    return [
        ("time", environment.time),
        ("processor", f"{environment.cpu}, {environment.cores} cores"),
        ("memory", f"{environment.memory_mib:,} MiB"),
        ("system", environment.system),
        ("pinning", _pinning(environment.pinning)),
        ("open files", f"{environment.open_files_limit:,} at most"),
        ("Python", environment.python),
        ("packages", ", ".join(f"{name} {version}" for name, version in environment.versions.items())),
        ("commit", f"{commit.id}{', with changes that are not in it' * commit.dirty}" if commit else "none"),
    ]


def _pinning(pinning: Pinning) -> str:
    if not pinning.server_cores:
        return "none"
    server, swarm = (", ".join(map(str, cores)) for cores in (pinning.server_cores, pinning.swarm_cores))
    return f"server on core {server}, swarm on core {swarm}"


def _findings(findings: tuple[Finding, ...]) -> Table:
    to_mend = serious(findings)
    rows = [
        Row(
            (
                finding.status,
                finding.name,
                finding.found,
                f"{finding.effect}. Remedy: {finding.remedy}" if finding in to_mend else "",
            ),
            TONES[finding.status],
        )
        for finding in findings
    ]
    return Table("What the doctor found", ("status", "check", "found", "what it does to the figures"), rows)
