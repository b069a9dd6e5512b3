"""`from workers.tqdm import tqdm`: scripts beside a real hub, and beside none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.view import JobView, Status
from tests.serving import HubProcess, hub_process
from tests.workers.beside import BOUND_S, NOBODY, barcast, environment, job_named, job_where

HEAD = "import sys\nfrom workers.tqdm import tqdm, trange\n"
ENDLESS = "print('ready', flush=True)\nfor _ in tqdm(iter(int, 1), desc='{title}', mininterval=0.01): pass"


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


def begin(url: str, script: Path, code: str) -> subprocess.Popen[bytes]:
    """A script that says `ready`, which it has."""
    script.write_text(HEAD + code)
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment(url), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def stands(job: JobView) -> tuple[Status, float | None, float | None, str | None]:
    return job.status, job.done, job.total, job.message


def test_an_outermost_bar_is_a_job_with_the_inner_ones_in_its_message(hub: HubProcess, script: Path) -> None:
    code = "for _ in trange(3, desc='outer', unit='epoch'):\n  for _ in tqdm(range(5), desc='inner'): pass"
    done = run(hub.url, script, code)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"outer: 100%" in done.stderr
    job = job_named(hub, "outer")
    assert stands(job) == (Status.SUCCEEDED, 3, 3, "")
    assert (job.kind, job.unit, job.phases) == ("nightly", "epoch", [])


def test_bars_one_after_the_other_are_jobs_of_their_own(hub: HubProcess, script: Path) -> None:
    code = """
for _ in tqdm(range(4), desc="first", disable=None): pass
with tqdm(total=6, desc="by hand") as bar: bar.update(2); bar.update(4)
for _ in tqdm(range(9), desc="unwanted", disable=True): pass
for _ in tqdm(iter("abc"), desc="endless"): pass
"""
    assert run(hub.url, script, code).returncode == 0
    assert stands(job_named(hub, "first")) == (Status.SUCCEEDED, 4, 4, None)
    assert stands(job_named(hub, "by hand")) == (Status.SUCCEEDED, 6, 6, None)
    assert stands(job_named(hub, "endless")) == (Status.SUCCEEDED, 3, None, None)
    assert not [job for job in hub.get("/api/jobs?limit=100")["jobs"] if job["title"] == "unwanted"]


@pytest.mark.parametrize("end", ["", "\nraise KeyError"], ids=["well", "badly"])
def test_a_loop_that_is_left_ends_as_cancelled_and_says_where(hub: HubProcess, script: Path, end: str) -> None:
    title = f"left{len(end)}"
    run(hub.url, script, f"for n in tqdm(range(10), desc='{title}'):\n  if n == 4: break{end}")
    assert stands(job_named(hub, title)) == (Status.CANCELLED, 4, 10, "Left after 4 of 10")


@pytest.mark.parametrize(
    "code",
    [
        "with tqdm(total=3, desc='{title}') as bar: raise ValueError('no luck')",
        "def items():\n  yield 1\n  raise ValueError('no luck')\nfor _ in tqdm(items(), desc='{title}'): pass",
        "bar = tqdm(range(9), desc='{title}')\nfor n in bar:\n  if n == 4: raise ValueError('no luck')",
    ],
    ids=["block", "source", "loop"],
)
def test_an_exception_fails_the_job(hub: HubProcess, script: Path, code: str, request: pytest.FixtureRequest) -> None:
    title = request.node.name
    assert run(hub.url, script, code.format(title=title)).returncode == 1
    job = job_named(hub, title)
    assert job.error is not None
    assert (job.status, job.error.type, job.error.message) == (Status.FAILED, "ValueError", "no luck")


def test_a_loop_inside_the_handling_of_an_exception_succeeds_all_the_same(hub: HubProcess, script: Path) -> None:
    code = "try: raise KeyError\nexcept KeyError:\n  for _ in tqdm(range(2), desc='handling'): pass"
    run(hub.url, script, code)
    assert job_named(hub, "handling").status is Status.SUCCEEDED


def test_a_cancel_on_the_hub_is_raised_in_the_loop(hub: HubProcess, script: Path) -> None:
    process = begin(hub.url, script, ENDLESS.format(title="cancel"))
    job = job_where(hub, lambda job: job.title == "cancel" and job.done)
    hub.post(f"/api/jobs/{job.id}/cancel", {"reason": "enough"})
    _, errors = process.communicate(timeout=BOUND_S)
    assert process.returncode == 1
    assert b"Cancelled: enough" in errors
    assert job_named(hub, "cancel").status is Status.CANCELLED


def test_a_pause_waits_in_the_loop(hub: HubProcess, script: Path) -> None:
    process = begin(hub.url, script, ENDLESS.format(title="pause"))
    job = job_where(hub, lambda job: job.title == "pause" and job.done)
    hub.post(f"/api/jobs/{job.id}/pause")
    hub.post(f"/api/jobs/{job.id}/resume")
    before = hub.get(f"/api/jobs/{job.id}")["done"]
    job_where(hub, lambda job: job.title == "pause" and (job.done or 0) > before)
    hub.post(f"/api/jobs/{job.id}/cancel")
    process.communicate(timeout=BOUND_S)
    assert job_named(hub, "pause").status is Status.CANCELLED


def test_without_a_hub_a_loop_is_undisturbed(script: Path) -> None:
    done = run(NOBODY, script, "for n in tqdm(range(3), desc='alone'): print(n)")
    assert (done.returncode, done.stdout) == (0, b"0\n1\n2\n")
    assert b"3/3" in done.stderr


def test_under_exec_its_bars_are_phases_of_that_job(hub: HubProcess, script: Path) -> None:
    code = "for _ in tqdm(range(2), desc='phase'): pass"
    run(hub.url, script, code, *barcast("exec", "--title", "around", "--"))
    job = job_named(hub, "around")
    assert [(phase.name, phase.done) for phase in job.phases] == [("phase", 2)]
    assert not [job for job in hub.get("/api/jobs?limit=100")["jobs"] if job["title"] == "phase"]


def test_a_process_that_is_forked_inside_a_bar_has_bars_of_its_own(hub: HubProcess, script: Path) -> None:
    code = """
import os
for _ in tqdm(range(2), desc="parent"):
    pass
else:
    bar = tqdm(total=2, desc="around")
    child = os.fork()
    if not child:
        for _ in tqdm(range(5), desc="child"): pass
        os._exit(0)
    os.waitpid(child, 0); bar.update(2); bar.close()
"""
    run(hub.url, script, code)
    assert stands(job_named(hub, "around")) == (Status.SUCCEEDED, 2, 2, None)
    assert stands(job_named(hub, "child")) == (Status.SUCCEEDED, 5, 5, None)


def test_a_bar_that_is_collected_while_another_is_shown_does_not_hang(script: Path) -> None:
    code = (
        "import gc, io\n"
        "class Lost: pass\n"
        "def lose():\n"
        "  lost = Lost()\n"
        "  lost.itself, lost.bar = lost, tqdm(total=3, file=io.StringIO())\n"
        "gc.disable()\n"
        "for later in range(1, 60):\n"  # one of these steps is within the showing
        "  with tqdm(total=2, file=io.StringIO()) as bar:\n"
        "    lose()\n"
        "    gc.set_threshold(gc.get_count()[0] + later, 1, 1)\n"
        "    gc.enable()\n"
        "    for _ in range(10): bar.refresh()\n"
        "    gc.disable()\n"
        "    gc.collect()\n"
        "print('through')"
    )
    assert run(NOBODY, script, code).stdout == b"through\n"


def test_a_total_beyond_what_a_hub_counts_is_none(hub: HubProcess, script: Path) -> None:
    run(hub.url, script, "with tqdm(total=10**17, desc='beyond') as bar: bar.update(3)")
    assert stands(job_named(hub, "beyond"))[:3] == (Status.SUCCEEDED, 3, None)
