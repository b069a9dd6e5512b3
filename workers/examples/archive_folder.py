"""`archive-folder`: pack a folder that nobody is writing to, check the archive, and put it where it belongs."""

import datetime as dt
import gzip
import hashlib
import io
import itertools
import os
import stat
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated, Any, BinaryIO

from msgspec import Meta, Struct

from workers import Cancelled, Job, Phase, job
from workers.examples.complaints import shown
from workers.examples.places import FILES_LIMIT, IN_USE_S, LIBRARY, existing_folder, half_written, keep_newest, scratch

BLOCK_BYTES = 1024 * 1024
ARCHIVES_KEPT = 5  # in the folder that is used when none is given
LOOK_EVERY_S = 0.5  # between two looks at the folder; a cancel waits no longer than this
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


class Entry(Struct):
    """What is to be packed; `digest` is a file's SHA-256 as it was packed."""

    path: Path
    name: str
    kind: str
    bytes: int
    digest: str = ""


@job(
    "archive-folder",
    title="Archive {folder.name}",
    phases=[
        Phase(name="Wait until quiet", weight=0.05),
        Phase(name="List", weight=0.03),
        Phase(name="Compress", unit="B", weight=0.7),
        Phase(name="Verify", unit="B", weight=0.15),
        Phase(name="Copy", unit="B", weight=0.05),
        Phase(name="Publish", weight=0.02),
    ],
    cancel_note="removes what is packed so far; the target folder stays as it was",
)
def archive_folder(
    job: Job,
    folder: Annotated[Path, Meta(description="Folder that is packed, with all below it")] = LIBRARY,
    target: Annotated[
        Path | None, Meta(description="Folder that the archive is put in; empty: one in a folder of yours")
    ] = None,
    quiet_s: Annotated[float, Meta(description="Seconds without a change before packing begins", ge=0, le=3600)] = 2.0,
    patience_s: Annotated[float, Meta(description="Seconds to wait for that at most", ge=0, le=86_400)] = 600.0,
    skip: Annotated[tuple[str, ...], Meta(description="Folders with these names are left out")] = (
        "__pycache__",
        "site-packages",
    ),
) -> dict[str, Any]:
    """Pack a folder into a .tar.gz once nobody is writing to it, check it, and copy it to a target folder.

    The archive appears under its name when it is complete, or not at all. Links are packed as links.
    """
    root = existing_folder(folder, "folder")
    place = destination(target, root)
    try:
        with job.phase("Wait until quiet", total=quiet_s, unit="s"):
            wait_until_quiet(job, root, skip, quiet_s, patience_s)
        return archive(job, root, place, skip)
    except Cancelled:
        raise Cancelled(f"Everything packed so far was removed; {place} is as it was") from None


def destination(target: Path | None, root: Path) -> Path:
    """The folder that the archive goes to.

    Raises:
        NotADirectoryError: it is not there.
        ValueError: it lies in the folder to be packed.
    """
    if target is None:
        place = scratch("archives")
        keep_newest(place, ARCHIVES_KEPT - 1)
        return place
    place = existing_folder(target, "target")
    if place.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"target: {place} lies in the folder that is to be packed")
    return place


def wait_until_quiet(
    job: Job,
    root: Path,
    skip: tuple[str, ...],
    quiet_s: float,
    patience_s: float,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when the newest change below a folder is `quiet_s` seconds old.

    Raises:
        TimeoutError: it was not after `patience_s` seconds.
    """
    give_up_at = now() + patience_s
    # A date further in the future than that comes from a wrong clock, not from a change that goes on
    while (age_s := abs(now() - newest_change(root, skip))) < quiet_s:
        if now() >= give_up_at:
            raise TimeoutError(f"folder: {root} was still being changed after {patience_s:g} s")
        job.message(f"Quiet for {age_s:.1f} of {quiet_s:g} s")
        job.done = age_s
        sleep(min(LOOK_EVERY_S, quiet_s - age_s))


def newest_change(root: Path, skip: tuple[str, ...]) -> float:
    """When anything below a folder changed last, in seconds since 1970."""
    return max(about.st_mtime for _, about in everything(root, skip))


def everything(root: Path, skip: tuple[str, ...]) -> Iterator[tuple[Path, os.stat_result]]:
    """A folder and all that is below it, in the same order every time."""
    for folder, folders, names in os.walk(root, onerror=fail):
        folders[:] = sorted(name for name in folders if name not in skip)
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for path in [here, *(here / name for name in sorted(names + links))]:
            with suppress(FileNotFoundError):  # gone again: packing says so if it should have been packed
                yield path, path.lstat()


def fail(error: OSError) -> None:
    """An archive without what could not be read would be a lie."""
    raise error


def archive(job: Job, root: Path, place: Path, skip: tuple[str, ...]) -> dict[str, Any]:
    """The steps after the wait."""
    entries = list_entries(job, root, skip)
    # The end of the job's id tells apart what is packed in the same second
    final = place / f"{root.name}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{job.id[-6:]}.tar.gz"
    staging_area = scratch("archive-folder")
    keep_newest(staging_area, 0, IN_USE_S)  # what a killed process left
    with tempfile.TemporaryDirectory(dir=staging_area) as staging:
        packed = Path(staging, final.name)
        pack(job, entries, packed)
        verify(job, entries, packed)
        digest = deliver(job, packed, final)
    try:
        job.attach(final)
        job.message(f"{len(entries):,} files and folders in {final.stat().st_size / 1e6:,.1f} MB")
    except Cancelled:
        final.unlink()
        raise
    return {
        "archive": str(final),
        "files": sum(entry.kind == "file" for entry in entries),
        "bytes": sum(entry.bytes for entry in entries),
        "archive_bytes": final.stat().st_size,
        "sha256": digest,
    }


def list_entries(job: Job, root: Path, skip: tuple[str, ...]) -> list[Entry]:
    """All that is to be packed.

    Raises:
        ValueError: more than `FILES_LIMIT`.
    """
    entries = []
    left_out = 0
    with job.phase("List", unit="files") as phase:
        for path, about in phase.track(everything(root, skip)):
            kind = KINDS.get(stat.S_IFMT(about.st_mode))
            if kind is None:
                left_out += 1
                continue
            size = about.st_size if kind == "file" else 0
            entries.append(Entry(path=path, name=str(path.relative_to(root.parent)), kind=kind, bytes=size))
            if len(entries) > FILES_LIMIT:
                raise ValueError(f"folder: {root} holds more than {FILES_LIMIT:,} files")
    if left_out:
        job.log(f"{left_out:,} pipes, sockets or devices are left out", level="warning")
    return entries


def pack(job: Job, entries: list[Entry], packed: Path) -> None:
    """Write the archive; the same files give the same bytes.

    Raises:
        ValueError: a file was changed meanwhile.
    """
    total = sum(entry.bytes for entry in entries)
    with (
        job.phase("Compress", total=total, unit="B"),
        packed.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for number, entry in enumerate(entries, 1):
            job.message(f"{number:,} of {len(entries):,} files and folders, {total / 1e6:,.1f} MB")
            info = tar.gettarinfo(entry.path, entry.name)
            if info.isreg():
                pack_file(job, tar, info, entry)
            else:  # a folder, a link, or a second name of a file that is in already
                tar.addfile(info)
                job.advance(entry.bytes)


def pack_file(job: Job, tar: tarfile.TarFile, info: tarfile.TarInfo, entry: Entry) -> None:
    """Add one regular file, and keep its digest for the check."""
    with entry.path.open("rb") as file:
        reader = Metered(file, job)
        try:
            tar.addfile(info, reader)
        except OSError as error:
            if error.errno is not None:  # the system's own: no space left, and so on
                raise
            raise ValueError(f"folder: {shown(entry.path)} was changed while it was packed") from error
    if info.size != entry.bytes:
        raise ValueError(f"folder: {shown(entry.path)} was changed while it was packed")
    entry.digest = reader.digest.hexdigest()
    job.count("files")


class Metered(io.RawIOBase):
    """A file being read: each block advances the job and goes into the digest."""

    def __init__(self, file: BinaryIO, job: Job) -> None:
        super().__init__()
        self.file = file
        self.job = job
        self.digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes."""
        block = self.file.read(size)
        self.digest.update(block)
        self.job.advance(len(block))
        return block


def verify(job: Job, entries: list[Entry], packed: Path) -> None:
    """Read the archive as anyone would, and compare it with what was packed.

    Raises:
        ValueError: it is not the same.
    """
    total = sum(entry.bytes for entry in entries)
    with job.phase("Verify", total=total, unit="B"), tarfile.open(packed, mode="r|gz") as tar:
        for entry, info in itertools.zip_longest(entries, tar):
            if entry is None or info is None or info.name != entry.name:
                raise ValueError(f"{packed.name} does not list what was packed")
            content = tar.extractfile(info) if info.isreg() else None
            if content is None:
                job.advance(entry.bytes)
            elif digest_of(job, content) != entry.digest:
                raise ValueError(f"{packed.name}: {shown(entry.name)} is not what was packed")


def digest_of(job: Job, file: IO[bytes]) -> str:
    """SHA-256 of all that can be read from a file; each block advances the job."""
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
        job.advance(len(block))
    return digest.hexdigest()


def deliver(job: Job, packed: Path, final: Path) -> str:
    """Copy the archive beside its final place, then give it its name; returns its SHA-256."""
    digest = hashlib.sha256()
    with half_written(final) as part:
        with (
            job.phase("Copy", total=packed.stat().st_size, unit="B"),
            packed.open("rb") as source,
            part.open("wb") as target,
        ):
            while block := source.read(BLOCK_BYTES):
                target.write(block)
                digest.update(block)
                job.advance(len(block))
        with job.phase("Publish"), part.open("rb") as written:
            os.fsync(written.fileno())
    return digest.hexdigest()
