"""`check-python`: does every Python file below a folder compile?"""

import tokenize
import warnings
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from workers import Job, Phase, job
from workers.examples.complaints import Complaints, shown
from workers.examples.places import LIBRARY, existing_folder, regular_files


@job(
    "check-python",
    title="Check Python files in {folder.name}",
    phases=[Phase(name="List", weight=0.02), Phase(name="Compile", unit="files", weight=0.98)],
    cancel_note="stops after the file being compiled; nothing is written at all",
)
def check_python(
    job: Job,
    folder: Annotated[Path, Meta(description="Folder whose .py files are compiled, with all below it")] = LIBRARY,
) -> dict[str, Any]:
    """Compile every Python file below a folder and say which ones are broken.

    Nothing is run and nothing is written. Some libraries ship broken files on purpose, to test with.
    """
    root = existing_folder(folder, "folder")
    complaints = Complaints(job, "error")
    with job.phase("List", unit="files") as listing:
        found = listing.track(regular_files(root, complaints.add_unreadable))
        files = [path for path, _ in found if path.suffix == ".py"]
    with job.phase("Compile", total=len(files), unit="files") as compiling:
        for path in compiling.track(files):
            check(job, path, root, complaints)
    complaints.close()
    job.message(f"{len(files):,} files, {complaints.count:,} broken")
    return {
        "folder": str(root),
        "files": len(files),
        "ok": job.counter("ok"),
        "errors": complaints.count,
    }


def check(job: Job, path: Path, root: Path, complaints: Complaints) -> None:
    """Compile one file and count what came of it."""
    name = shown(path.relative_to(root))
    job.message(name)
    try:
        compile_file(path)
    except OSError as error:
        complaints.add_unreadable(error)
    # MemoryError and RecursionError are the parser's answers to nesting that is too deep
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        line = (error.lineno if isinstance(error, SyntaxError) else None) or 1
        complaints.add(f"{name}:{line}: {said(error)}", {"file": name, "line": line})
    else:
        job.count("ok")


def said(error: Exception) -> str:
    """What the compiler said, without the place (it stands before it already)."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return shown(text or type(error).__name__)


def compile_file(path: Path) -> None:
    """Compile a file, in the encoding it declares."""
    with tokenize.open(path) as file:
        source = file.read()
    with warnings.catch_warnings():  # `"\d"` and its like are warned about; here only errors count
        warnings.simplefilter("ignore")
        compile(source, str(path), "exec", dont_inherit=True)
