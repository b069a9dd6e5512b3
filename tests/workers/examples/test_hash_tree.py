"""What `hash-tree` says must be what the `sha256sum` program says."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from workers.examples import hash_tree
from workers.examples.hash_tree import line_of

ODD_NAMES = [b"back\\slash", b"line\nfeed", b"return\r", b"-", b" lead", b"caf\xc3\xa9", b"not utf8 \xff", b"*star"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "empty").write_bytes(b"")
    (root / "deep" / "er" / "big").write_bytes(bytes(range(256)) * 10_000)
    for name in ODD_NAMES:
        Path(os.fsdecode(os.path.join(os.fsencode(root), name))).write_bytes(name)
    (root / "deep" / "link").symlink_to(root / "empty")
    (root / "deep" / "around").symlink_to(root)
    return root


def shell(tree: Path, command: str, *names: str) -> subprocess.CompletedProcess[bytes]:
    arguments = ["bash", "-c", command, "bash", *names]
    return subprocess.run(arguments, cwd=tree, capture_output=True, timeout=60, check=False)


def test_its_list_is_what_sha256sum_writes(play: Any, tree: Path) -> None:
    story = play(hash_tree, folder=tree)
    expected = shell(tree, "find . -type f -exec sha256sum {} + | LC_ALL=C sort").stdout
    assert story.attached[0].read_bytes() == expected
    assert story.result["digest"] == hashlib.sha256(expected).hexdigest()


def test_sha256sum_accepts_its_list(play: Any, tree: Path) -> None:
    story = play(hash_tree, folder=tree)
    check = shell(tree, 'sha256sum --check --strict "$1"', str(story.attached[0]))
    assert check.returncode == 0, check.stderr
    assert check.stdout.count(b": OK\n") == story.result["files"]


def test_totals_count_files_and_bytes_but_no_links(play: Any, tree: Path) -> None:
    story = play(hash_tree, folder=tree)
    regular = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    assert story.result["files"] == len(regular) == 2 + len(ODD_NAMES)
    assert story.result["bytes"] == sum(path.stat().st_size for path in regular)
    assert story.counters == {"files": story.result["files"], "errors": 0}


def test_bytes_to_hash_are_known_before_hashing_begins(play: Any, tree: Path) -> None:
    story = play(hash_tree, folder=tree)
    hashing = story.phases[1]
    assert (hashing.name, hashing.total, hashing.unit) == ("Hash", story.result["bytes"], "B")
    assert story.done == story.total == story.result["bytes"]


def test_a_file_that_vanished_is_counted_as_an_error_and_the_rest_is_hashed(play: Any, tree: Path) -> None:
    story = play(hash_tree, meanwhile={"Hash": (tree / "deep" / "er" / "big").unlink}, folder=tree)
    assert story.result["errors"] == story.counters["errors"] == 1
    assert [entry.level for entry in story.entries] == ["warning"]
    assert "deep/er/big" in story.entries[0].text
    assert story.result["files"] == 1 + len(ODD_NAMES)
    assert story.done == story.total == story.result["bytes"]


def test_many_unreadable_files_do_not_flood_the_log(play: Any, tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for number in range(150):
        (root / f"{number}").touch()

    story = play(hash_tree, meanwhile={"Hash": lambda: shutil.rmtree(root)}, folder=root)
    assert story.result["errors"] == 150
    assert len(story.entries) == 101
    assert story.entries[-1].text == "50 more errors were counted, not logged"


def test_an_empty_folder_has_the_digest_of_nothing(play: Any, tmp_path: Path) -> None:
    story = play(hash_tree, folder=tmp_path / "tmp")
    assert story.result["files"] == 0
    assert story.result["digest"] == hashlib.sha256(b"").hexdigest()


def test_a_cancel_writes_no_list(play: Any, at_phase: Any, tree: Path, tmp_path: Path) -> None:
    story = play(hash_tree, cancel_at=at_phase("Hash"), folder=tree)
    assert story.cancelled
    assert story.attached == []
    assert not list((tmp_path / "tmp").rglob("*.sha256"))


def test_a_folder_that_is_not_there_is_said_by_the_parameters_name(play: Any, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match=r"^folder: .*nowhere is not a folder"):
        play(hash_tree, folder=tmp_path / "nowhere")


def test_a_plain_name_is_not_escaped() -> None:
    assert line_of("ab", Path("a b")) == b"ab  ./a b"
    assert line_of("ab", Path("a\nb")) == b"\\ab  ./a\\nb"
