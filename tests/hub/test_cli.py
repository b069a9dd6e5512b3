"""The commands that ask a hub, as processes beside a hub that is one."""

from __future__ import annotations

import http.server
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hub.cli import barcast
from tests.hub.served import Served, bounded, ended, environment, line_where, outlived, run, served

TAGGED = {"shop": "7", "by": "hand"}
ASKING = (["kinds"], ["start", "count"], ["jobs"], ["watch"], ["watch", "X"], ["cancel", "X"], ["stack", "X"])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("hub"), BARCAST_REQUESTS_PER_MINUTE="10000") as running:
        yield running


def asked(*arguments: str, url: str | None = None, token: str | None = None) -> tuple[int, str, str]:
    """A command inside this process, which costs no start of Python: exit status, stdout, stderr."""
    env = {"BARCAST_URL": url, "BARCAST_TOKEN": token}
    result = CliRunner(env=env).invoke(barcast, arguments, prog_name="barcast")
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.stdout, result.stderr


def failed(result: tuple[int, str, str], said: str, *, code: int = 1) -> None:
    """A command ended with one clear line."""
    assert result[:2] == (code, ""), result
    assert said in result[2]
    assert len(result[2].splitlines()) == 1 or code == 2, result[2]
    assert "Traceback" not in result[2]


# ── kinds ─────────────────────────────────────────────────────────────────────


def test_kinds_are_listed_with_their_parameters(hub: Served) -> None:
    code, out, _ = hub.run("kinds")
    assert code == 0
    assert "count  Counts to a number.\n    to=… (integer, needed)\n    note= (string)\n    ratio=0.5 (number)\n" in out
    assert "    path=… (path, needed)\n" in out


def test_kinds_as_json_are_what_the_hub_answered(hub: Served) -> None:
    assert {one["kind"] for one in hub.json("kinds")["kinds"]} == {"count", "fail", "read", "wait", "deaf"}


# ── start ─────────────────────────────────────────────────────────────────────


def test_a_start_prints_the_jobs_id_and_says_where_its_page_is(hub: Served) -> None:
    code, out, err = hub.run("start", "count", "to=3")
    job = out.removesuffix("\n")
    assert (code, err) == (0, f"Started {job} (Count to 3): {hub.url}/jobs/{job}\n")


def test_values_are_json_where_the_kind_says_so_and_text_elsewhere(hub: Served) -> None:
    job = hub.json("start", "count", "to=3", "note=5", "ratio=1e-1", 'names=["a","b=c"]')
    assert job["params"] == {"to": 3, "note": "5", "ratio": 0.1, "names": ["a", "b=c"]}


def test_title_and_tags_are_the_jobs(hub: Served) -> None:
    job = hub.json("start", "count", "to=1", "--title", "Mine", "--tag", "shop=7", "--tag", "by=hand")
    assert (job["title"], job["tags"]) == ("Mine", TAGGED)


def test_the_same_key_starts_no_second_job(hub: Served) -> None:
    assert hub.start("count", "to=1", "--key", "once") == hub.start("count", "to=1", "--key", "once")


def test_a_relative_path_is_meant_from_where_the_command_runs(hub: Served, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("found")
    code, out, _ = run(tmp_path, "start", "read", "path=note.txt", "--json", BARCAST_URL=hub.url)
    assert code == 0
    assert json.loads(out)["params"] == {"path": str(tmp_path / "note.txt")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["count"], "to: expected a value, got nothing"),
        (["count", "to"], "expected name=value, got 'to'"),
        (["count", "=3"], "expected name=value, got '=3'"),
        (["count", "to=many"], "to: expected integer as JSON, got 'many'"),
        (["count", "to=1.5"], "to: expected int"),
        (["count", "to=1", "names=[1]"], "names[0]: expected str"),
        (["count", "to=1", "ratio=1e999"], "ratio: "),
        (["count", "to=99999999999999999999"], "to: expected finite numbers up to 9007199254740991"),
        (["count", "to=1", "to=2"], "to: expected one value, got two"),
        (["count", "too=1"], "expected one of to, note, ratio, names, got 'too'"),
        (["wait", "too=1"], "expected one of no parameters, got 'too'"),
        (["cuont"], "KIND: expected one of count, deaf, fail, read, wait; got 'cuont'"),
        (["count", "to=1", "--tag", "loose"], "expected name=value, got 'loose'"),
        (["count", "to=1", "--title", ""], "title: expected str of length >= 1"),
    ],
)
def test_a_wrong_start_names_the_parameter(hub: Served, arguments: list[str], said: str) -> None:
    failed(asked("start", *arguments, url=hub.url), said)


def test_follow_ends_as_the_job_does(hub: Served) -> None:
    code, out, _ = hub.run("start", "count", "to=3", "--follow")
    assert code == 0
    assert "Counted\n" in out
    assert "succeeded after 0 s\n" in out
    assert hub.run("start", "fail", "--follow")[0] == 1


def test_follow_as_json_is_the_job_and_then_messages(hub: Served) -> None:
    code, out, _ = hub.run("start", "count", "to=3", "--follow", "--json")
    job, *messages = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert job["status"] == "queued"
    assert {message["type"] for message in messages} <= {"snapshot", "update", "log"}


# ── jobs ──────────────────────────────────────────────────────────────────────


def test_jobs_in_a_pipe_are_columns_apart_by_tabs(hub: Served) -> None:
    job = hub.start("fail")
    hub.run("watch", job)
    code, out, _ = hub.run("jobs", "--status", "failed", "--kind", "fail", "--limit", "1")
    assert (code, out) == (0, f"{job}\tfailed\t-\tfail\tfail\n")


def test_jobs_as_json_are_what_the_hub_answered(hub: Served) -> None:
    hub.start("count", "to=1")
    hub.start("count", "to=1")
    answer = hub.json("jobs", "--limit", "1")
    assert len(answer["jobs"]) == 1
    assert answer["next"]


@pytest.mark.parametrize("arguments", [["--status", "done"], ["--limit", "0"], ["--limit", "501"]])
def test_a_list_of_nothing_there_can_be_is_wrong_usage(hub: Served, arguments: list[str]) -> None:
    failed(asked("jobs", *arguments, url=hub.url), arguments[1], code=2)


# ── cancel, retry ─────────────────────────────────────────────────────────────


def test_a_cancel_is_stored_with_its_reason_and_watching_ends_with_130(hub: Served) -> None:
    job = hub.start("wait")
    hub.await_entry(job, "Waiting")
    watching = hub.begin("watch", job)
    code, out, _ = hub.run("cancel", job, "--reason", "wrong file")
    assert code == 0
    assert out.startswith(f"{job} (wait): cancel")
    code, out, _ = ended(watching)
    assert code == 130
    assert "wrong file" in out
    assert "cancelled after" in out
    assert hub.json("cancel", job)["cancel"]["reason"] == "wrong file"


def test_force_does_not_wait_for_a_deaf_job(tmp_path: Path) -> None:
    with served(tmp_path, BARCAST_GRACE_S="3600") as hub:
        job = hub.start("deaf")
        hub.await_entry(job, "Deaf")
        assert hub.json("cancel", job, "--force")["cancel"]["forced_at"] is not None
        assert hub.run("watch", job)[0] == 130


def test_a_retry_is_the_next_attempt(hub: Served) -> None:
    job = hub.start("fail")
    assert hub.run("watch", job)[0] == 1
    code, out, _ = hub.run("retry", job)
    assert code == 0
    assert out.startswith(f"{job} (fail): ")
    assert out.endswith(", attempt 2\n")
    hub.run("watch", job)
    assert hub.json("retry", job)["attempt"] == 3


def test_what_the_status_does_not_allow_is_one_line(hub: Served) -> None:
    job = hub.start("count", "to=1")
    hub.run("watch", job)
    failed(hub.run("cancel", job), "succeeded")
    failed(hub.run("retry", job), "succeeded")


def test_a_paused_job_stands_still_until_it_is_resumed(hub: Served) -> None:
    job = hub.start("wait")
    hub.await_entry(job, "Waiting")
    code, out, _ = hub.run("pause", job)
    assert (code, out) == (0, f"{job} (wait): paused, attempt 1\n")
    assert hub.json("pause", job)["pause"] is not None
    code, out, _ = hub.run("resume", job)
    assert (code, out) == (0, f"{job} (wait): running, attempt 1\n")
    hub.run("cancel", job)
    hub.run("watch", job)
    failed(hub.run("pause", job), "cancelled")


def test_a_priority_is_the_jobs(hub: Served) -> None:
    job = hub.start("count", "to=1", "--priority", "7")
    assert json.loads(get(f"{hub.url}/api/jobs/{job}"))["priority"] == 7
    failed(asked("start", "count", "to=1", "--priority", "101", url=hub.url), "--priority", code=2)


def test_jobs_are_listed_by_their_parent(hub: Served) -> None:
    job = hub.start("count", "to=1")
    assert hub.json("jobs", "--parent", job)["jobs"] == []
    assert job in [listed["id"] for listed in hub.json("jobs", "--parent", "")["jobs"]]


def test_what_gets_on_is_reset_by_force_only_and_somebody_has_to_say_yes(hub: Served) -> None:
    job = hub.start("wait")
    hub.await_entry(job, "Waiting")
    assert hub.run("jobs", "--stuck") == (0, "", "")
    failed(hub.run("reset", job, "--yes"), "expected a job that is stalled or lost, got one that is running")
    asked_first = CliRunner(env={"BARCAST_URL": hub.url}).invoke(barcast, ["reset", job, "--force"], input="n\n")
    assert (asked_first.exit_code, asked_first.stdout) == (1, "")
    assert f"{job} (wait): running on " in asked_first.stderr
    assert "Stop its work (no attempt is left, so it fails)? [y/N]" in asked_first.stderr
    code, out, _ = hub.run("reset", job, "--force", "--yes", "--reason", "tried out")
    assert (code, out) == (0, f"{job} (wait): failed, attempt 1\n")
    hub.await_entry(job, "Reset: tried out")


def test_a_stack_is_shown_without_what_would_steer_the_terminal() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Stuck) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        code, out, _ = asked("stack", "J", url=f"http://127.0.0.1:{server.server_port}")
        answering.join()
    assert (code, out) == (0, 'File "a.py", line 3\n  in \N{REPLACEMENT CHARACTER}run\n')


class Stuck(http.server.BaseHTTPRequestHandler):
    """A hub, as far as it tells where one job is."""

    def do_GET(self) -> None:
        told = {"job": "J", "attempt": 1, "at": 1, "from": "worker", "text": 'File "a.py", line 3\n  in \x1brun\n'}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
        """Say nothing."""


@pytest.mark.parametrize("command", ["cancel", "retry", "watch", "pause", "resume", "reset", "stack"])
@pytest.mark.parametrize("job", ["01NOTHING", "../kinds", "?x#y", "a" * 65, ""])
def test_a_job_that_is_none_is_one_line(hub: Served, command: str, job: str) -> None:
    code, out, err = asked(command, job, url=hub.url)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "hub at" not in err


# ── watch ─────────────────────────────────────────────────────────────────────


def test_watching_as_json_is_the_hubs_messages_to_the_last_entry(hub: Served) -> None:
    job = hub.start("count", "to=3")
    code, out, err = hub.run("watch", job, "--json")
    messages: list[Any] = [json.loads(line) for line in out.splitlines()]
    entries = [entry for one in messages if one["type"] == "log" for entry in one["entries"]]
    assert (code, err) == (0, "")
    assert messages[0]["type"] == "snapshot"
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[-1]["event"] == "attempt_succeeded"


def test_what_a_job_says_cannot_steer_the_terminal(hub: Served) -> None:
    code, out, _ = hub.run("watch", hub.start("fail"))
    assert code == 1
    assert "no \N{REPLACEMENT CHARACTER}[31mluck" in out
    assert "\x1b" not in out


def test_watching_all_goes_on_until_ctrl_c_and_cancels_nothing(hub: Served) -> None:
    watching = hub.begin("watch")
    first = hub.start("wait")
    line_where(watching, lambda line: line.startswith(f"{first}  wait: running"))
    watching.send_signal(signal.SIGINT)
    code, _, err = ended(watching)
    assert (code, err) == (130, "")
    assert hub.json("jobs", "--status", "running")["jobs"][0]["id"] == first
    hub.run("cancel", first)


def test_watching_goes_on_over_a_killed_hub_and_misses_no_entry(tmp_path: Path) -> None:
    with served(tmp_path) as first:
        job = first.start("wait")
        first.await_entry(job, "Waiting")
        watching = first.begin("watch", job, "--json")
        before = line_where(watching, lambda line: "Waiting" in line)
        with outlived(first):
            first.process.kill()
            assert watching.stderr is not None
            assert "Not connected" in watching.stderr.readline()
            with served(tmp_path, "--port", first.url.rpartition(":")[2]) as second:
                line_where(watching, lambda line: '"type":"snapshot"' in line)
                (tmp_path / "go-on").touch()
                code, after, _ = ended(watching)
                kept = json.loads(get(f"{second.url}/api/jobs/{job}/log"))["entries"]
    assert code == 0
    seen = entries_in(before + after)
    assert seen == kept[-len(seen) :]
    assert seen[-1]["event"] == "attempt_succeeded"


def entries_in(lines: str) -> list[Any]:
    """The log entries in some messages."""
    return [entry for line in lines.splitlines() for entry in json.loads(line).get("entries", ())]


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        return bytes(answer.read())


def test_a_deleted_job_is_no_longer_watched(hub: Served) -> None:
    job = hub.start("wait")
    hub.await_entry(job, "Waiting")
    watching = hub.begin("watch", job)
    line_where(watching, lambda line: "Waiting" in line)
    hub.run("cancel", job)
    assert ended(watching)[0] == 130
    with urllib.request.urlopen(urllib.request.Request(f"{hub.url}/api/jobs/{job}", method="DELETE")):
        failed(hub.run("watch", job), "no such job")


def test_a_terminal_sees_bars(hub: Served) -> None:
    job = hub.start("count", "to=3")
    hub.run("watch", job)
    code, seen = in_terminal(hub, "watch", job)
    assert code == 0
    assert "━" in seen
    assert "100 %" in seen
    assert "Counted" in seen


def test_a_terminal_sees_a_table_of_jobs(hub: Served) -> None:
    job = hub.start("count", "to=3", "--title", "[bold]no markup[/bold]")
    code, seen = in_terminal(hub, "jobs", "--limit", "1")
    assert code == 0
    assert job in seen
    assert "[bold]no markup[/bold]" in seen


def in_terminal(hub: Served, *arguments: str) -> tuple[int, str]:
    """Run a command whose stdout is a terminal: exit status and what the terminal was sent."""
    ours, theirs = pty.openpty()
    env = environment(BARCAST_URL=hub.url, TERM="xterm", COLUMNS="160", LINES="40")
    command = [sys.executable, "-m", "hub", *arguments]
    with subprocess.Popen(command, cwd=hub.folder, env=env, stdout=theirs, stderr=theirs, text=True) as process:
        os.close(theirs)
        with bounded(process):
            seen = b"".join(iter(lambda: read_terminal(ours), b""))
            process.wait()
    os.close(ours)
    return process.returncode, seen.decode()


def read_terminal(ours: int) -> bytes:
    """What is there next; nothing once the other side is closed."""
    try:
        return os.read(ours, 4096)
    except OSError:  # Linux says EIO where the other side is closed
        return b""


# ── Where there is no hub ─────────────────────────────────────────────────────


def test_without_a_hub_a_process_ends_with_1_and_one_line(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        failed(
            run(tmp_path, "jobs", "--url", f"http://127.0.0.1:{taken.getsockname()[1]}"), "is `barcast serve` running?"
        )


@pytest.mark.parametrize("arguments", ASKING)
def test_where_nothing_listens_one_line_says_so(arguments: list[str]) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        failed(asked(*arguments, "--url", url), f"expected a hub at {url}, but nothing listens there")


@pytest.mark.parametrize("arguments", ASKING)
def test_where_something_else_answers_one_line_says_so(arguments: list[str]) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_error(404)

        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Not here."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}"
        result = asked(*arguments, "--url", url)
        server.shutdown()
        serving.join()
    failed(result, f"expected a hub at {url}, but")
    assert "404" in result[2]


@pytest.mark.parametrize("arguments", [["kinds"], ["watch"]])
@pytest.mark.parametrize(
    "url", ["127.0.0.1:8600", "ftp://127.0.0.1", "http://", "http://[::1", "http://h:x", "http://a b", "http://h?x=1"]
)
def test_an_address_that_is_none_is_one_line(arguments: list[str], url: str) -> None:
    failed(
        asked(*arguments, url=url),
        f"--url: expected an address such as http://127.0.0.1:8600, got {url!r}",
    )


@pytest.mark.parametrize("arguments", [["kinds"], ["watch"]])
def test_a_token_that_no_header_carries_is_not_repeated(arguments: list[str]) -> None:
    result = asked(*arguments, token="se\ncret")
    failed(result, "BARCAST_TOKEN: expected printable ASCII")
    assert "cret" not in result[2]
