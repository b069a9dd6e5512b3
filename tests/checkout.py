"""This checkout as somebody else would get it, and commands run as they would run them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD_S = 300.0  # packages are fetched meanwhile


def run(*command: str | Path, cwd: Path) -> str:
    """A command that must succeed; its stdout."""
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def environment() -> dict[str, str]:
    """Without what would lead Python or Barcast back to this checkout."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("BARCAST_", "PYTHON", "VIRTUAL_ENV", "COV_"))}


def clone_into(folder: Path) -> None:
    """Copy the files that git knows or would take, and no others."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # a file that is deleted, but not yet in git, is still listed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
