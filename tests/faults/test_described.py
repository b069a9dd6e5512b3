"""Whatever is asked of a running hub, in line with its OpenAPI description or against it, is answered as described.

Schemathesis makes the requests from the description and holds every answer to it: no 5xx, no status, media type, body
or header that is not described, nothing accepted that the description forbids, and no wait without end. What is only
wrong in meaning (an attempt that does not exist yet, a cursor of no page) no schema can tell, so that valid data may be
refused. Streams are left after their first event. The full form, with every phase and as many examples as wanted:

    python -m tests.faults.test_described --examples 100 --seed 7
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.serving import HubProcess, hub_process

PROGRAM = str(Path(sys.executable).with_name("schemathesis"))
SECONDS = 3_600.0  # far beyond what the small form takes
MUCH = {"BARCAST_REQUESTS_PER_MINUTE": "10000000", "BARCAST_REPORTS_PER_S": "10000000"}
KINDS = '''
import threading
from workers import Job, job

@job("nothing", runs_in="thread")
def nothing(job: Job) -> None:
    """Does nothing."""

@job("wait", runs_in="thread")
def wait(job: Job) -> None:
    """Stands until it is cancelled."""
    while True:
        threading.Event().wait(0.02)
        job.advance(0)
'''
CONFIG = """
max-stream-events = 1
request-timeout = 30.0
continue-on-failure = true

[checks]
positive_data_acceptance.enabled = false
negative_data_rejection.expected-statuses = [400, 403, 404, 405, 409, 410, 413, 422, 429]

[dictionaries]
jobs.values = {jobs}
kinds.values = ["nothing", "outside"]

[parameters]
"path.id" = {{ dictionary = "jobs", probability = 0.8 }}
"path.kind" = {{ dictionary = "kinds", probability = 0.8 }}
"body.kind" = {{ dictionary = "kinds", probability = 0.8 }}
"""


def lives(hub: HubProcess) -> list[str]:
    """Jobs of every sort, to be asked about; their ids."""
    outside: dict[str, object] = {"kind": "outside", "external": True}
    orders: list[dict[str, object]] = [outside, outside, outside, {"kind": "nothing"}, {"kind": "wait"}]
    jobs = [str(hub.post("/api/jobs", order)["id"]) for order in orders]
    hub.post(f"/api/jobs/{jobs[0]}/report", {"done": 1, "total": 3})
    hub.post(f"/api/jobs/{jobs[0]}/artifact", {"name": "a", "url": hub.url})
    hub.post(f"/api/jobs/{jobs[1]}/finish", {"outcome": "succeeded", "result": [1]})
    failure = {"type": "ValueError", "message": "no luck", "traceback": "line 1"}
    hub.post(f"/api/jobs/{jobs[2]}/finish", {"outcome": "failed", "error": failure})
    return jobs


def asked(hub: HubProcess, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """All that Schemathesis asks of a hub, and what it says of the answers."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(jobs=json.dumps(lives(hub))))
    command = [PROGRAM, "--config-file", str(config), "run", f"{hub.url}/openapi.json", "--url", hub.url]
    return subprocess.run(
        [*command, "--no-color", *options],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False,
    )  # fmt: skip


def examined(folder: Path, *options: str) -> str:
    """Ask a hub of its own; it must live on with nothing in its log. What was said."""
    (folder / "kinds.py").write_text(KINDS)
    with hub_process(folder / "hub.db", str(folder / "kinds.py"), **MUCH) as hub:
        said = asked(hub, folder, *options)
        assert said.returncode == 0, said.stdout
        assert "Traceback" not in hub.log()
        assert hub.get("/api/summary")["storage"] == "ok"
        return said.stdout


def test_every_answer_is_as_described_and_none_is_a_server_error(tmp_path: Path) -> None:
    said = examined(tmp_path, "--max-examples=3", "--generation-deterministic", "--phases=fuzzing")
    assert re.search(r"\b(\d+) selected / \1 total", said), said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="at most, for each call and phase")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(
            examined(
                Path(folder), f"--max-examples={given.examples}", f"--seed={given.seed}", "--generation-database=none"
            )
        )


if __name__ == "__main__":
    main()
