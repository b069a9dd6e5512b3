"""The README's examples, run as a reader would run them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.async_api import async_playwright, expect

from hub.server import listen
from tests.pages import ROOT, Page, barcast, only_job, run, watched
from tests.serving import PATIENCE_S, HubProcess, hub_process
from tests.web.windows import FLAGS

README = Page("README.md")
ORDERS = "id,amount\n" + "".join(f"{n},{'' if n == 7 else n}\n" for n in range(1, 251))


def test_a_function_becomes_a_job_with_phases_counters_and_a_result(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(README.example("jobs.py"))
    (tmp_path / "orders.csv").write_text(ORDERS)
    with hub_process(tmp_path / "hub.db", "jobs.py") as hub:
        done = barcast(hub, "start", "import-orders", "path=orders.csv", "--follow")
        assert done.returncode == 0, done.stderr
        job = only_job(hub)
    assert (job["title"], job["status"], job["result"]) == ("Import orders.csv", "succeeded", {"rows": 249})
    assert [phase["name"] for phase in job["phases"]] == ["Check", "Load"]
    assert job["counters"] == {"ok": 249, "errors": 1}
    assert job["checkpoint"]["done"] == 250


def test_the_orders_that_a_reader_makes_are_imported(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(README.example("jobs.py"))
    subprocess.run(["sh", "-c", README.example("orders")], cwd=tmp_path, check=True)
    with hub_process(tmp_path / "hub.db", "jobs.py") as hub:
        assert barcast(hub, "start", "import-orders", "path=orders.csv", "--follow").returncode == 0
        assert only_job(hub)["counters"] == {"ok": 2, "errors": 1}


def test_a_parameter_that_is_wrong_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(README.example("jobs.py"))
    with hub_process(tmp_path / "hub.db", "jobs.py") as hub:
        refused = barcast(hub, "start", "import-orders", "path=orders.csv", "batch=many")
    assert refused.returncode != 0
    assert "batch" in refused.stderr


def test_what_a_job_raises_after_a_cancel_is_what_people_read(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(README.example("cancel"))
    with hub_process(tmp_path / "hub.db", "jobs.py") as hub:
        job = hub.post("/api/jobs", {"kind": "copy-in", "params": {"rows": 2_000_000_000}})["id"]
        states = watched(hub, job)
        next(state for state in states if state["status"] == "running" and state["done"])
        assert barcast(hub, "cancel", job).returncode == 0
        ended = next(state for state in states if state["status"] == "cancelled")
    assert ended["message"] == "Rolled back, nothing was changed"
    assert ended["cancel"]["how"] == "acknowledged"


def test_a_script_reports_with_one_line_and_runs_the_same_without_a_hub(tmp_path: Path) -> None:
    (tmp_path / "sync.py").write_text(README.example("script"))
    (tmp_path / "orders.csv").write_text(ORDERS)
    with hub_process(tmp_path / "hub.db") as hub:
        assert run([sys.executable, "sync.py"], tmp_path, hub.url).returncode == 0
        job = only_job(hub)
        assert (job["title"], job["status"], job["done"]) == ("Nightly sync", "succeeded", 251)
        gone = hub.url
    alone = run([sys.executable, "sync.py"], tmp_path, gone)
    assert (alone.returncode, alone.stdout, alone.stderr) == (0, "", "")


def test_a_hub_with_a_webhook_starts_as_it_says(tmp_path: Path) -> None:
    script = README.example("webhook").replace("barcast serve", "exec barcast serve --port 0")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with subprocess.Popen(["sh", "-c", script], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        assert hub.stdout.readline().startswith("Barcast is at http://127.0.0.1:")
        hub.send_signal(signal.SIGINT)
        assert hub.wait(PATIENCE_S) == 0


def test_an_operator_reads_the_log_the_metrics_and_what_the_doctor_says(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(README.example("jobs.py"))
    (tmp_path / "orders.csv").write_text(ORDERS)
    with hub_process(tmp_path / "barcast.db", "jobs.py", BARCAST_LOG_FORMAT="json", BARCAST_VIEWERS="100") as hub:
        barcast(hub, "start", "import-orders", "path=orders.csv", "--follow")
        job = only_job(hub)["id"]
        story = run(["sh", "-ec", README.example("log").replace("JOB", job)], tmp_path, hub.url).stdout
        said = run(["sh", "-ec", README.example("doctor")], tmp_path, hub.url)
        with urllib.request.urlopen(f"{hub.url}/metrics") as answer:
            numbers = answer.read().decode()
    events = [json.loads(line)["event"] for line in story.splitlines()]
    assert (events[0], events[-1]) == ("created", "attempt_succeeded")
    assert said.returncode == 0, said.stdout + said.stderr
    for_people, for_programs = said.stdout.splitlines()
    assert for_people == f"nothing wrong with the hub at {hub.url} and barcast.db"
    assert json.loads(for_programs)["well"]
    for name in re.findall(r"`(barcast_[^`]+)`", README.text):
        assert f"\n{name} " in numbers


def test_an_operator_backs_up_and_restores(tmp_path: Path) -> None:
    db = tmp_path / "barcast.db"
    with hub_process(db) as hub:
        hub.post("/api/jobs", {"kind": "before", "external": True})
        said = run(["sh", "-ec", README.example("backup")], tmp_path, hub.url)
        hub.post("/api/jobs", {"kind": "after", "external": True})
    assert said.returncode == 0, said.stderr
    assert "copy.db: all is right" in said.stdout
    assert run(["sh", "-ec", README.example("restore")], tmp_path, "").returncode == 0
    with hub_process(db) as hub:
        assert [job["kind"] for job in hub.get("/api/jobs")["jobs"]] == ["before"]


def test_the_commands_it_names_exist(tmp_path: Path) -> None:
    named = set(re.findall(r"^barcast (\w+)", README.text, re.MULTILINE))
    asking = {"kinds", "start", "jobs", "watch", "cancel", "stack", "reset"}
    assert named >= asking | {"serve", "exec", "doctor", "backup", "check"}
    for command in named:
        assert run([sys.executable, "-m", "hub", command, "--help"], tmp_path, "").returncode == 0


def test_the_files_and_settings_it_names_exist() -> None:
    from hub.settings import Settings
    from hub.signing import VARIABLE

    assert not README.missing()
    for name in re.findall(r"BARCAST_([A-Z_]+)=", README.text):
        assert name.lower() in Settings.__struct_fields__ or f"BARCAST_{name}" == VARIABLE


@contextmanager
def mounted(folder: Path) -> Iterator[str]:
    """The README's own application, under uvicorn as it comes."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    (folder / "app.py").write_text(README.example("mount").replace("8000", str(port)))
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}"}
    with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said = ""
            while "Uvicorn running" not in said:
                said = server.stderr.readline()
                assert said, "the application ended"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)
            server.stderr.read()


async def test_a_bar_on_a_page_of_an_application_that_has_the_hub_inside(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(README.example("jobs.py"))
    (tmp_path / "orders.csv").write_text(ORDERS)
    with mounted(tmp_path) as url:
        hub = HubProcess.__new__(HubProcess)
        hub.url = url
        order = {"kind": "import-orders", "params": {"path": str(tmp_path / "orders.csv")}}
        job = (await asyncio.to_thread(hub.post, "/api/jobs", order))["id"]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = await browser.new_page()
            await page.goto(f"{url}/bar#{job}")
            bar = page.locator("job-progress")
            await expect(bar).to_contain_text("Import orders.csv is done", timeout=PATIENCE_S * 1000)
            await browser.close()
