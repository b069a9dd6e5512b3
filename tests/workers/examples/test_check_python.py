"""`check-python` on files that are right, wrong, and wrong in odd ways."""

import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from workers.examples import check_python

GOOD = {
    "fine.py": b"x = 1\n",
    "empty.py": b"",
    "latin.py": b"# coding: latin-1\nx = '\xe9'\n",
    "bom.py": b"\xef\xbb\xbfx = 1\n",
    "deep/warned.py": b"x = '\\d'\nassert (1, 'always')\n1 is 1\n",
}
BAD = {
    "unclosed.py": (b"x = 1\ny = (\n", 2),
    "nothing_declared.py": (b"x = '\xe9'\n", 1),
    "unknown_coding.py": (b"# coding: klingon\n", 1),
    "zero.py": (b"x = 1\0\n", 1),
    "nested.py": (b"(" * 5_000 + b")" * 5_000, 1),
    "deep/indented.py": (b"if True:\npass\n", 2),
}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    root = tmp_path / "sources"
    (root / "deep").mkdir(parents=True)
    for name, content in {**GOOD, **{name: content for name, (content, _) in BAD.items()}}.items():
        (root / name).write_bytes(content)
    (root / "notes.txt").write_text("not Python (")
    return root


def test_good_and_bad_files_are_told_apart(play: Any, sources: Path) -> None:
    story = play(check_python, folder=sources)
    assert story.result["ok"] == story.counters["ok"] == len(GOOD)
    assert story.result["errors"] == story.counters["errors"] == len(BAD)
    assert story.result["files"] == story.done == story.total == len(GOOD) + len(BAD)


def test_each_error_is_logged_with_its_file_and_line(play: Any, sources: Path) -> None:
    story = play(check_python, folder=sources)
    assert {entry.data["file"]: entry.data["line"] for entry in story.entries} == {
        name: line for name, (_, line) in BAD.items()
    }
    for entry in story.entries:
        assert entry.level == "error"
        assert entry.text.startswith(f"{entry.data['file']}:{entry.data['line']}: ")


def test_warnings_of_the_compiler_go_nowhere(play: Any, sources: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        play(check_python, folder=sources)
    assert caught == []


def test_nothing_is_run_and_nothing_is_written(play: Any, sources: Path) -> None:
    (sources / "bomb.py").write_text("raise SystemExit('run!')\n")
    before = sorted(sources.rglob("*"))
    play(check_python, folder=sources)
    assert sorted(sources.rglob("*")) == before


def test_a_file_that_cannot_be_opened_is_an_error(play: Any, tmp_path: Path) -> None:
    here = tmp_path / "here.py"
    here.touch()
    story = play(check_python, meanwhile={"Compile": here.unlink}, folder=tmp_path)
    assert story.result["errors"] == 1
    assert story.entries[0].text.endswith("here.py: No such file or directory")


def test_a_name_that_is_not_utf8_can_be_logged(play: Any, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")).write_text("(")
    story = play(check_python, folder=tmp_path)
    assert story.entries[0].text.startswith("\\xff.py:1: ")


def test_a_folder_that_is_not_there_is_said_by_the_parameters_name(play: Any, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match=r"^folder: "):
        play(check_python, folder=tmp_path / "nowhere")
