"""Where the examples write: a folder that is the user's alone, and does not grow without bound."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from workers.examples import places
from workers.examples.places import RUNS_KEPT, half_written, keep_newest, regular_files, run_folder, scratch


def test_nobody_else_can_read_the_scratch_folder(play: Any, tmp_path: Path) -> None:
    folder = scratch("kind")
    assert folder.parent.parent == tmp_path / "tmp"
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_a_scratch_folder_that_others_could_read_is_closed(play: Any) -> None:
    folder = scratch("kind").parent
    folder.chmod(0o777)
    scratch("kind")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_place_of_the_scratch_folder_is_refused(play: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tmp" / f"barcast-examples-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        scratch("kind")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_only_the_newest_runs_are_kept(play: Any) -> None:
    for number in range(RUNS_KEPT + 5):
        os.utime(run_folder("kind", f"job-{number}"), (number, number))
    kept = {folder.name for folder in scratch("kind").iterdir()}
    assert kept == {f"job-{number}" for number in range(5, RUNS_KEPT + 5)}


def test_a_second_attempt_finds_the_folder_of_the_first(play: Any) -> None:
    (run_folder("kind", "job") / "kept").touch()
    assert (run_folder("kind", "job") / "kept").exists()


def test_old_files_go_as_old_folders_do(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}").touch()
        os.utime(tmp_path / f"{number}", (number, number))
    keep_newest(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["3"]


def test_what_a_running_job_may_need_is_kept(tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    (tmp_path / "old").mkdir()
    os.utime(tmp_path / "old", (1, 1))
    keep_newest(tmp_path, 0, idle_s=3600)
    assert [path.name for path in tmp_path.iterdir()] == ["fresh"]


def test_a_listing_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "FILES_LIMIT", 1)
    for name in "ab":
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="holds more than 1 files"):
        list(regular_files(tmp_path, print))


def test_a_file_half_written_is_never_seen(tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.write_text("former")

    def fail_half_way() -> None:
        with half_written(target) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report", "former")]


def test_a_listing_leaves_out_links_and_the_folders_to_skip(tmp_path: Path) -> None:
    for name in ("b/x", "a/y", "skipped/z"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "file_link").symlink_to(tmp_path / "a" / "y")
    errors: list[OSError] = []
    found = [str(path.relative_to(tmp_path)) for path, _ in regular_files(tmp_path, errors.append, skip=("skipped",))]
    assert (found, errors) == (["a/y", "b/x"], [])
