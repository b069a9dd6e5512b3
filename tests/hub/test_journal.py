"""The hub's own log, as text and as JSON."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hub import journal
from hub.cli import barcast
from hub.journal import JsonLine, TextLine
from tests.faults.test_processes import seen, texts
from tests.hub.served import JOBS, run
from tests.serving import HubProcess

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def record(message: str, *values: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("barcast.x", logging.WARNING, __file__, 1, message, values, None)
    made.__dict__.update(extra)
    made.created = 1_760_000_000.25
    return made


def failed(message: str) -> logging.LogRecord:
    made = record("it failed")
    try:
        raise_it(message)
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def raise_it(message: str) -> None:
    raise ValueError(message)


def told(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonLine().format(made)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


# ── One line ──────────────────────────────────────────────────────────────────


def test_a_json_line_has_time_level_logger_message_and_what_it_concerns() -> None:
    assert told(record("lost after %s s", 60, job="01K", attempt=2, worker="host/7", event="lost", other="x")) == {
        "time": "2025-10-09T08:53:20.250Z", "level": "warning", "logger": "barcast.x", "message": "lost after 60 s",
        "job": "01K", "attempt": 2, "worker": "host/7", "event": "lost",
    }  # fmt: skip


def test_a_text_line_has_the_same() -> None:
    line = TextLine().format(record("lost", job="01K", attempt=2, worker=None))
    assert line == "2025-10-09T08:53:20.250Z WARNING barcast.x: lost job=01K attempt=2"


def test_what_would_break_a_line_or_steer_a_terminal_is_made_plain() -> None:
    nasty = "a\nlevel=forged \x1b[31m\u202e\ud800"
    line = TextLine().format(record("%s", nasty, worker=nasty))
    assert len(line.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\u202e]", line)
    assert told(record("%s", nasty, worker=nasty))["worker"].startswith("a\N{REPLACEMENT CHARACTER}level")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("GET /ws?token=s3cret HTTP/1.1", "GET /ws?… HTTP/1.1"),
        ("at https://x.example/a?b=s3cret&c=d, which", "at https://x.example/a?… which"),
        ("Authorization: Bearer s3cret", "Authorization: Bearer …"),
        ("{'password': 's3cret'}", "{'password': '…'}"),
        ("token=s3cret;", "token=…;"),
        ("is `barcast serve` running? Or not?", "is `barcast serve` running? Or not?"),
        ("does not take this token; see BARCAST_TOKEN", "does not take this token; see BARCAST_TOKEN"),
    ],
)
def test_query_strings_and_credentials_are_left_out(text: str, plain: str) -> None:
    assert told(record("%s", text))["message"] == plain
    assert plain in TextLine().format(record("%s", text))


def test_an_exception_is_a_field_and_in_text_stands_below_its_line() -> None:
    made = failed("no \x1b[31mluck at /ws?token=s3cret")
    field = told(made)["exception"]
    assert field.splitlines()[0] == "Traceback (most recent call last):"
    first, *trace = TextLine().format(made).splitlines()
    assert first.endswith("it failed")
    assert all(line.startswith("    ") for line in trace)
    for text in (field, "".join(trace)):
        assert "ValueError: no" in text
        assert "s3cret" not in text
    assert "\x1b" not in "".join(trace)


# ── A hub's stderr ────────────────────────────────────────────────────────────


def lines(err: str) -> list[dict[str, Any]]:
    """Every line is a JSON object with the four fields that all have."""
    found = [json.loads(line) for line in err.splitlines()]
    assert all(list(one)[:4] == ["time", "level", "logger", "message"] for one in found)
    assert all(MOMENT.fullmatch(one["time"]) for one in found)
    return found


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a hub said in JSON: of a job that failed and one that was cancelled as it stopped."""
    folder = tmp_path_factory.mktemp("spoken")
    (folder / "jobs.py").write_text(JOBS)
    hub = HubProcess(folder / "hub.db", ("jobs.py",), {"BARCAST_LOG_FORMAT": "json"})
    try:
        failing = hub.post("/api/jobs", {"kind": "fail"})["id"]
        seen(hub, failing, lambda state: state["status"] == "failed")
        waiting = hub.post("/api/jobs", {"kind": "wait"})["id"]
        worker = seen(hub, waiting, lambda state: "Waiting" in texts(state))["worker"]
    finally:
        hub.close()
    return {"failing": failing, "waiting": waiting, "worker": worker, "lines": lines(hub.log())}


def test_every_line_of_a_job_carries_its_id_attempt_and_worker(spoken: dict[str, Any]) -> None:
    of_failing = [one for one in spoken["lines"] if one.get("job") == spoken["failing"]]
    assert {one["event"] for one in of_failing} >= {"created", "started", "attempt_failed"}
    of_waiting = [one for one in spoken["lines"] if one.get("job") == spoken["waiting"]]
    assert {"cancel_requested", "cancel_acknowledged", "attempt_cancelled"} <= {one["event"] for one in of_waiting}
    assert all(one["attempt"] == 1 for one in of_failing + of_waiting)
    assert {one.get("worker") for one in of_waiting if one["event"] == "cancel_requested"} == {spoken["worker"]}
    assert not [one for one in spoken["lines"] if "job" not in one and spoken["waiting"] in one["message"]]


def test_what_the_work_says_itself_stays_in_its_own_log(spoken: dict[str, Any]) -> None:
    assert "Waiting" not in {one["message"] for one in spoken["lines"]}


def test_what_is_said_to_people_is_a_line_like_any_other(spoken: dict[str, Any]) -> None:
    said = [one["message"] for one in spoken["lines"] if one["logger"] == "barcast"]
    assert any("Cancelling 1 running job" in message for message in said)


def test_a_hub_that_cannot_start_says_so_in_json(tmp_path: Path) -> None:
    (tmp_path / "barcast.db").write_bytes(b"no database at all, long enough to be looked at as one" * 40)
    code, out, err = run(tmp_path, "serve", "--port", "0", "--log-format", "json")
    assert (code, out) == (1, "")
    [line] = lines(err)
    assert line["level"] == "error"
    assert "barcast.db" in line["message"]


def test_a_format_that_is_unknown_is_a_misuse() -> None:
    done = CliRunner().invoke(barcast, ["serve", "--log-format", "xml"])
    assert done.exit_code == 2
    assert "'text'" in done.output
    assert "'json'" in done.output


def test_uvicorn_and_warnings_speak_in_the_same_format(tmp_path: Path) -> None:
    """In a process of its own: how to log is a matter of the whole process."""
    script = (
        "import logging, warnings\n"
        "from hub import journal\n"
        "journal.keep('info', 'json')\n"
        "logging.getLogger('uvicorn.error').warning('Exceeded %s', 'a limit')\n"
        "warnings.warn('old')\n"
        "logging.getLogger('httpx').info('GET /x?token=1')\n"
        "assert journal.structured()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, second = lines(done.stderr)
    assert (first["logger"], first["message"]) == ("uvicorn.error", "Exceeded a limit")
    assert second["logger"] == "py.warnings"


def test_a_process_that_keeps_no_journal_speaks_to_people() -> None:
    assert not journal.structured()
