"""`ingest-samples`: whatever stops it, and however often, every batch is done exactly once."""

import math
import multiprocessing
import signal
import statistics
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.protocol import Checkpoint, Entry
from workers.examples import ingest_samples

BATCH = 1_000


@pytest.fixture
def sensor(tmp_path: Path) -> Path:
    path = tmp_path / "sensor.f64"
    values = [math.nan if number % 400 == 7 else math.sin(number) * number for number in range(9_500)]
    path.write_bytes(array("d", values).tobytes())
    return path


def nth(kind: type[object], number: int) -> Callable[[object], bool]:
    """True at the n-th message of a kind."""
    seen = 0

    def check(message: object) -> bool:
        nonlocal seen
        seen += isinstance(message, kind)
        return isinstance(message, kind) and seen == number

    return check


def batches_logged(*stories: Any) -> list[int]:
    return [entry.data["batch"] for story in stories for entry in story.entries if "batch" in (entry.data or {})]


def test_one_go_takes_every_batch_and_sums_up_the_whole_file(play: Any, sensor: Path) -> None:
    story = play(ingest_samples, file=sensor, batch=BATCH)
    assert batches_logged(story) == list(range(1, 11))
    assert story.result == {
        "batches": 10,
        "samples": 9_500,
        "missing": 24,
        "crc32": f"{zlib.crc32(sensor.read_bytes()):08x}",
        "by_attempt": [{"attempt": 1, "first": 1, "last": 10}],
    }
    assert story.done == story.total == 9_500


def test_a_batchs_figures_are_right(play: Any, sensor: Path) -> None:
    story = play(ingest_samples, file=sensor, batch=BATCH)
    values = [value for value in array("d", sensor.read_bytes())[2_000:3_000] if not math.isnan(value)]
    assert story.entries[2].data == {
        "batch": 3,
        "attempt": 1,
        "n": len(values),
        "missing": BATCH - len(values),
        "min": min(values),
        "max": max(values),
        "mean": pytest.approx(statistics.fmean(values)),
        "stddev": pytest.approx(statistics.stdev(values)),
    }


@pytest.mark.parametrize("kind", [Checkpoint, Entry])
def test_a_retry_after_a_cancel_does_no_batch_twice_and_ends_with_the_same_sum(
    play: Any, sensor: Path, kind: type[object]
) -> None:
    whole = play(ingest_samples, file=sensor, batch=BATCH)
    first = play(ingest_samples, cancel_at=nth(kind, 4), file=sensor, batch=BATCH)
    assert first.cancelled
    second = play(ingest_samples, checkpoint=first.checkpoints[-1], attempt=2, file=sensor, batch=BATCH)
    assert batches_logged(first, second) == list(range(1, 11))
    assert second.result["crc32"] == whole.result["crc32"]
    assert [part["attempt"] for part in second.result["by_attempt"]] == [1, 2]
    assert second.result["by_attempt"][0]["last"] + 1 == second.result["by_attempt"][1]["first"]
    assert second.done == second.total == 9_500


def test_killed_between_checkpoint_and_entry_the_figures_are_told_by_the_next_attempt(play: Any, sensor: Path) -> None:
    whole = play(ingest_samples, file=sensor, batch=BATCH)
    second = play(ingest_samples, checkpoint=whole.checkpoints[5], attempt=2, file=sensor, batch=BATCH)
    assert batches_logged(second) == [7, 8, 9, 10]
    assert second.entries[0].text == "Going on after batch 6"
    assert second.entries[0].data == {"after": whole.entries[5].data}
    assert second.result["crc32"] == whole.result["crc32"]


def run_until_killed(play: Any, when: Callable[[object], bool], **params: Any) -> list[Any]:
    """Run in a process of its own, which is killed at a message; returns what it had said before."""
    ours, theirs = multiprocessing.Pipe()

    def tell(message: object) -> bool:
        theirs.send(message)
        theirs.recv()  # at the message that kills it, it waits here
        return False

    child = multiprocessing.get_context("fork").Process(target=lambda: play(ingest_samples, cancel_at=tell, **params))
    child.start()
    said = [ours.recv()]
    while not when(said[-1]):
        ours.send(None)
        said.append(ours.recv())
    child.kill()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    return said[:-1]


@pytest.mark.parametrize("killed_at", [(Checkpoint, 1), (Entry, 1), (Checkpoint, 6), (Entry, 6)])
def test_killed_and_started_again_it_comes_to_the_same_sum_and_loses_no_figures(
    play: Any, sensor: Path, killed_at: tuple[type[object], int]
) -> None:
    whole = play(ingest_samples, file=sensor, batch=BATCH)
    said = run_until_killed(play, nth(*killed_at), file=sensor, batch=BATCH)
    saved = [message.data for message in said if isinstance(message, Checkpoint)]
    logged = [message.data["batch"] for message in said if isinstance(message, Entry)]
    second = play(ingest_samples, checkpoint=(saved or [None])[-1], attempt=2, file=sensor, batch=BATCH)
    assert second.result["crc32"] == whole.result["crc32"]
    assert sorted(set(logged)) == logged
    assert not set(logged) & set(batches_logged(second))
    told_again = [entry.data["after"]["batch"] for entry in second.entries if "after" in entry.data]
    assert set(logged) | set(told_again) | set(batches_logged(second)) == set(range(1, 11))


def test_cancelled_after_every_batch_it_still_comes_to_the_same_end(play: Any, sensor: Path) -> None:
    whole = play(ingest_samples, file=sensor, batch=BATCH)
    stories = []
    checkpoint = None
    for attempt in range(1, 12):
        story = play(
            ingest_samples,
            checkpoint=checkpoint,
            attempt=attempt,
            cancel_at=nth(Checkpoint, 1),
            file=sensor,
            batch=BATCH,
        )
        stories.append(story)
        checkpoint = (story.checkpoints or [checkpoint])[-1]
        if not story.cancelled:
            break
    assert batches_logged(*stories) == list(range(1, 11))
    assert stories[-1].result["crc32"] == whole.result["crc32"]
    assert len(stories[-1].result["by_attempt"]) == 10


def test_a_checkpoint_of_another_file_is_not_gone_on_from(play: Any, sensor: Path, tmp_path: Path) -> None:
    first = play(ingest_samples, cancel_at=nth(Entry, 4), file=sensor, batch=BATCH)
    other = tmp_path / "other.f64"
    other.write_bytes(sensor.read_bytes())
    story = play(ingest_samples, checkpoint=first.checkpoints[-1], attempt=2, file=other, batch=BATCH)
    assert batches_logged(story) == list(range(1, 11))
    assert story.entries[0].level == "warning"


def test_a_generated_file_is_the_same_every_time_and_used_again(play: Any, tmp_path: Path) -> None:
    first = play(ingest_samples, samples=120_000, batch=BATCH)
    (made,) = (tmp_path / "tmp").rglob("readings-*.f64")
    stamp = made.stat().st_mtime_ns
    second = play(ingest_samples, samples=120_000, batch=BATCH)
    assert made.stat().st_mtime_ns == stamp
    made.unlink()
    third = play(ingest_samples, samples=120_000, batch=BATCH)
    assert first.result == second.result == third.result
    assert first.result["samples"] == 120_000


def test_a_batch_of_missing_readings_has_no_figures(play: Any, tmp_path: Path) -> None:
    path = tmp_path / "dead.f64"
    path.write_bytes(array("d", [math.nan, math.inf, -math.inf]).tobytes())
    story = play(ingest_samples, file=path, batch=BATCH)
    assert story.entries[0].data["mean"] is None
    assert story.result["missing"] == 3


@pytest.mark.parametrize("content", [b"", b"123456789"])
def test_a_file_of_something_else_is_said_by_the_parameters_name(play: Any, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^file: .* has {len(content)} bytes, expected 64-bit floats"):
        play(ingest_samples, file=path)


def test_a_file_that_is_not_there_is_said_by_the_parameters_name(play: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^file: "):
        play(ingest_samples, file=tmp_path / "nowhere")
