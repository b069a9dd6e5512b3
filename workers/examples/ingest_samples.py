"""`ingest-samples`: stream a sensor file in batches, and go on from the last one after a cancel or a crash."""

import math
import random
import statistics
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from workers import Job, Phase, job
from workers.examples.places import IN_USE_S, existing_file, half_written, keep_newest, scratch

SAMPLE_BYTES = 8
BLOCK_SAMPLES = 50_000  # generated between two reports
GENERATED_KEPT = 3  # files, one for each number of samples asked for
DAY_SAMPLES = 86_400  # one a second: the generated temperature has a daily curve


class Figures(Struct, frozen=True):
    """What is kept of one batch. `missing` readings (not a number) are counted and left out of the rest."""

    batch: int
    attempt: int
    n: int
    missing: int
    min: float | None
    max: float | None
    mean: float | None
    stddev: float | None


class Progress(Struct):
    """How far the ingestion has come: all that the next attempt needs.

    Attributes:
        file: what is ingested; with another file, size or batch the checkpoint is of no use.
        bytes: its size.
        batch_samples: readings in a batch.
        batches: how many are done.
        samples: readings in them, the missing ones included.
        missing: readings that are not a number.
        crc32: of every byte so far, in order: a batch done twice, or left out, would show.
        by_attempt: `[attempt, first batch, last batch]` for each attempt that did some.
        last: figures of the last batch.
    """

    file: str
    bytes: int
    batch_samples: int
    batches: int = 0
    samples: int = 0
    missing: int = 0
    crc32: int = 0
    by_attempt: list[tuple[int, int, int]] = []
    last: Figures | None = None


@job(
    "ingest-samples",
    title="Ingest sensor samples",
    retries=2,
    phases=[Phase(name="Prepare", weight=0.3), Phase(name="Ingest", unit="samples", weight=0.7)],
    cancel_note="stops after the batch in hand; a retry goes on from there",
)
def ingest_samples(
    job: Job,
    file: Annotated[
        Path | None, Meta(description="Readings as 64-bit floats of this machine; empty: a file is generated")
    ] = None,
    batch: Annotated[int, Meta(description="Readings in a batch", ge=1_000, le=1_000_000)] = 50_000,
    samples: Annotated[int, Meta(description="Readings in the generated file", ge=1_000, le=20_000_000)] = 2_000_000,
) -> dict[str, Any]:
    """Stream a file of two million sensor readings; after a cancel or a crash a retry goes on from the last batch.

    Each batch's figures are logged as an entry of their own.
    """
    with job.phase("Prepare"):
        source = existing_file(file, "file") if file else generate(job, samples)
        progress = begin_or_go_on(job, source, batch)
    with job.phase("Ingest", total=progress.bytes // SAMPLE_BYTES, unit="samples") as ingesting:
        ingesting.done = progress.samples  # those of earlier attempts
        for data in batches_of(source, batch, skip=progress.batches):
            figures = take(progress, data, job.attempt)
            save(job, progress, figures)
            ingesting.advance(len(data) // SAMPLE_BYTES)
    job.message(f"{progress.samples:,} samples in {progress.batches} batches")
    return {
        "batches": progress.batches,
        "samples": progress.samples,
        "missing": progress.missing,
        "crc32": f"{progress.crc32:08x}",
        "by_attempt": [{"attempt": n, "first": first, "last": last} for n, first, last in progress.by_attempt],
    }


def begin_or_go_on(job: Job, source: Path, batch: int) -> Progress:
    """Progress as the last checkpoint left it; new when there is none, or one of other work.

    Raises:
        ValueError: the file is empty, or not a whole number of 64-bit floats.
    """
    size = source.stat().st_size
    if size == 0 or size % SAMPLE_BYTES:
        raise ValueError(f"file: {source} has {size:,} bytes, expected 64-bit floats, one or more")
    fresh = Progress(file=str(source), bytes=size, batch_samples=batch)
    if job.checkpoint_data is None:
        return fresh
    saved = msgspec.convert(job.checkpoint_data, Progress)
    if (saved.file, saved.bytes, saved.batch_samples) != (fresh.file, fresh.bytes, fresh.batch_samples):
        job.log("The checkpoint is of another file or batch size: beginning anew", level="warning")
        return fresh
    # Should its own entry have been lost with the process, the last batch's figures still stand in the log
    job.log(f"Going on after batch {saved.batches}", data={"after": msgspec.to_builtins(saved.last)})
    return saved


def batches_of(source: Path, batch: int, skip: int) -> Iterator[bytes]:
    """The file's bytes batch by batch, without the first `skip` batches."""
    with source.open("rb") as file:
        file.seek(skip * batch * SAMPLE_BYTES)
        while data := file.read(batch * SAMPLE_BYTES):
            yield data


def take(progress: Progress, data: bytes, attempt: int) -> Figures:
    """Add one batch to the progress; returns its figures."""
    progress.batches += 1
    progress.samples += len(data) // SAMPLE_BYTES
    progress.crc32 = zlib.crc32(data, progress.crc32)
    if progress.by_attempt and progress.by_attempt[-1][0] == attempt:
        progress.by_attempt[-1] = (attempt, progress.by_attempt[-1][1], progress.batches)
    else:
        progress.by_attempt.append((attempt, progress.batches, progress.batches))
    progress.last = figures_of(array("d", data), progress.batches, attempt)
    progress.missing += progress.last.missing
    return progress.last


def figures_of(readings: "array[float]", batch: int, attempt: int) -> Figures:
    """A batch in six numbers; `stddev` is that of a sample (n - 1)."""
    good = [reading for reading in readings if math.isfinite(reading)]
    return Figures(
        batch=batch,
        attempt=attempt,
        n=len(good),
        missing=len(readings) - len(good),
        min=min(good, default=None),
        max=max(good, default=None),
        mean=statistics.fmean(good) if good else None,
        stddev=statistics.stdev(good) if len(good) > 1 else None,
    )


def save(job: Job, progress: Progress, figures: Figures) -> None:
    """Checkpoint first, then the entry: a crash between the two must not make the next attempt do the batch again."""
    try:
        job.checkpoint(msgspec.to_builtins(progress), done=progress.samples)
    finally:  # a cancel may show at the checkpoint: it is saved all the same, and so is the entry
        job.log(f"Batch {figures.batch}: {figures.n:,} readings", data=msgspec.to_builtins(figures))


def generate(job: Job, samples: int) -> Path:
    """A file of readings, the same for the same number; one that is there already is used again."""
    target = scratch("ingest-samples") / f"readings-{samples}.f64"
    if target.is_file() and target.stat().st_size == samples * SAMPLE_BYTES:
        return target
    keep_newest(target.parent, GENERATED_KEPT - 1, IN_USE_S)
    job.total = samples
    with half_written(target) as part, part.open("wb") as file:
        for first in range(0, samples, BLOCK_SAMPLES):
            count = min(BLOCK_SAMPLES, samples - first)
            readings(first, count).tofile(file)
            job.advance(count)
    return target


def readings(first: int, count: int) -> "array[float]":
    """Degrees through the day, one reading a second, with noise; one in 5,000 is missing (not a number)."""
    dice = random.Random(first)  # noqa: S311  (a sample file, not a secret)
    day = math.tau / DAY_SAMPLES
    return array(
        "d",
        [
            math.nan if dice.random() < 1 / 5_000 else 20 + 5 * math.sin(day * at) + dice.gauss(0, 0.3)
            for at in range(first, first + count)
        ],
    )
