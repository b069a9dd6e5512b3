"""The examples of the page about running and reporting, run as a reader would run them."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

from tests.pages import Page, barcast, only_job, run, watched
from tests.serving import HubProcess, hub_process
from tests.workers.queues.queueing import redis_server
from tests.workers.test_huggingface import Trainer as HandlersOfTransformers

PAGE = Page("workers/README.md")
example = PAGE.example


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with hub_process(tmp_path / "hub.db") as process:
        yield process


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[[str], HubProcess]]:
    """Called with an example's name: a hub that serves its jobs."""
    hubs: list[HubProcess] = []

    def serve(name: str) -> HubProcess:
        (tmp_path / name).write_text(example(name))
        hubs.append(HubProcess(tmp_path / "hub.db", (name,)))
        return hubs[0]

    yield serve
    for one in hubs:
        one.close()


def script(hub: HubProcess, *command: str) -> Mapping[str, Any]:
    """The job that a command made; it exits with 0."""
    done = run([*command], hub.db.parent, hub.url)
    assert done.returncode == 0, done.stdout + done.stderr
    return only_job(hub)


def written(hub: HubProcess, name: str) -> str:
    """An example as a file beside the hub's database."""
    path = hub.db.parent / name
    path.write_text(example(name))
    return str(path)


# ── Jobs that the hub starts ──────────────────────────────────────────────────


def test_a_cancelled_job_cleans_up_and_says_so(serving: Callable[[str], HubProcess]) -> None:
    hub = serving("cleanup.py")
    job = hub.post("/api/jobs", {"kind": "export"})["id"]
    states = watched(hub, job)
    next(state for state in states if state["status"] == "running" and state["done"])
    barcast(hub, "cancel", job)
    ended = next(state for state in states if state["status"] == "cancelled")
    assert ended["message"].startswith("Removed ")
    assert ended["cancel"]["how"] == "acknowledged"


def test_a_second_attempt_goes_on_from_the_checkpoint(serving: Callable[[str], HubProcess]) -> None:
    hub = serving("retries.py")
    assert barcast(hub, "start", "fetch", "--follow").returncode == 0
    job = only_job(hub)
    assert (job["result"], job["done"], job["priority"], job["timeout_s"]) == (2, 10, 10, 600)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["failed", "succeeded"]
    assert job["max_attempts"] == 4


def test_a_job_starts_others_and_is_done_when_they_are(serving: Callable[[str], HubProcess]) -> None:
    hub = serving("children.py")
    assert barcast(hub, "start", "snapshots", "--follow").returncode == 0
    job = only_job(hub)
    assert (job["result"], job["children"]["succeeded"], job["done"], job["unit"]) == (30, 5, 5, "jobs")
    listed = barcast(hub, "jobs", "--parent", job["id"], "--json").stdout
    assert {child["title"] for child in json.loads(listed)["jobs"]} == {f"Snapshot {n}" for n in range(5)}


# ── Work that runs elsewhere ──────────────────────────────────────────────────


def test_a_script_opens_a_job_with_phases_and_a_result(hub: HubProcess) -> None:
    job = script(hub, sys.executable, written(hub, "open.py"))
    assert (job["title"], job["status"], job["result"]) == ("Nightly sync", "succeeded", {"files": 3})
    assert [(phase["name"], phase["done"]) for phase in job["phases"]] == [("Read", 3), ("Write", 1)]
    assert ("warning", "Nothing to write") in {(line["level"], line["text"]) for line in hub.log_of(job["id"])}


def test_an_unchanged_script_with_tqdm_shows_its_bars(hub: HubProcess) -> None:
    (hub.db.parent / "train.py").write_text("from tqdm import tqdm\nfor _ in tqdm(range(50), desc='Epoch'): ...\n")
    job = script(hub, "sh", "-ec", example("tqdm.sh"))
    assert (job["title"], job["status"]) == ("Train", "succeeded")
    assert [(phase["name"], phase["done"], phase["total"]) for phase in job["phases"]] == [("Epoch", 50, 50)]


@pytest.mark.parametrize(("name", "done"), [("with_tqdm.py", 1_000), ("with_rich.py", 100)])
def test_a_bar_with_one_import_changed_is_a_job(hub: HubProcess, name: str, done: int) -> None:
    job = script(hub, sys.executable, written(hub, name))
    assert (job["status"], job["done"], job["total"]) == ("succeeded", done, done)


def test_any_command_is_a_job(hub: HubProcess) -> None:
    source = hub.db.parent / "src"
    source.mkdir()
    (source / "file").write_bytes(bytes(1_000_000))
    job = script(hub, "sh", "-ec", example("exec.sh"))
    assert (job["title"], job["status"], job["fraction"]) == ("Backup", "succeeded", 1)
    assert (hub.db.parent / "dst" / "file").stat().st_size == 1_000_000


def test_what_flows_through_a_pipe_is_counted(hub: HubProcess) -> None:
    source = hub.db.parent / "src"
    source.mkdir()
    (source / "file").write_bytes(bytes(100_000))
    job = script(hub, "sh", "-ec", example("pipe.sh"))
    assert (job["title"], job["status"], job["unit"]) == ("Archive", "succeeded", "bytes")
    assert job["done"] > 100_000
    assert (hub.db.parent / "src.tar.gz").stat().st_size > 0


CELERY = """
from celery_tasks import app, resize
from celery.contrib.testing.worker import start_worker

with start_worker(app, pool="solo", perform_ping_check=False):
    assert resize.delay(3).get(timeout=30) == 3
"""
DRAMATIQ = """
import dramatiq
from dramatiq_tasks import broker, resize

worker = dramatiq.Worker(broker, worker_threads=1)
worker.start()
resize.send(3)
broker.join("default", timeout=30_000)
worker.join()
worker.stop()
"""


@pytest.mark.parametrize(
    ("name", "program", "scheme"),
    [("celery_tasks.py", CELERY, "redis+socket://"), ("dramatiq_tasks.py", DRAMATIQ, "unix://")],
)
def test_a_task_of_a_queue_is_a_job(hub: HubProcess, tmp_path: Path, name: str, program: str, scheme: str) -> None:
    with redis_server(tmp_path) as path:
        tasks = Path(written(hub, name))
        tasks.write_text(tasks.read_text().replace("redis://localhost", f"{scheme}{path}"))
        (tmp_path / "main.py").write_text(program)
        job = script(hub, sys.executable, "main.py")
    assert (job["kind"].rpartition(".")[2], job["status"]) == ("resize", "succeeded")
    assert (job["done"], job["total"], job["unit"]) == (3, 3, "pictures")


def test_a_training_of_transformers_is_a_job(hub: HubProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handler of callbacks is the real one; the trainer itself needs PyTorch."""
    monkeypatch.setenv("BARCAST_URL", hub.url)
    trainer = {"Trainer": lambda callbacks, **_: HandlersOfTransformers(*callbacks), "model": None, "args": None}
    (tmp_path / "train.py").write_text(example("huggingface.py"))
    runpy.run_path(str(tmp_path / "train.py"), trainer)
    job = only_job(hub)
    assert (job["status"], job["done"], job["total"]) == ("succeeded", 12, 12)


def test_futures_of_dask_are_a_job(hub: HubProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARCAST_URL", hub.url)
    settings = {"processes": False, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "protocol": "tcp"}
    (tmp_path / "parts.py").write_text(example("dask.py"))
    with LocalCluster(n_workers=1, threads_per_worker=1, **settings) as cluster, Client(cluster) as client:
        runpy.run_path(str(tmp_path / "parts.py"), {"client": client, "work": str, "parts": range(5)})
    job = only_job(hub)
    assert (job["title"], job["status"], job["done"], job["total"]) == ("Parts", "succeeded", 5, 5)


def test_three_lines_of_curl_open_report_and_end_a_job(hub: HubProcess) -> None:
    job = script(hub, "sh", "-ec", example("curl"))
    assert (job["kind"], job["status"], job["message"], job["done"]) == ("backup", "succeeded", "Copying", 3)


@pytest.mark.parametrize(("name", "command"), [("report.mjs", ["node"]), ("report.go", ["go", "run"])])
def test_another_language_reports_over_http(hub: HubProcess, name: str, command: list[str]) -> None:
    assert shutil.which(command[0]), f"this test needs {command[0]}"
    job = script(hub, *command, written(hub, name))
    assert (job["title"], job["status"], job["message"]) == ("Resize pictures", "succeeded", "c.jpg")
    assert (job["done"], job["total"], job["unit"]) == (3, 3, "pictures")


def test_every_example_is_executed_above_and_every_link_leads_somewhere() -> None:
    source = Path(__file__).read_text()
    assert {name for name in PAGE.names if f'"{name}"' not in source} == set()
    assert not PAGE.missing()
