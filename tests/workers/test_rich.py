"""`from workers.rich import Progress, track`: scripts beside a real hub, and beside none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.view import JobView, Status
from tests.serving import HubProcess, hub_process
from tests.workers.beside import BOUND_S, NOBODY, barcast, environment, job_named, job_where

HEAD = "from workers.rich import Progress, track\n"
ENDLESS = "print('ready', flush=True)\nfor _ in track(iter(int, 1), '{title}'): pass"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with hub_process(tmp_path_factory.mktemp("hub") / "hub.db", "workers.examples") as running:
        yield running


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "nightly.py"


def run(url: str, script: Path, code: str, *before: str) -> subprocess.CompletedProcess[bytes]:
    script.write_text(HEAD + code)
    return subprocess.run(
        [*before, sys.executable, str(script)], env=environment(url), capture_output=True, timeout=BOUND_S
    )


def figures(job: JobView) -> list[tuple[str, float | None, float | None]]:
    return [(phase.name, phase.done, phase.total) for phase in job.phases]


def test_a_display_is_a_job_and_its_tasks_are_phases(hub: HubProcess, script: Path) -> None:
    code = """
with Progress() as progress:
    load, check = progress.add_task("[red]Load", total=4), progress.add_task("Check", total=3)
    for _ in range(4): progress.advance(load)
    progress.update(check, completed=1); progress.reset(check); progress.update(check, completed=2)
    progress.remove_task(progress.add_task("Gone"))
    progress.update(check, completed=3)
"""
    assert run(hub.url, script, code).returncode == 0
    job = job_named(hub, "Load")
    assert (job.status, job.kind, figures(job)) == (Status.SUCCEEDED, "nightly", [("Load", 4, 4), ("Check", 3, 3)])


def test_track_is_a_job_and_draws_as_ever(hub: HubProcess, script: Path) -> None:
    done = run(hub.url, script, "print(sum(track(range(5), 'Sum')))\nlist(track(iter('abc'), 'Letters', total=3))")
    assert b"10\n" in done.stdout
    assert "Sum ━".encode() in done.stdout
    assert figures(job_named(hub, "Sum")) == [("Sum", 5, 5)]
    assert figures(job_named(hub, "Letters")) == [("Letters", 3, 3)]


def test_a_loop_that_is_left_ends_as_cancelled(hub: HubProcess, script: Path) -> None:
    run(hub.url, script, "for n in track(range(10), 'Left'):\n  if n == 4: break")
    job = job_named(hub, "Left")
    assert (job.status, job.message) == (Status.CANCELLED, "Left before its end")


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("in a block", "with Progress() as p:\n  p.add_task('{title}')\n  raise ValueError('no luck')"),
        ("in a loop", "for n in track(range(9), '{title}'):\n  if n == 4: raise ValueError('no luck')"),
    ],
)
def test_an_exception_fails_the_job(hub: HubProcess, script: Path, title: str, code: str) -> None:
    run(hub.url, script, code.format(title=title))
    job = job_named(hub, title)
    assert job.error is not None
    assert (job.status, job.error.message) == (Status.FAILED, "no luck")


@pytest.mark.parametrize(
    ("title", "loop"),
    [
        ("in track", "for _ in track(iter(int, 1), '{title}'): pass"),
        ("in advance", "with Progress() as p:\n  t = p.add_task('{title}', total=None)\n  while True: p.advance(t)"),
    ],
)
def test_a_cancel_on_the_hub_is_raised_in_the_script(hub: HubProcess, script: Path, title: str, loop: str) -> None:
    script.write_text(HEAD + loop.format(title=title))
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment(hub.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    job = job_where(hub, lambda job: job.title == title and job.done)
    hub.post(f"/api/jobs/{job.id}/cancel", {"reason": "enough"})
    _, errors = process.communicate(timeout=BOUND_S)
    assert process.returncode == 1
    assert b"Cancelled: enough" in errors
    assert job_named(hub, title).status is Status.CANCELLED


def test_without_a_hub_a_display_is_undisturbed(script: Path) -> None:
    done = run(NOBODY, script, "print(list(track('ab', 'Alone')))")
    assert done.returncode == 0
    assert b"['a', 'b']" in done.stdout


def test_under_exec_its_tasks_are_phases_of_that_job(hub: HubProcess, script: Path) -> None:
    code = "for _ in track(range(2), 'Inside'): pass\nprogress = Progress(disable=True)\nprogress.add_task('Unwanted')"
    run(hub.url, script, code, *barcast("exec", "--title", "Around", "--"))
    assert figures(job_named(hub, "Around")) == [("Inside", 2, 2)]
    assert not [job for job in hub.get("/api/jobs?limit=100")["jobs"] if job["title"] == "Inside"]


def test_a_description_that_is_no_markup_is_shown_as_it_is(hub: HubProcess, script: Path) -> None:
    code = (
        "from rich.progress import TextColumn\n"
        "with Progress(TextColumn('{task.description}', markup=False)) as progress:\n"
        "  progress.advance(progress.add_task('[/x] of it', total=2))"
    )
    assert run(hub.url, script, code).returncode == 0
    assert job_named(hub, "[/x] of it").status is Status.SUCCEEDED
