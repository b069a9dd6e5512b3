"""`barcast serve` and `barcast demo`, as processes."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.hub.served import PREFIX, begin, ended, line_where, outlived, run, served, stop

TERM_S = 10.0


def refused(folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    """Exit status and the one line of a command that must end at once."""
    code, out, err = run(folder, *arguments, **env)
    assert out == ""
    assert "Traceback" not in err
    return code, err


def test_the_first_line_is_the_address_and_a_free_port_is_taken(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        assert hub.url.startswith("http://127.0.0.1:")
        assert not hub.url.endswith(":0")
        with urllib.request.urlopen(f"{hub.url}/healthz") as answer:
            assert answer.status == 200


def test_sigterm_ends_within_ten_seconds_with_status_0(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        hub.process.send_signal(signal.SIGTERM)
        assert hub.process.wait(TERM_S) == 0
        assert ended(hub.process) == (0, "", "")


def test_sigterm_lets_a_child_go_on_to_the_next_hub_on_the_same_database(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        job = hub.start("wait")
        hub.await_entry(job, "Waiting")
        worker = hub.json("jobs")["jobs"][0]["worker"]
        with outlived(hub):
            assert hub.end(signal.SIGTERM) == (0, "", "")
            with served(tmp_path) as second:
                assert second.json("jobs")["jobs"][0]["attempt"] == 1
                (tmp_path / "go-on").touch()
                assert second.run("watch", job)[0] == 0
                assert second.json("jobs")["jobs"][0]["worker"] == worker


def test_sigint_cancels_what_runs_and_says_so(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        job = hub.start("wait")
        hub.await_entry(job, "Waiting")
        code, _, err = hub.end(signal.SIGINT)
        assert code == 0
        assert "Cancelling 1 running job; press Ctrl-C again to end it at once" in err
    with served(tmp_path) as hub:
        found = hub.json("jobs")["jobs"][0]
        assert (found["id"], found["status"], found["cancel"]["how"]) == (job, "cancelled", "acknowledged")


def test_sigint_with_nothing_to_cancel_says_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        assert hub.end(signal.SIGINT) == (0, "", "")


def test_a_second_sigint_does_not_wait_for_a_deaf_job(tmp_path: Path) -> None:
    with served(tmp_path, BARCAST_GRACE_S="3600") as hub:
        job = hub.start("deaf")
        hub.await_entry(job, "Deaf")
        children = psutil.Process(hub.process.pid).children(recursive=True)
        hub.process.send_signal(signal.SIGINT)
        assert hub.process.stderr is not None
        assert "Cancelling 1 running job" in hub.process.stderr.readline()
        assert hub.end(signal.SIGINT)[0] == 0
    gone, alive = psutil.wait_procs(children, timeout=TERM_S)
    assert gone
    assert not alive


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_an_address_that_others_could_reach_is_refused_and_why(tmp_path: Path, host: str) -> None:
    code, err = refused(tmp_path, "serve", "--host", host)
    assert code == 2
    assert repr(host) in err
    assert "there are no tokens yet" in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        code, err = refused(tmp_path, "serve", "--port", port)
    assert code == 1
    assert len(err.splitlines()) == 1
    assert port in err


@pytest.mark.parametrize("name", ["text.db", "missing/barcast.db"])
def test_a_database_that_cannot_be_opened_is_one_line(tmp_path: Path, name: str) -> None:
    text = tmp_path / "text.db"
    text.write_text("this is no database, but it is long enough to be looked at as one\n" * 20)
    before = text.read_bytes()
    code, err = refused(tmp_path, "serve", "--port", "0", "--db", name)
    assert code == 1
    assert len(err.splitlines()) == 1
    assert name in err
    assert text.read_bytes() == before


def test_a_database_that_another_hub_serves_is_one_line(tmp_path: Path) -> None:
    with served(tmp_path):
        code, err = refused(tmp_path, "serve", "--port", "0")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "barcast.db" in err


def test_a_folder_as_database_is_wrong_usage(tmp_path: Path) -> None:
    assert refused(tmp_path, "serve", "--db", ".")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        ((), {"BARCAST_GRACE_S": "soon"}, "grace_s"),
        ((), {"BARCAST_KEEP_JOBS": "0"}, "keep_jobs"),
        (("--jobs-at-once", "0"), {}, "jobs_at_once"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], said: str) -> None:
    code, err = refused(tmp_path, "serve", "--port", "0", *arguments, **env)
    assert code == 1
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "does not exist"),
        ("import nothing_like_this", "nothing_like_this"),
        ("x = 1", "found none"),
        ("from workers import job\n@job('a')\ndef a(path): ...", "`job`"),
    ],
)
def test_a_module_that_holds_no_jobs_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    code, err = refused(tmp_path, "serve", "mine.py", "--port", "0")
    assert code == 1
    assert said in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "barcast.db").exists()


def test_files_and_dotted_names_are_served_together_from_the_current_folder(tmp_path: Path) -> None:
    package = tmp_path / "other"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "module.py").write_text("from workers import Job, job\n@job('more')\nasync def more(job: Job): ...\n")
    with served(tmp_path, modules=("jobs.py", "other.module")) as hub:
        kinds = {one["kind"] for one in hub.json("kinds")["kinds"]}
        assert kinds == {"count", "fail", "read", "wait", "deaf", "more"}
        assert hub.run("start", "more", "--follow")[0] == 0


def test_as_many_jobs_run_at_once_as_the_flag_says(tmp_path: Path) -> None:
    with served(tmp_path, "--jobs-at-once", "1", BARCAST_JOBS_AT_ONCE="7") as hub:
        first = hub.start("wait")
        hub.await_entry(first, "Waiting")
        second = hub.start("wait")
        line_where(hub.begin("watch", second, "--json"), lambda line: '"queue_position":1' in line)
        code, out, _ = hub.run("jobs", "--status", "queued")
        assert (code, out) == (0, f"{second}\tqueued, number 1\t-\twait\twait\n")


def test_where_database_and_port_are_can_be_told_by_variables(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    process = begin(tmp_path, "serve", BARCAST_DB="data/mine.db", BARCAST_PORT="0")
    assert not line_where(process, lambda line: line.startswith(PREFIX)).endswith(":8600\n")
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0
    with closing(sqlite3.connect(tmp_path / "data" / "mine.db")) as database:
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_an_address_of_version_6_stands_in_brackets(tmp_path: Path) -> None:
    with served(tmp_path, "--host", "::1") as hub:
        assert hub.url.startswith("http://[::1]:")
        assert hub.run("kinds")[0] == 0


def test_the_log_is_quiet_about_requests_and_tokens(tmp_path: Path) -> None:
    with served(tmp_path, "--log-level", "debug") as hub:
        assert hub.run("start", "count", "to=3", "--follow", BARCAST_TOKEN="secret-token")[0] == 0
        _, _, err = hub.end(signal.SIGTERM)
    assert "secret-token" not in err
    assert "/api/jobs" not in err


def demo_jobs(folder: Path, *arguments: str, **env: str) -> list[str]:
    """The kinds of the jobs that a demo starts; it is ended by two interrupts."""
    process = begin(folder, "demo", "--port", "0", *arguments, **env)
    url = line_where(process, lambda line: True).removeprefix(PREFIX).strip()
    try:
        assert process.stderr is not None
        assert "Started 7 example jobs" in process.stderr.readline()
        code, out, _ = run(folder, "jobs", "--json", BARCAST_URL=url)
        assert code == 0
    finally:
        stop(process)
        assert ended(process)[0] == 0
    return sorted(job["kind"] for job in json.loads(out)["jobs"] if job["parent"] is None)


def test_the_demo_starts_one_of_each_example_in_the_users_data_folder(tmp_path: Path) -> None:
    kinds = demo_jobs(tmp_path, XDG_DATA_HOME=str(tmp_path / "share"))
    assert kinds == [
        "archive-folder", "check-python", "csv-report", "hash-tree", "ingest-samples", "refresh-all",
        "refresh-snapshot",
    ]  # fmt: skip
    assert (tmp_path / "share" / "barcast" / "demo.db").is_file()


def test_the_demo_takes_another_database(tmp_path: Path) -> None:
    assert len(demo_jobs(tmp_path, "--db", "here.db")) == 7
    assert (tmp_path / "here.db").is_file()


def test_a_demo_without_a_folder_to_write_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, err = refused(tmp_path, "demo", XDG_DATA_HOME=str(tmp_path / "file"))
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "--db" in err


def test_python_m_hub_has_a_version_and_help(tmp_path: Path) -> None:
    assert run(tmp_path, "--version")[0] == 0
    code, out, _ = run(tmp_path, "--help")
    assert code == 0
    assert all(name in out for name in ("serve", "demo", "kinds", "start", "jobs", "watch", "cancel", "retry"))
