"""`barcast exec`: who may stop, hold and resize the command, from the page and from where it runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from hub.view import Status
from tests.serving import HubProcess, hub_process
from tests.workers.beside import (
    BOUND_S,
    NOBODY,
    barcast,
    environment,
    job_named,
    job_where,
    signal_beside_main,
    terminal,
)
from tests.workers.looking import until
from workers.steering import by_hand

READY = "import sys, signal, time; print('ready', flush=True); "
WAIT = "signal.pause()"
LATER = "import signal, sys; signal.signal({number}, lambda *_: (print('heard', flush=True), sys.exit(9))); "


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with hub_process(tmp_path_factory.mktemp("hub") / "hub.db", "workers.examples") as running:
        yield running


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


# ── The page ──────────────────────────────────────────────────────────────────


def test_a_cancel_stops_the_command_and_is_acknowledged(hub: HubProcess) -> None:
    process = begin(hub.url, "--title", "cancel", *python(READY + WAIT))
    job = job_where(hub, lambda job: job.title == "cancel" and job.status is Status.RUNNING)
    hub.post(f"/api/jobs/{job.id}/cancel")
    assert end(process)[0] == 128 + signal.SIGTERM
    job = job_named(hub, "cancel")
    assert (job.status, job.message) == (Status.CANCELLED, "Stopped by SIGTERM")
    assert job.cancel is not None
    assert job.cancel.how == "acknowledged"
    assert "cancel_acknowledged" not in [entry["event"] for entry in hub.log_of(job.id)]  # but by its end


def test_a_cancel_that_is_ignored_kills_the_whole_tree_after_the_grace_time(hub: HubProcess) -> None:
    code = (
        "import subprocess, signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "child = subprocess.Popen(['sleep', '1000'], start_new_session=True); "
        "print('ready', flush=True); print(child.pid, flush=True)\nwhile True: signal.pause()"
    )
    process = begin(hub.url, "--title", "deaf", "--grace", "0.3", *python(code))
    assert process.stdout is not None
    grandchild = psutil.Process(int(process.stdout.readline()))
    job = job_where(hub, lambda job: job.title == "deaf" and job.status is Status.RUNNING)
    hub.post(f"/api/jobs/{job.id}/cancel")
    assert end(process)[0] == 128 + signal.SIGKILL
    job = job_named(hub, "deaf")
    assert (job.status, job.message) == (Status.CANCELLED, "Did not stop in time, and was killed")
    assert job.cancel is not None
    assert (job.cancel.how, job.cancel.acknowledged_at) == ("forced", None)
    assert job.cancel.delivered_at is not None
    assert job.cancel.forced_at is not None
    assert [entry["event"] for entry in hub.log_of(job.id)][-2:] == ["cancel_forced", "attempt_cancelled"]
    assert grandchild.wait(BOUND_S) is None


def test_what_a_cancelled_command_left_in_a_session_of_its_own_is_ended_too(hub: HubProcess) -> None:
    code = (
        "import subprocess, signal; child = subprocess.Popen(['sleep', '1000'], start_new_session=True); "
        "print('ready', flush=True); print(child.pid, flush=True); signal.pause()"
    )
    process = begin(hub.url, "--title", "left", *python(code))
    assert process.stdout is not None
    grandchild = psutil.Process(int(process.stdout.readline()))
    job = job_where(hub, lambda job: job.title == "left" and job.status is Status.RUNNING)
    hub.post(f"/api/jobs/{job.id}/cancel")
    assert end(process)[0] == 128 + signal.SIGTERM
    grandchild.wait(BOUND_S)


def test_a_pause_holds_the_command_and_a_cancel_ends_it_all_the_same(hub: HubProcess) -> None:
    code = READY + "print(__import__('os').getpid(), flush=True); " + WAIT
    process = begin(hub.url, "--title", "paused", *python(code))
    assert process.stdout is not None
    command = psutil.Process(int(process.stdout.readline()))
    job = job_where(hub, lambda job: job.title == "paused" and job.status is Status.RUNNING)
    for order, stands in (("pause", True), ("resume", False), ("pause", True)):
        hub.post(f"/api/jobs/{job.id}/{order}")
        until(lambda: (command.status() == psutil.STATUS_STOPPED) is stands)  # noqa: B023 - called at once
    hub.post(f"/api/jobs/{job.id}/cancel")
    assert end(process)[0] == 128 + signal.SIGTERM
    assert job_named(hub, "paused").status is Status.CANCELLED


# ── Signals ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_are_passed_on_and_say_who_stopped_it(hub: HubProcess, number: signal.Signals) -> None:
    code = LATER.format(number=int(number)) + READY + WAIT
    process = begin(hub.url, "--title", number.name, *python(code))
    process.send_signal(number)
    assert end(process) == (9, b"heard\n")
    job = job_named(hub, number.name)
    assert (job.status, job.message) == (Status.CANCELLED, f"Stopped by {number.name} where it ran")


def test_a_signal_that_comes_just_before_exec_waits_is_not_lost(hub: HubProcess) -> None:
    process = subprocess.Popen(
        barcast("exec", "--title", "just before", "--", "sleep", "1000"),
        env=environment(hub.url), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    job_where(hub, lambda job: job.title == "just before" and job.status is Status.RUNNING)
    signal_beside_main(process, signal.SIGTERM)
    assert end(process)[0] == 128 + signal.SIGTERM


def test_a_signal_that_was_ignored_from_the_start_is_ignored_by_both() -> None:
    code = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    script = f"trap '' HUP; exec {sys.executable} -m hub exec -- {sys.executable} -c '{code}'"
    done = subprocess.run(["sh", "-c", script], env=environment(NOBODY), capture_output=True, timeout=BOUND_S)
    assert done.stdout == b"True\n"


def test_whoever_stops_a_command_where_it_runs_cancels_it() -> None:
    assert by_hand(-signal.SIGINT, None)
    assert by_hand(130, None)
    assert by_hand(1, signal.SIGTERM)
    assert not by_hand(1, None)
    assert not by_hand(1, signal.SIGUSR1)


# ── At a terminal ─────────────────────────────────────────────────────────────


def test_at_a_terminal_keys_size_and_settings_are_the_commands(hub: HubProcess) -> None:
    code = (
        "import os, signal, sys; print(os.isatty(0), os.get_terminal_size()); "
        "signal.signal(signal.SIGWINCH, lambda *_: print(os.get_terminal_size())); "
        "print('you typed', input('? ')); signal.pause(); input()"
    )
    with terminal(barcast("exec", "--title", "typed", *python(code)), environment(hub.url)) as screen:
        assert screen.until(b"? ") == b"True os.terminal_size(columns=77, lines=33)\r\n"
        screen.type(b"hello\r")
        assert screen.until(b"you typed hello\r\n") == b"hello\r\n"
        screen.resize(40, 100)
        screen.until(b"os.terminal_size(columns=100, lines=40)\r\n")
        screen.type(b"\x03")
        assert screen.end() == 130
    job = job_named(hub, "typed")
    assert (job.status, job.message) == (Status.CANCELLED, "Stopped by SIGINT where it ran")


@pytest.mark.parametrize("pty", ["--pty", "--no-pty"])
def test_ctrl_z_suspends_the_command_and_exec_and_both_go_on_afterwards(pty: str) -> None:
    line = " ".join(barcast("exec", pty, "--", "sh", "-c", "'echo up; read line; echo got $line'"))
    with terminal(["/bin/bash", "--norc", "-i"], environment(NOBODY, PS1="$ ", HISTFILE="/dev/null")) as screen:
        screen.until(b"$ ")
        screen.type(line.encode() + b"\r")
        screen.until(b"up\r\n")
        screen.type(b"\x1a")
        screen.until(b"Stopped")
        screen.until(b"$ ")
        screen.type(b"fg\r")
        screen.until(b"got $line")
        screen.type(b"word\r")
        screen.until(b"got word\r\n")
        screen.until(b"$ ")
        screen.type(b"exit\r")
        screen.end()


def test_a_command_in_a_terminal_does_not_outlive_an_exec_that_is_killed() -> None:
    code = READY + "print(__import__('os').getpid(), flush=True); " + WAIT
    process = begin(NOBODY, *python(code))
    assert process.stdout is not None
    command = psutil.Process(int(process.stdout.readline()))
    process.kill()
    command.wait(BOUND_S)
    end(process)
