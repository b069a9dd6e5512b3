"""`barcast exec`: real commands beside a real hub, and beside none."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.view import Status
from tests.serving import HubProcess, hub_process
from tests.workers.beside import BOUND_S, NOBODY, barcast, environment, job_named, job_where
from workers.command import kind_of
from workers.order import ENVIRONMENT

READY = "import sys, signal, time; print('ready', flush=True); "
WAIT = "signal.pause()"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with hub_process(tmp_path_factory.mktemp("hub") / "hub.db", "workers.examples") as running:
        yield running


def run(url: str, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """`barcast exec` to its end."""
    return subprocess.run(
        barcast("exec", *arguments), env=environment(url), input=stdin, capture_output=True, timeout=BOUND_S
    )


def begin(url: str, *arguments: str) -> subprocess.Popen[bytes]:
    """`barcast exec` of something that says `ready`, which it has."""
    process = subprocess.Popen(
        barcast("exec", *arguments), env=environment(url), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Its exit status, and what else it printed."""
    rest, _ = process.communicate(timeout=BOUND_S)
    return process.returncode, rest


def python(code: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", code)


def log(hub: HubProcess, job: str) -> list[str]:
    return [entry["text"] for entry in hub.log_of(job) if (entry["data"] or {}).get("from") == "output"]


# ── What passes through ───────────────────────────────────────────────────────


def test_a_command_is_a_job_and_its_output_passes_through_unchanged(hub: HubProcess) -> None:
    code = "import sys; sys.stdout.buffer.write(b'a\\nb\\xff\\n'); sys.stderr.write('err\\n')"
    done = run(hub.url, "--title", "through", *python(code))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a\nb\xff\n", b"err\n")
    job = job_named(hub, "through")
    assert (job.status, job.kind) == (Status.SUCCEEDED, "python")
    assert sorted(log(hub, job.id)) == ["a", "b\ufffd", "err"]


@pytest.mark.parametrize("pty", ["--pty", "--no-pty"])
def test_without_a_hub_a_command_runs_as_it_would_alone(pty: str) -> None:
    code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data * 9); sys.exit(7)"
    data = bytes(range(256)) * 500
    done = run(NOBODY, pty, *python(code), stdin=data)
    assert (done.returncode, done.stdout, done.stderr) == (7, data * 9, b"")


def test_a_command_sees_a_terminal_unless_pipes_are_asked_for(hub: HubProcess) -> None:
    code = "import os; print(*(os.isatty(n) for n in range(3)), os.get_terminal_size(1)[:] if os.isatty(1) else '')"
    assert run(NOBODY, *python(code), stdin=b"").stdout == b"False True True (80, 24)\n"
    assert run(NOBODY, "--no-pty", *python(code), stdin=b"").stdout == b"False False False \n"


def test_where_nobody_types_no_question_waits_for_an_answer() -> None:
    done = run(NOBODY, "--", "sh", "-c", "read answer < /dev/tty; echo $? $PAGER")
    assert done.stdout == b"1 cat\n"


def test_what_goes_to_one_place_stays_in_order() -> None:
    code = "import os\nfor n in range(50): os.write(1 + n % 2, b'%d ' % n)"
    done = subprocess.run(
        barcast("exec", *python(code)),
        env=environment(NOBODY), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BOUND_S,
    )  # fmt: skip
    assert done.stdout == b"".join(b"%d " % n for n in range(50))


def test_when_nobody_reads_the_output_the_command_feels_it() -> None:
    command = " ".join(barcast("exec", "--", "yes"))
    script = f"{command} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], env=environment(NOBODY), capture_output=True, timeout=BOUND_S)
    assert done.stdout.split() == [b"y", b"141"]


def test_much_output_is_passed_on_and_the_newest_of_it_logged(hub: HubProcess) -> None:
    done = run(hub.url, "--title", "much", "--", "seq", "200000")
    assert done.stdout == b"".join(b"%d\n" % n for n in range(1, 200_001))
    lines = log(hub, job_named(hub, "much").id)
    assert lines[-1] == "200000"
    assert any("left out" in line for line in lines)
    assert len(lines) < 1000


@pytest.mark.parametrize("pty", ["--pty", "--no-pty"])
@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_runs_where_standard_streams_are_closed(pty: str, streams: str) -> None:
    script = f'exec "$@" {streams}'
    command = ["sh", "-c", script, "sh", *barcast("exec", pty, "--", "sh", "-c", "echo x; cat; exit 5")]
    assert subprocess.run(command, env=environment(NOBODY), capture_output=True, timeout=BOUND_S).returncode == 5


def test_a_command_that_is_missing_is_told_where_stderr_is_closed() -> None:
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *barcast("exec", "--", "no-such-program")]
    assert subprocess.run(command, env=environment(NOBODY), capture_output=True, timeout=BOUND_S).returncode == 127


def test_the_exit_status_is_known_where_ends_of_children_were_ignored_from_the_start() -> None:
    code = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", code, *barcast("exec", "--", "sh", "-c", "exit 3")]
    assert subprocess.run(command, env=environment(NOBODY), capture_output=True, timeout=BOUND_S).returncode == 3


# ── How it ends ───────────────────────────────────────────────────────────────


def test_a_failure_tells_the_status_and_the_last_line(hub: HubProcess) -> None:
    done = run(hub.url, "--title", "fails", "--", "sh", "-c", "echo one; echo 'disk full' >&2; exit 3")
    assert done.returncode == 3
    job = job_named(hub, "fails")
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error.type, job.error.message) == ("ExitStatus", "exit status 3: disk full")


def test_a_command_that_is_killed_failed(hub: HubProcess) -> None:
    assert run(hub.url, "--title", "killed", "--", "sh", "-c", "kill -9 $$").returncode == 128 + 9
    job = job_named(hub, "killed")
    assert job.error is not None
    assert (job.status, job.error.message) == (Status.FAILED, "killed by SIGKILL")


@pytest.mark.parametrize(("program", "status"), [("no-such-program", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_be_run_fails_as_in_a_shell(hub: HubProcess, program: str, status: int) -> None:
    done = run(hub.url, "--title", f"not run {status}", "--", program)
    assert done.returncode == status
    assert program.encode() in done.stderr
    assert job_named(hub, f"not run {status}").status is Status.FAILED


def test_a_pattern_that_is_none_is_refused_before_anything_runs() -> None:
    done = run(NOBODY, "--pattern", "(", "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"regular expression" in done.stderr


def test_what_it_leaves_running_is_not_waited_for() -> None:
    done = run(NOBODY, "--no-pty", "--", "sh", "-c", "sleep 1000 & echo $!; exit 4")
    os.kill(int(done.stdout), signal.SIGTERM)  # it still runs
    assert done.returncode == 4


def test_its_processes_are_told_where_a_stack_is_asked_for(hub: HubProcess) -> None:
    process = begin(hub.url, "--title", "stack", *python(READY + WAIT))
    job = job_where(hub, lambda job: job.title == "stack" and job.status is Status.RUNNING)
    told = hub.get(f"/api/jobs/{job.id}/stack")
    process.terminate()
    end(process)
    assert told["text"].startswith("A command in processes of its own")
    assert "python" in told["text"]
    assert "workers/command.py" not in told["text"]


def test_kinds_are_named_by_the_program_or_the_script() -> None:
    assert kind_of(["/usr/bin/rsync", "-a"]) == "rsync"
    assert kind_of(["python3", "train.py", "--fast"]) == "train"
    assert kind_of(["python3", "-m", "train", "-v"]) == "train"
    assert kind_of(["python3", "-c", "pass"]) == "python3"


# ── Progress ──────────────────────────────────────────────────────────────────


def test_progress_is_read_from_what_is_printed(hub: HubProcess, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    for n in range(5):
        (tmp_path / "from" / f"{n}.bin").write_bytes(os.urandom(200_000))
    rsync = shutil.which("rsync")
    command = (
        [rsync, "-a", "--info=progress2"]
        if rsync
        else ["sh", "-c", "printf '\\r  1,000,000 100%%  66.27MB/s    0:00:00 (xfr#5, to-chk=0/6)\\n'", "rsync"]
    )
    done = run(hub.url, "--title", "rsync", "--", *command, f"{tmp_path}/from/", f"{tmp_path}/to/")
    assert done.returncode == 0
    job = job_named(hub, "rsync")
    assert (job.done, job.total, job.unit) == (100, 100, "%")
    assert "1,000,000 bytes" in (job.message or "")


def test_progress_by_a_pattern_of_ones_own_and_by_phases(hub: HubProcess) -> None:
    run(hub.url, "--title", "own", "--pattern", r"row (?P<done>\d+) of (?P<total>\d+)", "--", "echo", "row 3 of 8; 99%")
    run(
        hub.url, "--title", "git", "--", "printf", "Counting objects: 100%% (5/5), done.\\nResolving deltas: 50%% (1/2)"
    )
    job = job_named(hub, "own")
    assert job.phases == []
    phases = job_named(hub, "git").phases
    assert [(phase.name, phase.total, phase.unit) for phase in phases] == [
        ("Counting objects", 5, "objects"),
        ("Resolving deltas", 2, "deltas"),
    ]


def test_an_unfinished_line_counts_once_it_stands_for_a_moment(hub: HubProcess) -> None:
    code = f"{READY} sys.stdout.write('3/8 tiles'); sys.stdout.flush(); {WAIT}"
    process = begin(hub.url, "--title", "unfinished", *python(code))
    job = job_where(hub, lambda job: job.title == "unfinished" and job.done == 3)
    assert job.total == 8
    process.send_signal(signal.SIGTERM)
    end(process)


def test_every_process_of_a_command_carries_a_mark_and_the_way_to_its_hub_is_not_lost() -> None:
    code = f"import os, json; print(json.dumps([os.environ[{ENVIRONMENT!r}], os.environ['BARCAST_URL']]))"
    mark, url = json.loads(run(NOBODY, *python(code)).stdout)
    assert mark.startswith("exec-")
    assert url == NOBODY
