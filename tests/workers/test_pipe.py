"""`barcast pipe`: bytes and lines on their way through."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.view import Status
from tests.serving import HubProcess, hub_process
from tests.workers.beside import BOUND_S, NOBODY, barcast, environment, job_named, job_where, signal_beside_main


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with hub_process(tmp_path_factory.mktemp("hub") / "hub.db", "workers.examples") as running:
        yield running


def run(url: str, data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        barcast("pipe", *arguments), input=data, env=environment(url), capture_output=True, timeout=BOUND_S
    )


def begin(url: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        barcast("pipe", *arguments), env=environment(url), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def say(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Send it something, and wait until it has passed that on."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(data)
    process.stdin.flush()
    assert process.stdout.read(len(data)) == data


def test_bytes_pass_through_and_are_counted(hub: HubProcess) -> None:
    data = os.urandom(3_000_000)
    done = run(hub.url, data, "--title", "bytes", "--size", "4000000")
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")
    job = job_named(hub, "bytes")
    assert (job.status, job.kind, job.total, job.unit) == (Status.SUCCEEDED, "pipe", 4_000_000, "bytes")


def test_lines_are_counted_with_the_last_one_that_has_no_end(hub: HubProcess) -> None:
    run(hub.url, b"a\nb\nc", "--title", "lines", "--lines", "--kind", "words")
    job = job_named(hub, "lines")
    assert (job.done, job.total, job.unit, job.kind) == (3, None, "lines", "words")


def test_a_file_says_how_large_it_is_from_where_it_is_read(hub: HubProcess, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 5000)
    with (tmp_path / "file").open("rb", buffering=0) as file:
        file.seek(1000)
        command = barcast("pipe", "--title", "file")
        done = subprocess.run(command, stdin=file, env=environment(hub.url), capture_output=True, timeout=BOUND_S)
    assert len(done.stdout) == 4000
    assert (job_named(hub, "file").done, job_named(hub, "file").total) == (4000, 4000)


def test_without_a_hub_everything_passes_through() -> None:
    done = run(NOBODY, b"abc\n" * 1000)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"abc\n" * 1000, b"")


def test_a_cancel_ends_it_with_130_after_what_it_took(hub: HubProcess) -> None:
    process = begin(hub.url, "--title", "cancel", "--lines")
    say(process, b"one\ntwo\n")
    job = job_where(hub, lambda job: job.title == "cancel" and job.done == 2)
    hub.post(f"/api/jobs/{job.id}/cancel")
    assert process.wait(BOUND_S) == 130
    process.communicate()
    job = job_named(hub, "cancel")
    assert (job.status, job.message) == (Status.CANCELLED, "Passed on 2 lines")


def test_a_pause_takes_nothing_until_it_is_over(hub: HubProcess) -> None:
    process = begin(hub.url, "--title", "pause")
    say(process, b"one")
    job = job_where(hub, lambda job: job.title == "pause" and job.done == 3)
    hub.post(f"/api/jobs/{job.id}/pause")
    hub.post(f"/api/jobs/{job.id}/resume")
    say(process, b"two")
    process.communicate(timeout=BOUND_S)
    assert job_named(hub, "pause").done == 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_as_it_would_any_filter(hub: HubProcess, number: signal.Signals) -> None:
    process = begin(hub.url, "--title", number.name)
    say(process, b"one")
    process.send_signal(number)
    assert process.wait(BOUND_S) == 128 + number
    process.communicate()
    assert job_named(hub, number.name).message == f"Stopped by {number.name} where it ran"


def test_a_signal_that_comes_just_before_it_waits_is_not_lost(hub: HubProcess) -> None:
    process = begin(hub.url, "--title", "just before")
    say(process, b"one")
    job_where(hub, lambda job: job.title == "just before" and job.done == 3)
    signal_beside_main(process, signal.SIGTERM)
    assert process.wait(BOUND_S) == 128 + signal.SIGTERM
    process.communicate()


def test_when_nobody_reads_any_more_it_ends_without_a_word(hub: HubProcess) -> None:
    command = " ".join(barcast("pipe", "--title", "broken"))
    script = f"yes | {command} | head -n 1; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", script], env=environment(hub.url), capture_output=True, timeout=BOUND_S)
    assert (done.stdout.split(), done.stderr) == ([b"y", b"141"], b"")
    assert job_named(hub, "broken").status is Status.FAILED


def test_what_cannot_be_read_fails(hub: HubProcess) -> None:
    command = barcast("pipe", "--title", "unreadable")
    with open(os.devnull, "wb") as stdin:
        done = subprocess.run(command, stdin=stdin, env=environment(hub.url), capture_output=True, timeout=BOUND_S)
    assert (done.returncode, done.stderr) == (1, b"barcast: Bad file descriptor\n")
    assert job_named(hub, "unreadable").status is Status.FAILED


def closed(url: str, command: list[str], streams: str) -> subprocess.CompletedProcess[bytes]:
    """A command of ours whose standard streams are closed, as the shell writes that."""
    script = f'exec "$@" {streams}'
    return subprocess.run(
        ["sh", "-c", script, "sh", *command], env=environment(url), capture_output=True, timeout=BOUND_S
    )


def test_where_stdin_is_closed_nothing_else_is_taken_for_it(hub: HubProcess) -> None:
    done = closed(hub.url, barcast("pipe", "--title", "closed"), "<&-")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"barcast: Bad file descriptor\n")


def test_what_goes_to_a_closed_stdout_is_not_taken_for_passed_on() -> None:
    done = closed(NOBODY, ["sh", "-c", f"echo x | {' '.join(barcast('pipe'))}"], ">&-")
    assert (done.returncode, done.stderr) == (1, b"barcast: Bad file descriptor\n")
