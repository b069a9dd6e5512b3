"""Scripts that end while there is no hub: what they had to say is told on the next contact."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import msgspec
import pytest

from hub.protocol import Entry, Finish, Open, Report
from tests.workers.fake_hub import FakeHub
from tests.workers.looking import until
from tests.workers.scripts import apart
from workers import afterwards, line, track
from workers.attempt import Attempt
from workers.introduction import UNKNOWN
from workers.outside import Session, opening

URL = "http://127.0.0.1:1"
NESTED = b'{"url":"","numbers":{},"opening":{"type":"open","id":0,"params":{"a":' + b"[" * 100_000


@pytest.fixture
async def away(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A hub that is not there for now; `back` brings it back to where it was."""
    monkeypatch.setenv("BARCAST_URL", hub.url)
    await hub.stop()
    return hub


async def back(hub: FakeHub) -> None:
    """The hub is there again, and the next script is another process."""
    line.close_all()
    await hub.start(hub.port)


def waiting() -> list[Path]:
    return sorted(afterwards.folder().glob("*")) if afterwards.folder().exists() else []


def over(kind: str = "sync", *texts: str) -> Attempt:
    """An attempt that has ended, its end untold."""
    attempt = Attempt(opening(kind, key=kind), independent=True)
    for text in texts:
        attempt.say(Entry(job=UNKNOWN, attempt=1, n=1, text=text))
    attempt.say(Finish(job=UNKNOWN, attempt=1, n=1, outcome="succeeded"))
    return attempt


# ── Told ──────────────────────────────────────────────────────────────────────


async def test_a_script_that_ended_without_a_hub_is_told_by_the_next_that_reaches_it(away: FakeHub) -> None:
    await apart(lambda: list(track("abc", kind="first", unit="letters")))
    (file,) = waiting()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await back(away)
    await apart(lambda: list(track("de", kind="second")))
    finish = await away.expect(Finish, lambda message: message.job == "outside-2")
    opened = await away.expect(Open, lambda message: message.kind == "first")
    assert (opened.title, opened.total) == ("first", 3)
    assert finish.outcome == "succeeded"
    report = await away.expect(Report, lambda message: message.job == finish.job and message.done == 3)
    assert report.unit == "letters"
    told = await away.expect(Entry, lambda message: message.job == finish.job)
    assert told.text.startswith("Told afterwards: it ran from ")
    await apart(lambda: gone(file))


def gone(file: Path) -> None:
    """Wait until it is told."""
    until(lambda: not any(path.name.startswith(file.stem) for path in waiting()))


async def test_a_session_that_had_reached_the_hub_goes_on_where_it_was(away: FakeHub) -> None:
    await back(away)
    piece = Session(opening("first"))
    piece.job.log("one")
    await away.expect(Entry)
    await apart(lambda: piece.attempt.wait_told(None))
    await away.stop()
    piece.job.log("two")
    piece.say_end(Finish(job=UNKNOWN, attempt=1, n=1, outcome="succeeded", result=7))
    piece.leave()
    (file,) = waiting()
    await back(away)
    await apart(lambda: list(track("de", kind="second")))
    await away.expect(Finish, lambda message: message.result == 7)
    mine = [message for message in away.stored if message.job == "outside-1"]
    assert [message.n for message in mine] == [1, 2, 3]
    assert [message.text for message in mine if isinstance(message, Entry)] == ["one", "two"]
    await apart(lambda: gone(file))


async def test_what_the_hub_will_not_take_is_forgotten(away: FakeHub) -> None:
    afterwards.keep(away.url, over("old"), 0.0)
    (file,) = waiting()
    await back(away)
    away.refusal = "no"
    piece = Session(opening("new"))
    await away.expect(Open, lambda message: message.kind == "old")
    await apart(lambda: gone(file))
    await apart(piece.succeed)


# ── Files ─────────────────────────────────────────────────────────────────────


def test_work_that_is_told_afterwards_tells_how_long_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    ended_s = time.time() - 86_400
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: ended_s)
        attempt = over()
        said = attempt.introduction.opening
        attempt.introduction.opening = msgspec.structs.replace(said, started_at=round((ended_s - 600) * 1000))
        afterwards.keep(URL, attempt, ended_s - 600)
    [claim] = afterwards.claims(URL)
    started_at = claim.attempt.introduction.opening.started_at
    assert started_at is not None
    assert 599_990 <= time.time() * 1000 - started_at < 660_000  # each time is rounded


def test_a_file_is_handed_out_to_one_process_only() -> None:
    afterwards.keep(URL, over("sync", "a line"), 0.0)
    (claim,) = afterwards.claims(URL)
    assert not list(afterwards.claims(URL))
    assert isinstance(claim.attempt.unacknowledged()[-1], Finish)
    claim.give_back()
    (again,) = afterwards.claims(f"{URL}/")
    again.done()
    assert not waiting()


def test_a_claim_of_a_process_that_died_is_free_again() -> None:
    afterwards.keep(URL, over(), 0.0)
    list(afterwards.claims(URL))
    (file,) = waiting()
    long_ago_s = time.time() - 2 * afterwards.CLAIMED_S
    os.utime(file, (long_ago_s, long_ago_s))
    assert len(list(afterwards.claims(URL))) == 1


def test_another_hub_is_not_told() -> None:
    afterwards.keep(URL, over(), 0.0)
    assert not list(afterwards.claims("http://127.0.0.1:2"))


def test_what_is_too_old_is_told_to_nobody() -> None:
    afterwards.keep(URL, over(), 0.0)
    (file,) = waiting()
    long_ago_s = time.time() - 2 * afterwards.KEPT_S
    os.utime(file, (long_ago_s, long_ago_s))
    assert not list(afterwards.claims(URL))
    assert not waiting()


@pytest.mark.parametrize("raw", [b"", b"{}\n", b"not json\n", b'{"type":"finish"}\n', NESTED])
def test_a_file_that_cannot_be_read_is_thrown_away(raw: bytes) -> None:
    afterwards.keep(URL, over(), 0.0)
    (file,) = waiting()
    file.write_bytes(raw)
    assert not list(afterwards.claims(URL))
    assert not waiting()


def test_the_oldest_give_way_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "FILES", 3)
    for number in range(5):
        afterwards.keep(URL, over(f"sync-{number}"), 0.0)
    kinds = [claim.attempt.introduction.opening.kind for claim in afterwards.claims(URL)]
    assert kinds == ["sync-2", "sync-3", "sync-4"]


def test_more_than_a_file_may_hold_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "FILE_BYTES", 1_000)
    afterwards.keep(URL, over("sync", "x" * 2_000), 0.0)
    assert not waiting()


def test_a_folder_that_cannot_be_written_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    afterwards.keep(URL, over(), 0.0)
    assert not list(afterwards.claims(URL))


def test_a_file_that_was_tried_in_vain_grows_old_all_the_same() -> None:
    afterwards.keep(URL, over(), 0.0)
    (file,) = waiting()
    nearly_s = time.time() - afterwards.KEPT_S + 60
    os.utime(file, (nearly_s, nearly_s))
    (claim,) = afterwards.claims(URL)
    claim.give_back()
    (file,) = waiting()
    assert file.stat().st_mtime == pytest.approx(nearly_s, abs=1)


async def test_a_file_that_the_hub_never_acknowledges_does_not_hold_up_the_others(
    away: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "TELL_S", 0.1)
    for kind in ("first", "second"):
        afterwards.keep(away.url, over(kind), 0.0)
    away.acking = False
    await back(away)
    piece = Session(opening("next"))
    await away.expect(Open, lambda message: message.kind == "first")
    await away.expect(Open, lambda message: message.kind == "second")
    away.acking = True
    await apart(piece.succeed)


def test_what_is_no_plain_file_is_neither_read_nor_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    afterwards.keep(URL, over("first"), 0.0)
    (file,) = waiting()
    mark = file.name.partition("-")[0]
    outside = tmp_path / "elsewhere"
    file.rename(outside)
    (afterwards.folder() / f"{mark}-0-link.untold").symlink_to(outside)
    os.mkfifo(afterwards.folder() / f"{mark}-1-pipe.untold")
    (afterwards.folder() / f"{mark}-2-folder.untold").mkdir()
    monkeypatch.setattr(afterwards, "FILES", 1)
    afterwards.keep(URL, over("second"), 0.0)
    assert [claim.attempt.introduction.opening.kind for claim in afterwards.claims(URL)] == ["second"]
    assert outside.exists()
    assert len(waiting()) == 4


def test_a_folder_into_which_others_can_write_is_not_used() -> None:
    afterwards.keep(URL, over(), 0.0)
    afterwards.folder().chmod(0o777)
    assert not list(afterwards.claims(URL))
    afterwards.keep(URL, over(), 0.0)
    assert len(waiting()) == 1
