"""The doctor: real faults where a test can cause them, and files of other machines where not."""

from __future__ import annotations

import ctypes
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from bench.commands.doctor import Examination, doctor
from bench.doctor import clocks, cpu, limits, software
from bench.doctor.examination import CHECKS, examine
from bench.doctor.machine import CpuUse, Machine, core_list, measure_cpu, percent
from bench.execution.environment_reader import read_environment
from bench.execution.pinning import choose_pinning
from bench.model.environment import Environment, Pinning
from bench.model.finding import Finding, Status
from bench.presentation.doctor_answer import doctor_answer, print_findings
from bench.presentation.terminal import answer_in_terminal
from tests.bench.made_up import ENVIRONMENT

PR_SET_TIMERSLACK = 29
FACTS = {"cores", "siblings", "governor", "turbo", "cpu limit", "virtualisation", "clock source", "ports", "backlog"}
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def quiet(*busy: float) -> CpuUse:
    return CpuUse(dict(enumerate(busy)), load_average=0.1, steal=0.0, steal_since_boot=0.0)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Make up a machine of four idle cores whose files the test writes."""
    return Machine(10_000, Pinning((0,), (1, 2, 3)), quiet(1, 2, 3, 4), tmp_path)


def write(machine: Machine, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = machine.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def here(users: int = 100) -> Machine:
    """Return this machine, as if its cores were idle."""
    return Machine(users, choose_pinning(), quiet(0, 0))


# Real faults.


def run_doctor(fault: Callable[[], object], users: int = 10_000) -> tuple[int, dict[str, Finding]]:
    """Run the command in a process with a fault."""
    done = subprocess.run(
        [sys.executable, "-c", "from bench.commands.doctor import doctor; doctor()", "--json", "--users", str(users)],
        preexec_fn=fault,
        stdout=subprocess.PIPE,
        timeout=300,
    )
    examination = msgspec.json.decode(done.stdout, type=Examination)
    assert examination.users == users
    return done.returncode, {finding.name: finding for finding in examination.findings}


def test_too_few_descriptors_and_one_core_are_problems() -> None:
    def fault() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 700))
        if sys.platform == "linux":
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    code, found = run_doctor(fault, users=5_000)
    assert code == 3
    assert found["descriptors"].status is Status.PROBLEM
    assert found["descriptors"].found.startswith("300 soft, 700 hard; 5000 users need 6000")
    if sys.platform == "linux":
        assert found["cores"].status is Status.PROBLEM
        assert found["cores"].found.startswith("1 usable of ")
        assert found["pinning"].status is Status.WARNING


@pytest.mark.long
@linux_only
def test_late_timers_are_found() -> None:
    _, found = run_doctor(lambda: ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 50_000_000))
    assert found["timers"].status in (Status.WARNING, Status.PROBLEM)


@pytest.fixture
def busy_core() -> Iterator[int]:
    """Keep one core busy with another program."""
    core = max(os.sched_getaffinity(0))
    program = f"import os; os.sched_setaffinity(0, {{{core}}}); print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield core
        process.kill()


@linux_only
def test_another_program_that_keeps_a_core_busy_is_a_problem(busy_core: int) -> None:
    use = measure_cpu()
    assert set(use.busy) == os.sched_getaffinity(0)
    assert use.busy[busy_core] > 50
    finding = cpu.other_load.examine(replace(here(), cpu=use))
    assert finding.status is Status.PROBLEM
    assert "% busy" in finding.found


@linux_only
def test_pinning_is_tried_and_undone() -> None:
    before = os.sched_getaffinity(0)
    assert cpu.pinning.examine(replace(here(), pinning=Pinning((min(before),), tuple(before)))).status is Status.OK
    absent = cpu.pinning.examine(replace(here(), pinning=Pinning((min(before),), (1023,))))
    assert absent.status is Status.PROBLEM
    assert absent.found == "binding to core 1023 fails: Invalid argument"
    assert os.sched_getaffinity(0) == before


@linux_only
def test_the_kernels_receive_times_are_read() -> None:
    finding = clocks.receive_timestamps.examine(here())
    assert finding.status is Status.OK
    assert finding.found.startswith("on 20 of 20 reads, ")


def test_too_many_users_for_the_memory_are_a_problem() -> None:
    assert limits.memory.examine(here(users=1_000)).status is Status.OK
    assert limits.memory.examine(here(users=10**9)).status is Status.PROBLEM


def test_a_missing_uvloop_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert software.uvloop.examine(here()).status is Status.OK
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert software.uvloop.examine(here()).status is Status.WARNING


def test_a_debugging_aid_is_a_problem_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in software.DEBUGGING_AIDS:
        monkeypatch.delenv(name, raising=False)
    assert software.python.examine(here()).status is not Status.PROBLEM
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    finding = software.python.examine(here())
    assert finding.status is Status.PROBLEM
    assert "PYTHONASYNCIODEBUG" in finding.found


# Other machines.

CPU = "sys/devices/system/cpu"
SYSCTL = "proc/sys/net"
CLOCK = "sys/devices/system/clocksource/clocksource0/current_clocksource"


@pytest.mark.parametrize(
    ("name", "files", "status", "found"),
    [
        ("turbo", {f"{CPU}/intel_pstate/no_turbo": "0\n"}, Status.WARNING, "on"),
        ("turbo", {f"{CPU}/intel_pstate/no_turbo": "1\n", f"{CPU}/cpufreq/boost": "1"}, Status.OK, "off"),
        ("turbo", {f"{CPU}/cpufreq/boost": "1\n"}, Status.WARNING, "on"),
        ("turbo", {f"{CPU}/cpufreq/boost": "0\n"}, Status.OK, "off"),
        ("clock source", {CLOCK: "hpet\n"}, Status.WARNING, "hpet, "),
        ("virtualisation", {"proc/cpuinfo": "flags\t: fpu hypervisor lm\n"}, Status.OK, "virtual machine"),
        ("virtualisation", {"proc/cpuinfo": "", "run/.containerenv": ""}, Status.OK, "container"),
        ("virtualisation", {"proc/cpuinfo": "flags\t: fpu lm\n"}, Status.OK, "no sign of any"),
        (
            "ports",
            {f"{SYSCTL}/ipv4/ip_local_port_range": "32768\t40000", "proc/net/sockstat": ""},
            Status.PROBLEM,
            "7233 ports, 0 in TIME_WAIT, for 10000 users",
        ),
        (
            "ports",
            {
                f"{SYSCTL}/ipv4/ip_local_port_range": "32768\t60999",
                "proc/net/sockstat": "sockets: used 26\nTCP: inuse 13 orphan 0 tw 20000 alloc 13 mem 85",
            },
            Status.WARNING,
            "28232 ports, 20000 in TIME_WAIT",
        ),
        (
            "ports",
            {
                f"{SYSCTL}/ipv4/ip_local_port_range": "32768\t60999",
                "proc/net/sockstat": "TCP: inuse 13 orphan 0 tw 9 alloc 13 mem 85",
            },
            Status.OK,
            "28232 ports, 9 in TIME_WAIT",
        ),
        (
            "backlog",
            {f"{SYSCTL}/core/somaxconn": "128", f"{SYSCTL}/ipv4/tcp_max_syn_backlog": "4096"},
            Status.WARNING,
            "somaxconn 128,",
        ),
        (
            "backlog",
            {f"{SYSCTL}/core/somaxconn": "4096", f"{SYSCTL}/ipv4/tcp_max_syn_backlog": "2048"},
            Status.OK,
            "somaxconn 4096,",
        ),
    ],
)
def test_files_decide_status_and_finding(
    machine: Machine, name: str, files: dict[str, str], status: Status, found: str
) -> None:
    write(machine, files)
    finding = CHECKS[name].examine(machine)
    assert found in finding.found
    assert finding.status is status


def test_the_systems_limit_on_descriptors_counts_too(machine: Machine) -> None:
    few = replace(machine, users=10)
    write(few, {"proc/sys/fs/file-nr": "1000\t0\t90000"})
    assert limits.descriptors.examine(few).status is Status.OK
    write(few, {"proc/sys/fs/file-nr": "89000\t0\t90000"})
    finding = limits.descriptors.examine(few)
    assert finding.status is Status.PROBLEM
    assert finding.found.endswith("the whole system has 1000 left")


@pytest.mark.parametrize(
    ("files", "status", "found"),
    [
        ({"proc/self/cgroup": "0::/\n"}, Status.OK, "none"),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, Status.OK, "none"),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, Status.PROBLEM, "1.5 cores'"),
        (
            {
                "proc/self/cgroup": "0::/outer/inner\n",
                "sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n",
                "sys/fs/cgroup/outer/cpu.max": "300000 100000\n",
            },
            Status.WARNING,
            "3 cores'",
        ),
        (
            {  # a container that is shown its host's path, and only its own group as the outermost folder
                "proc/self/cgroup": "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            Status.PROBLEM,
            "0.5 cores'",
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            Status.OK,
            "none",
        ),
    ],
)
def test_the_tightest_cpu_quota_counts(machine: Machine, files: dict[str, str], status: Status, found: str) -> None:
    write(machine, files)
    finding = cpu.cpu_limit.examine(machine)
    assert finding.found.startswith(found)
    assert finding.status is status


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": f"{100 * 2**20}\n"},
        {"proc/self/cgroup": "5:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{100 * 2**20}\n"},
    ],
)
def test_a_memory_limit_counts_as_the_available_memory(machine: Machine, files: dict[str, str]) -> None:
    write(machine, files)
    finding = limits.memory.examine(machine)
    assert finding.found.startswith("100 MiB available")
    assert finding.status is Status.PROBLEM


@pytest.mark.parametrize(
    ("threads", "status", "found"),
    [
        (("0-1", "0-1", "2-3", "2-3"), Status.WARNING, "server and swarm share a core: 0 and 1; one of each core: 0,2"),
        (("0,2", "1,3", "0,2", "1,3"), Status.WARNING, "server and swarm share a core: 0 and 2; one of each core: 0,1"),
        (("0", "1", "2", "3"), Status.OK, "4 physical cores"),
        (("0,4", "1,5", "2,6", "3,7"), Status.OK, "4 physical cores"),
    ],
)
def test_hyperthreads_of_one_core(machine: Machine, threads: tuple[str, ...], status: Status, found: str) -> None:
    write(machine, {f"{CPU}/cpu{core}/topology/thread_siblings_list": text for core, text in enumerate(threads)})
    finding = cpu.siblings.examine(machine)
    assert finding.found.startswith(found)
    assert finding.status is status


def test_one_core_with_a_power_saving_governor_is_a_warning(machine: Machine) -> None:
    files = {f"{CPU}/cpu{core}/cpufreq/scaling_governor": "performance\n" for core in range(4)}
    write(machine, files)
    assert cpu.governor.examine(machine).status is Status.OK
    write(machine, {f"{CPU}/cpu3/cpufreq/scaling_governor": "schedutil\n"})
    finding = cpu.governor.examine(machine)
    assert (finding.status, finding.found) == (Status.WARNING, "performance, schedutil")


@pytest.mark.parametrize(
    ("now", "since_boot", "status"),
    [
        (0.0, 0.2, Status.OK),
        (0.0, 3.0, Status.WARNING),
        (2.0, 0.0, Status.WARNING),
        (5.0, 0.0, Status.PROBLEM),
        (None, None, Status.UNKNOWN),
    ],
)
def test_steal(machine: Machine, now: float | None, since_boot: float | None, status: Status) -> None:
    use = replace(machine.cpu, steal=now, steal_since_boot=since_boot)
    assert cpu.steal.examine(replace(machine, cpu=use)).status is status


@pytest.mark.parametrize(
    ("distances_ns", "status"),
    [
        ([0, 900_000], Status.OK),
        ([0, None], Status.WARNING),
        ([None, None], Status.WARNING),
        ([0, 3_000_000], Status.PROBLEM),
    ],
)
def test_receive_times_that_are_missing_or_wrong(distances_ns: list[int | None], status: Status) -> None:
    assert clocks.judge_stamps(distances_ns)[0] is status


def test_what_cannot_be_read_is_unknown_with_the_reason(machine: Machine) -> None:
    findings = {finding.name: finding for finding in examine(machine)}
    for name in FACTS - {"cores"}:
        assert findings[name].status is Status.UNKNOWN, name
        assert "there is no " in findings[name].found
    write(machine, {f"{SYSCTL}/ipv4/ip_local_port_range": "all of them"})
    garbled = limits.ports.examine(machine)
    assert garbled.status is Status.UNKNOWN
    assert "'all'" in garbled.found


def test_shares_of_a_cores_time_add_up_however_short_the_sample() -> None:
    before = {"user": 7.0, "system": 1.0, "idle": 90.0, "steal": 0.5, "guest": 3.0}
    after = {"user": 7.1, "system": 1.05, "idle": 90.3, "steal": 0.55, "guest": 3.1}
    shares = {kind: percent(before, after, kind) for kind in ("user", "system", "idle", "steal", "softirq")}
    assert shares == {
        "user": pytest.approx(20),
        "system": pytest.approx(10),
        "idle": pytest.approx(60),
        "steal": pytest.approx(10),
        "softirq": None,
    }
    assert percent(before, before, "user") == 0


def test_the_kernels_notation_of_cores_is_parsed() -> None:
    assert core_list("0-2,8\n") == [0, 1, 2, 8]
    assert core_list("5") == [5]
    assert core_list("\n") == []


# The output for people and for programs.


def finding(name: str, status: Status) -> Finding:
    return Finding(name, status, f"{name} found", f"{name} effect", f"{name} remedy")


def printed(show: Callable[[Console], object]) -> str:
    output = io.StringIO()
    show(Console(file=output, width=120))
    return output.getvalue()


def test_the_short_form_has_a_line_for_each_warning_and_problem_only() -> None:
    findings = [finding(status.value, status) for status in Status]
    lines = printed(lambda console: print_findings(findings, console)).splitlines()
    assert lines[:2] == ["problem: problem: problem found", "warning: warning: warning found"]
    assert len(lines) == 3
    assert "bench doctor" in lines[2]
    assert printed(lambda console: print_findings(findings[2:], console)) == ""


def test_the_table_has_remedies_for_problems_only() -> None:
    findings = [finding("bad", Status.PROBLEM), finding("fine", Status.OK)]
    text = printed(lambda console: console.print(answer_in_terminal(doctor_answer(findings))))
    assert "bad remedy" in text
    assert "fine effect" in text
    assert "fine remedy" not in text
    assert "1 problem, 0 warnings: figures taken now are invalid." in text


def test_the_command_lists_the_most_serious_first_and_exits_with_3() -> None:
    result = CliRunner().invoke(doctor, ["--json", "--users", "1000000000"])
    assert result.exit_code == 3
    findings = msgspec.json.decode(result.stdout, type=Examination).findings
    ranks = [list(Status).index(finding.status) for finding in findings]
    assert ranks == sorted(ranks)
    assert {finding.name for finding in findings} == set(CHECKS)
    assert all(finding.effect and finding.remedy and finding.found for finding in findings)


def test_without_a_problem_the_exit_code_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.commands.doctor.examine", lambda _machine: [finding("slow", Status.WARNING)])
    result = CliRunner().invoke(doctor, [])
    assert result.exit_code == 0
    assert "0 problems, 1 warning: figures taken now are valid." in result.stdout


def test_findings_are_stored_with_the_environment_if_there_are_any() -> None:
    kept = read_environment(Pinning(), [finding("slow", Status.WARNING)])
    stored = msgspec.json.encode(kept)
    assert msgspec.json.decode(stored, type=Environment) == kept
    older = msgspec.to_builtins(ENVIRONMENT)
    older.pop("findings")
    assert msgspec.convert(older, Environment) == ENVIRONMENT
