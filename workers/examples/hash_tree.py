"""`hash-tree`: the SHA-256 of every file below a folder."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from workers import Job, Phase, job
from workers.examples.complaints import Complaints, shown
from workers.examples.places import LIBRARY, existing_folder, regular_files, run_folder

BLOCK_BYTES = 1024 * 1024

ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})


@job(
    "hash-tree",
    title="Hash {folder.name}",
    phases=[Phase(name="List", weight=0.05), Phase(name="Hash", unit="B", weight=0.95)],
    cancel_note="stops after the block being read; no list is written",
)
def hash_tree(
    job: Job,
    folder: Annotated[Path, Meta(description="Folder whose files are hashed, with all below it")] = LIBRARY,
) -> dict[str, Any]:
    """SHA-256 of every file below a folder, listed as sha256sum does.

    Symbolic links are not followed. `sha256sum -c LIST` accepts the list when it is run in the folder, and `digest`
    is what `find . -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum` says there.
    """
    root = existing_folder(folder, "folder")
    complaints = Complaints(job, "warning")
    files = list_files(job, root, complaints)
    hashed = list(hash_files(job, root, files, complaints))
    complaints.close()
    text = b"".join(line + b"\n" for line in sorted(line for line, _ in hashed))
    target = run_folder("hash-tree", job.id) / "files.sha256"
    target.write_bytes(text)
    job.attach(target)
    total = sum(size for _, size in hashed)
    job.message(f"{len(hashed):,} files, {total / 1e6:,.1f} MB")
    return {
        "folder": str(root),
        "files": len(hashed),
        "bytes": total,
        "errors": complaints.count,
        "digest": hashlib.sha256(text).hexdigest(),
    }


def list_files(job: Job, root: Path, complaints: Complaints) -> list[tuple[Path, int]]:
    """Every file with its size in bytes."""
    with job.phase("List", unit="files") as phase:
        return [(path, about.st_size) for path, about in phase.track(regular_files(root, complaints.add_unreadable))]


def hash_files(
    job: Job, root: Path, files: list[tuple[Path, int]], complaints: Complaints
) -> Iterator[tuple[bytes, int]]:
    """The line and size of each file that can be read."""
    expected = sum(size for _, size in files)
    with job.phase("Hash", total=expected, unit="B") as phase:
        for path, size in files:
            job.message(shown(path.relative_to(root)))
            read = 0
            digest = hashlib.sha256()
            try:
                for block in blocks(path):
                    digest.update(block)
                    read += len(block)
                    phase.advance(len(block))
                job.count("files")
                yield line_of(digest.hexdigest(), path.relative_to(root)), read
            except OSError as error:
                complaints.add_unreadable(error)
            if read != size:  # unreadable, or written to since it was listed
                expected += read - size
                phase.total = expected


def blocks(path: Path) -> Iterator[bytes]:
    """A file's bytes, `BLOCK_BYTES` at a time."""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def line_of(digest: str, name: Path) -> bytes:
    """One line as `sha256sum` writes it, without its end.

    A name with a backslash, line feed or carriage return is escaped, and the line then begins with a backslash
    (GNU coreutils manual, "md5sum invocation").
    """
    plain = f"./{name}"
    escaped = plain.translate(ESCAPES)
    mark = b"" if escaped == plain else b"\\"
    return mark + digest.encode() + b"  " + os.fsencode(escaped)
