"""`archive-folder`: a whole archive of what was there, or none."""

import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from workers.examples import archive_folder
from workers.examples.archive_folder import wait_until_quiet

STEPS = ["Wait until quiet", "List", "Compress", "Verify", "Copy", "Publish"]
LONG_AGO = 1_600_000_000


def age(root: Path) -> None:
    """Date everything below a folder back, so that it is quiet."""
    for path in [root, *root.rglob("*")]:
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src" / "__pycache__").mkdir(parents=True)
    (root / "nothing").mkdir()
    (root / "src" / "main.py").write_text("print('hello')\n" * 1_000)
    (root / "src" / "data.bin").write_bytes(os.urandom(300_000))
    (root / "src" / "__pycache__" / "main.pyc").write_bytes(b"compiled")
    (root / "latest").symlink_to("src")
    (root / "lost").symlink_to("nowhere")
    os.link(root / "src" / "data.bin", root / "src" / "same.bin")
    age(root)
    return root


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def left_over(tmp_path: Path) -> list[Path]:
    """Files and folders in the places that the job writes to."""
    return [*(tmp_path / "target").iterdir(), *(tmp_path / "tmp").glob("*/archive-folder/*")]


def test_the_archive_unpacks_to_what_was_there(play: Any, project: Path, target: Path, tmp_path: Path) -> None:
    story = play(archive_folder, folder=project, target=target)
    (archive,) = story.attached
    assert archive.parent == target
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path / "out"], check=True, timeout=60)
    differ = subprocess.run(
        ["diff", "-r", "--no-dereference", "--exclude=__pycache__", project, tmp_path / "out" / "project"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert differ.returncode == 0, differ.stdout
    assert not (tmp_path / "out" / "project" / "src" / "__pycache__").exists()


def test_its_result_says_how_much_was_packed(play: Any, project: Path, target: Path) -> None:
    story = play(archive_folder, folder=project, target=target)
    (archive,) = story.attached
    assert story.result["files"] == 3
    assert story.result["bytes"] == 15_000 + 2 * 300_000
    assert story.result["archive_bytes"] == archive.stat().st_size
    assert f"{story.result['sha256']}  {archive}\n".encode() == subprocess.check_output(["sha256sum", archive])


def test_six_steps_with_size_in_bytes(play: Any, project: Path, target: Path) -> None:
    story = play(archive_folder, folder=project, target=target)
    assert [phase.name for phase in story.phases] == STEPS
    assert [phase.total for phase in story.phases if phase.unit == "B"] == [
        story.result["bytes"],
        story.result["bytes"],
        story.result["archive_bytes"],
    ]


def test_the_same_files_give_the_same_bytes(play: Any, project: Path, target: Path) -> None:
    first = play(archive_folder, folder=project, target=target)
    second = play(archive_folder, folder=project)
    assert first.result["sha256"] == second.result["sha256"]


@pytest.mark.parametrize("step", STEPS)
def test_a_cancel_leaves_nothing_and_says_so(
    play: Any, at_phase: Any, project: Path, target: Path, tmp_path: Path, step: str
) -> None:
    story = play(archive_folder, cancel_at=at_phase(step), folder=project, target=target)
    assert story.cancelled == f"Everything packed so far was removed; {target} is as it was"
    assert left_over(tmp_path) == []


def test_a_cancel_at_the_very_end_removes_the_archive_again(
    play: Any, project: Path, target: Path, tmp_path: Path
) -> None:
    story = play(archive_folder, cancel_at=lambda message: hasattr(message, "path"), folder=project, target=target)
    assert story.cancelled
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"print('other')\n" * 1_001, None])
def test_a_file_changed_while_it_is_packed_fails_the_job_and_leaves_nothing(
    play: Any, project: Path, target: Path, tmp_path: Path, content: bytes | None
) -> None:
    file = project / "src" / "main.py"
    change = file.unlink if content is None else lambda: file.write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=r"main\.py"):
        play(archive_folder, meanwhile={"Compress": change}, folder=project, target=target)
    assert left_over(tmp_path) == []


def test_an_archive_damaged_before_it_is_checked_is_not_delivered(
    play: Any, project: Path, target: Path, tmp_path: Path
) -> None:
    def damage() -> None:
        (packed,) = (tmp_path / "tmp").rglob("project-*.tar.gz")
        with tarfile.open(packed, "w:gz") as tar:
            tar.add(project / "nothing", "project")

    with pytest.raises(ValueError, match="does not list what was packed"):
        play(archive_folder, meanwhile={"Verify": damage}, folder=project, target=target)
    assert left_over(tmp_path) == []


def test_a_content_damaged_before_it_is_checked_is_not_delivered(
    play: Any, project: Path, target: Path, tmp_path: Path
) -> None:
    def damage() -> None:
        (packed,) = (tmp_path / "tmp").rglob("project-*.tar.gz")
        with tarfile.open(packed) as old:
            contents = [
                (info, file.read() if (file := info.isreg() and old.extractfile(info)) else b"") for info in old
            ]
        with tarfile.open(packed, "w:gz") as new:
            for info, content in contents:
                new.addfile(info, io.BytesIO(content.replace(b"hello", b"jello")))

    with pytest.raises(ValueError, match=r"src/main\.py is not what was packed"):
        play(archive_folder, meanwhile={"Verify": damage}, folder=project, target=target)
    assert left_over(tmp_path) == []


def test_a_pipe_is_left_out_and_the_log_says_so(play: Any, project: Path, target: Path) -> None:
    os.mkfifo(project / "pipe")
    age(project)
    story = play(archive_folder, folder=project, target=target)
    assert [entry.text for entry in story.entries] == ["1 pipes, sockets or devices are left out"]


def test_what_a_killed_job_left_is_cleared_away(play: Any, project: Path, target: Path, tmp_path: Path) -> None:
    play(archive_folder, folder=project, target=target)
    (staging,) = (tmp_path / "tmp").glob("*/archive-folder")
    (staging / "left").mkdir()
    (staging / "left" / "project.tar.gz").touch()
    age(staging)
    play(archive_folder, folder=project, target=target)
    assert list(staging.iterdir()) == []


def test_only_its_owner_can_read_the_archive(play: Any, project: Path, target: Path) -> None:
    story = play(archive_folder, folder=project, target=target)
    assert stat.S_IMODE(story.attached[0].stat().st_mode) == 0o600


def test_without_a_target_the_newest_five_are_kept(play: Any, project: Path, tmp_path: Path) -> None:
    for _ in range(2):
        play(archive_folder, folder=project)
    (archives,) = (tmp_path / "tmp").glob("*/archives")
    for number in range(7):
        (archives / f"old-{number}.tar.gz").touch()
    age(archives)
    story = play(archive_folder, folder=project)
    assert len(list(archives.iterdir())) == 5
    assert story.attached[0].exists()


def test_a_target_inside_the_folder_is_refused(play: Any, project: Path) -> None:
    with pytest.raises(ValueError, match=r"^target: .*src lies in the folder that is to be packed"):
        play(archive_folder, folder=project, target=project / "src")


@pytest.mark.parametrize("parameter", ["folder", "target"])
def test_a_folder_that_is_not_there_is_said_by_the_parameters_name(
    play: Any, project: Path, target: Path, parameter: str
) -> None:
    with pytest.raises(NotADirectoryError, match=rf"^{parameter}: .*nowhere is not a folder"):
        play(archive_folder, **{"folder": project, "target": target, parameter: project / "nowhere"})


class Clock:
    """Time that passes only when somebody sleeps; `changes` are times at which the folder is written to."""

    def __init__(self, folder: Path, changes: list[float]) -> None:
        self.at = 1_000.0
        self.folder = folder
        self.changes = changes

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        for change in [change for change in self.changes if change <= self.at]:
            os.utime(self.folder, (change, change))


class Listener:
    """Stands for the job where only messages are given."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.done = 0.0

    def message(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    folder = tmp_path / "busy"
    folder.mkdir()
    os.utime(folder, (1_000, 1_000))
    return folder


def wait(folder: Path, clock: Clock, quiet_s: float, patience_s: float) -> list[str]:
    listener: Any = Listener()
    wait_until_quiet(listener, folder, (), quiet_s, patience_s, clock.now, clock.sleep)
    return list(listener.said)


def test_it_waits_until_the_last_change_is_old_enough(busy: Path) -> None:
    clock = Clock(busy, changes=[1_001, 1_002, 1_003.5])
    said = wait(busy, clock, quiet_s=2, patience_s=60)
    assert 1_005.5 <= clock.at < 1_006
    assert said[0] == "Quiet for 0.0 of 2 s"


def test_a_folder_that_is_quiet_already_is_not_waited_for(busy: Path) -> None:
    os.utime(busy, (900, 900))
    clock = Clock(busy, changes=[])
    assert wait(busy, clock, quiet_s=2, patience_s=60) == []
    assert clock.at == 1_000


def test_a_date_in_the_future_does_not_make_it_wait_forever(busy: Path) -> None:
    os.utime(busy, (5_000, 5_000))
    assert wait(busy, Clock(busy, changes=[]), quiet_s=2, patience_s=60) == []


def test_its_patience_ends(busy: Path) -> None:
    clock = Clock(busy, changes=[1_000 + step / 4 for step in range(400)])
    with pytest.raises(TimeoutError, match=r"^folder: .*busy was still being changed after 10 s"):
        wait(busy, clock, quiet_s=2, patience_s=10)
