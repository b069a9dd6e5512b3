"""Files beside the address file: what a child printed, and what it could not deliver."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hub.protocol import Entry, Finish
from workers import output, spool
from workers.process import describe


def test_output_that_grew_too_long_keeps_its_last_part_and_goes_on_after_it(tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("ab+") as file:
        file.write(b"x" * output.MOST_BYTES + b"the end\n")
        file.flush()
        output.bound(file.fileno())
        os.write(file.fileno(), b"and more\n")
    assert path.stat().st_size == output.KEPT_BYTES + len(b"and more\n")
    assert path.read_bytes().endswith(b"the end\nand more\n")


def test_output_of_a_modest_length_and_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_bytes(b"short")
    with path.open("ab+") as file:
        output.bound(file.fileno())
    assert path.read_bytes() == b"short"
    reader, writer = os.pipe()
    output.bound(writer)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"", ""), (b"\n \n", ""), (b"one\ntwo\n\n", "two"), (b"bad \xff\n", "bad �"), (b"y" * 900, "y" * 500)],
)
def test_the_last_words_are_the_last_line_that_says_something(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "output"
    path.write_bytes(content)
    assert output.last_line(path) == line
    assert output.last_line(tmp_path / "missing") == ""


@pytest.mark.parametrize(
    ("status", "words", "how"),
    [
        (0, "", "exit status 0"),
        (3, "no licence", "exit status 3: no licence"),
        (-9, "", "killed by SIGKILL"),
        (-200, "", "killed by signal 200"),
        (None, "", "ended (its exit status is not known)"),
    ],
)
def test_an_end_is_told_in_words(status: int | None, words: str, how: str) -> None:
    assert describe(status, words) == how


def test_a_spool_gives_back_what_was_put_into_it_to_its_owner_alone(tmp_path: Path) -> None:
    path = spool.place(tmp_path / "hub.address", "../j/1", 2, "spool")
    assert path.parent == tmp_path / "hub.workers"
    entry = Entry(job="j1", attempt=2, n=7, text="last\nwords")
    finish = Finish(job="j1", attempt=2, n=8, outcome="succeeded", result={"a": 1})
    spool.write(path, "secret", [entry, finish])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert spool.read(path) == spool.Spool("secret", [entry, finish])


@pytest.mark.parametrize("content", [b"", b"no json\n", b'{"nothing": 1}\n'])
def test_a_spool_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spool"
    path.write_bytes(content)
    assert spool.read(path) is None
    assert spool.read(tmp_path / "missing") is None
