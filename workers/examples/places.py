"""Where the examples read and write when they are not told otherwise."""

import os
import shutil
import stat
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LIBRARY = Path(sysconfig.get_path("stdlib"))
"""The running Python's own library: a folder of real files on every machine."""

FILES_LIMIT = 1_000_000  # a listing of more would not fit in memory beside everything else
IN_USE_S = 3600.0  # files that one job makes for itself and others are safe for that long
RUNS_KEPT = 50  # folders of results kept per kind; the oldest goes when another is made


def existing_folder(path: Path, parameter: str) -> Path:
    """The folder that a parameter names, absolute.

    Raises:
        NotADirectoryError: there is none; the text begins with the parameter's name.
    """
    folder = path.expanduser().absolute()
    if not folder.is_dir():
        raise NotADirectoryError(f"{parameter}: {folder} is not a folder")
    return folder


def existing_file(path: Path, parameter: str) -> Path:
    """The file that a parameter names, absolute.

    Raises:
        FileNotFoundError: there is none; the text begins with the parameter's name.
    """
    file = path.expanduser().absolute()
    if not file.is_file():
        raise FileNotFoundError(f"{parameter}: {file} is not a file")
    return file


def scratch(kind: str) -> Path:
    """A folder for what one kind writes, inside this user's own, which nobody else can read.

    Raises:
        PermissionError: somebody else has put something in its place.
    """
    own = Path(tempfile.gettempdir()) / f"barcast-examples-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    found = own.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{own} belongs to somebody else; set TMPDIR to another folder")
    own.chmod(0o700)
    folder = own / kind
    folder.mkdir(exist_ok=True)
    return folder


def run_folder(kind: str, job_id: str) -> Path:
    """A folder for the results of one job; beyond `RUNS_KEPT` of a kind the oldest is removed."""
    mine = scratch(kind) / job_id
    if not mine.is_dir():
        keep_newest(mine.parent, RUNS_KEPT - 1)
    mine.mkdir(exist_ok=True)
    return mine


def keep_newest(folder: Path, count: int, idle_s: float = 0.0) -> None:
    """Remove all but the `count` entries of a folder that were changed last.

    Args:
        folder: where to look.
        count: how many may stay.
        idle_s: what was changed in these last seconds stays as well: a running job may need it.
    """
    dated = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another job may be removing it, too
            dated.append((path.lstat().st_mtime, path))
    for changed_at, path in sorted(dated, reverse=True)[count:]:
        if changed_at > time.time() - idle_s:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def half_written(target: Path) -> Iterator[Path]:
    """A file beside the target to write to; it takes the target's name at the end, or is gone after any failure."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def regular_files(
    root: Path, on_error: Callable[[OSError], None], skip: tuple[str, ...] = ()
) -> Iterator[tuple[Path, os.stat_result]]:
    """Every regular file below a folder; symbolic links are neither followed nor listed.

    Args:
        root: where to begin.
        on_error: called for each file or folder that cannot be read.
        skip: names of folders that are left out, with all below them.

    Raises:
        ValueError: there are more than `FILES_LIMIT`.
    """
    found = 0
    for folder, folders, names in os.walk(root, onerror=on_error):
        folders[:] = sorted(name for name in folders if name not in skip)
        for name in sorted(names):
            path = Path(folder, name)
            try:
                about = path.lstat()
            except OSError as error:
                on_error(error)
                continue
            if stat.S_ISREG(about.st_mode):
                found += 1
                yield path, about
        if found > FILES_LIMIT:
            raise ValueError(f"folder: {root} holds more than {FILES_LIMIT:,} files")
