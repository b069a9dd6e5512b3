"""What a watched job looks like in a terminal, in a pipe and to a script."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from rich.console import Console

from hub import listing
from hub.protocol import Beat, Gone, Log, Snapshot, Update
from hub.terminal import Bars, JsonLines, Lines, entry_words, lost_words
from hub.view import Children, ErrorView, JobView, KindView, LogEntry, Phase, Status
from hub.watch import Lost, Told
from tests.hub.test_words import job

ENTRY = LogEntry(n=1, at=0, attempt=1, level="warning", event="total_grew", text="now\x1b 5")
Step = tuple[msgspec.Struct, dict[str, JobView]]
LOST = Lost("the connection ended\x1b", 2.0)


def told(message: msgspec.Struct) -> Told:
    text = msgspec.json.encode(message).decode()
    return Told(message, text)  # type: ignore[arg-type]  # any message of the hub


def known(*jobs: JobView) -> dict[str, JobView]:
    return {one.id: one for one in jobs}


def picture(*steps: dict[str, JobView], watched: str | None = None, height: int = 20, lost: bool = False) -> str:
    """What Bars show after these steps."""
    console = Console(file=io.StringIO(), width=140, height=height, force_terminal=False)
    bars = Bars(console, watched)
    for jobs in steps:
        bars.show(told(Beat(at=0)), jobs)
    if lost:
        bars.lost(LOST)
    with console.capture() as capture:
        console.print(bars)
    return capture.get()


# ── Bars ──────────────────────────────────────────────────────────────────────


def test_a_bar_stands_between_title_and_figures() -> None:
    moving = job(fraction=0.41, done=12, total=50, unit="rows", rate=3.0, eta_s=30.0, message="Batch 3")
    shown = picture(known(moving), watched="J")
    assert shown.startswith("T ")
    assert "━" in shown
    assert "41 %" in shown
    assert "30 s left, 12 / 50 rows, 3 rows/s, Batch 3" in shown


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"status": Status.FAILED, "error": ErrorView(type="E", message="m\x1b")}, "failed after 12 s: E: m�"),
        ({"status": Status.SUCCEEDED}, "100 %"),
        ({"status": Status.QUEUED, "queue_position": 2}, "queued, number 2"),
        ({"stalled": True}, "running, stalled"),
        ({"title": "[red]a\x1b[/red]"}, "[red]a�[/red]"),
        ({"phase": 0, "phases": [Phase(name="Load")]}, "Load (1 of 1)"),
    ],
)
def test_a_row_says_how_a_job_stands(changed: dict[str, Any], said: str) -> None:
    shown = picture(known(job(**changed)), watched="J")
    assert said in shown
    assert "\x1b" not in shown


def test_a_job_that_is_not_known_yet_has_no_row() -> None:
    assert "No job" in picture({}, watched="J")


def test_the_feed_shows_running_before_waiting_and_then_what_ended_meanwhile() -> None:
    waiting = job(id="W", title="Waits", status=Status.QUEUED, created_at=1)
    running = job(id="R", title="Runs", created_at=2)
    ending = job(id="E", title="Ends", created_at=0)
    before = job(id="B", title="Ended before", status=Status.FAILED)
    ended = job(id="E", title="Ends", created_at=0, status=Status.SUCCEEDED)
    shown = picture(known(waiting, running, ending, before), known(waiting, running, ended, before))
    titles = [line.split()[0] for line in shown.splitlines()]
    assert titles == ["Runs", "Waits", "Ends"]


def test_more_jobs_than_lines_are_counted() -> None:
    shown = picture(known(*[job(id=str(n), title=f"Job-{n}") for n in range(30)]), height=10)
    assert shown.count("Job-") == 7
    assert "and 23 more" in shown


def test_bars_stay_while_the_connection_is_gone() -> None:
    shown = picture(known(job(fraction=0.5)), watched="J", lost=True)
    assert "50 %" in shown
    assert "Not connected (the connection ended�); trying again in 2.0 s" in shown


def test_log_entries_scroll_by_above_the_bars() -> None:
    file = io.StringIO()
    with Bars(Console(file=file, width=100, force_terminal=True), "J") as bars:
        bars.show(told(Log(job="J", entries=[ENTRY])), known(job(fraction=0.5)))
    assert entry_words(ENTRY) in file.getvalue()
    assert file.getvalue().index("total grew") < file.getvalue().rindex("50 %")


# ── Lines ─────────────────────────────────────────────────────────────────────


def lines(*steps: Step, watched: str | None = "J") -> list[str]:
    out = io.StringIO()
    with Lines(out, io.StringIO(), watched) as display:
        for message, jobs in steps:
            display.show(told(message), jobs)
    return out.getvalue().splitlines()


def moved(**changed: Any) -> Step:
    return Snapshot(jobs=[job(**changed)]), known(job(**changed))


def test_a_line_comes_with_each_tenth_each_status_and_each_entry() -> None:
    steps = [
        moved(fraction=0.01), moved(fraction=0.02), moved(fraction=0.11),
        moved(fraction=0.12, status=Status.CANCELLING),
        (Log(job="J", entries=[ENTRY]), {}), moved(status=Status.CANCELLED),
    ]  # fmt: skip
    assert lines(*steps) == [
        "running, 1 %", "running, 11 %", "cancelling, 12 %", entry_words(ENTRY), "cancelled after 12 s",
    ]  # fmt: skip


def test_lines_of_the_feed_say_which_job() -> None:
    gone: Step = (Gone(job="J", reason="deleted"), {})
    beside: Step = (Beat(at=0), {})
    unknown: Step = (Update(at=0, jobs=[]), {})
    assert lines(moved(title="a\nb"), beside, unknown, gone, watched=None) == ["J  a�b: running", "J  deleted"]


def test_a_snapshot_of_a_job_that_is_filtered_writes_nothing() -> None:
    assert lines((Snapshot(jobs=[job()]), {})) == []


def test_lines_and_messages_stay_apart() -> None:
    out, err = io.StringIO(), io.StringIO()
    with JsonLines(out, err) as display:
        display.show(told(Beat(at=0)), {})
        display.show(told(Gone(job="J", reason="deleted")), {})
        display.lost(LOST)
    assert out.getvalue() == '{"type":"gone","job":"J","reason":"deleted"}\n'
    assert err.getvalue() == lost_words(LOST) + "\n"


def test_an_entry_is_one_line_with_its_time() -> None:
    words = entry_words(ENTRY)
    assert words[2] == words[5] == ":"
    assert words.endswith(" total grew: now� 5")


# ── Lists ─────────────────────────────────────────────────────────────────────


def listed(*jobs: JobView, terminal: bool) -> str:
    file = io.StringIO()
    listing.print_jobs(Console(file=file, width=100, force_terminal=terminal, no_color=True), jobs)
    return file.getvalue()


def test_jobs_in_a_terminal_are_a_table() -> None:
    shown = listed(job(fraction=0.5, title="[b]T[/b]"), terminal=True)
    assert "progress" in shown
    assert "[b]T[/b]" in shown
    assert "No jobs." in listed(terminal=True)


def test_jobs_in_a_pipe_are_rows_and_nothing_else() -> None:
    assert listed(job(fraction=0.5, title="a\tb"), terminal=False) == "J\trunning\t50 %\tk\ta�b\n"
    assert listed(terminal=False) == ""


def test_stuck_jobs_are_listed_with_since_when_and_by_which_worker() -> None:
    stalled = job(stalled=True, advanced_at=1_000, heard_at=9_000, worker="host/\x1b7", title="a\tb")
    lost = job(id="L", status=Status.LOST, advanced_at=1_000, heard_at=2_000)
    since = [datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") for at in (1, 2)]
    file = io.StringIO()
    listing.print_jobs(Console(file=file), [stalled, lost], stuck=True)
    assert file.getvalue() == f"J\tstalled\t{since[0]}\thost/�7\tk\ta�b\nL\tlost\t{since[1]}\t-\tk\tT\n"
    assert listing.stuck_words(stalled) == f"stalled since {since[0]} on host/�7"
    assert listing.stuck_words(job(status=Status.QUEUED)) == "queued"
    assert listing.stuck_since(job(status=Status.LOST)) == "-"


def test_stuck_jobs_in_a_terminal_are_a_table() -> None:
    file = io.StringIO()
    listing.print_jobs(Console(file=file, width=100, force_terminal=True, no_color=True), [], stuck=True)
    assert "No jobs." in file.getvalue()


def test_kinds_are_listed_with_what_they_need() -> None:
    params = {
        "properties": {
            "path": {"type": "string", "format": "path"},
            "batch": {"type": "integer", "default": 5},
            "any": {"default": None},
            "mode": {"enum": ["a", 1], "default": "a"},
        },
        "required": ["path"],
    }
    kinds = [
        KindView(kind="one", title="One", doc="Does\x1b it.", params=params),
        KindView(kind="two", title="Two", doc="", params={}),
    ]
    assert list(listing.kind_lines(kinds)) == [
        "one  Does� it.",
        "    path=… (path, needed)",
        "    batch=5 (integer)",
        "    any=null (anything)",
        "    mode=a (a or 1)",
        "two  Two",
    ]
    assert list(listing.kind_lines([])) == ["This hub serves no kinds."]


# ── Parents and children ──────────────────────────────────────────────────────


def test_children_that_are_under_way_stand_below_their_parent() -> None:
    jobs = [
        job(id="p", title="Parent", created_at=1),
        job(id="x", title="Another", created_at=2),
        job(id="c", title="Child", parent="p", created_at=3),
        job(id="g", title="Grandchild", parent="c", created_at=4),
        job(id="q", title="Queued child", parent="p", status=Status.QUEUED, created_at=5),
        job(id="o", title="Orphan", parent="gone", status=Status.QUEUED, created_at=6),
    ]
    lines = picture(known(*jobs)).splitlines()
    assert [line.partition("  ")[0] for line in lines] == ["Parent", "└ Child", "└ Grandchild", "Another", "└ Orphan"]


def test_a_child_that_ended_does_not_stand_among_the_ended_jobs() -> None:
    going, ended = job(id="c", title="Child", parent="p"), job(id="c", parent="p", status=Status.SUCCEEDED)
    assert "No job is running" in picture(known(going), known(ended))


def test_a_list_in_a_terminal_marks_children_and_counts_them() -> None:
    console = Console(file=io.StringIO(), width=140, force_terminal=True)
    parent = job(title="Batch", fraction=0.5, children=Children(total=4, succeeded=1, failed=1), total=4, unit="jobs")
    with console.capture() as capture:
        listing.print_jobs(console, [parent, job(title="Part", parent="J")])
    assert "50 %, 2 / 4 jobs, 1 failed" in capture.get()
    assert "└ Part" in capture.get()
