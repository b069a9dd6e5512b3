"""What programs print, recorded from the real ones in a terminal of 80 columns, read as progress.

The files in `recorded` are of rsync 3.5, curl 7.88, wget 1.21, pip 26.3, apt 2.6, git 2.39, ffmpeg 5.1, pytest 9.2 and
tqdm 4.70; of long ones some of the middle is left out. The lines of `docker pull` are from its documentation.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hub.errors import Invalid
from workers.patterns import LENGTH, Patterns
from workers.printed import Printed
from workers.programs import is_bar
from workers.reading import Reading, number

RECORDED = Path(__file__).parent / "recorded"


def readings(name: str) -> list[Reading]:
    """What a recording says, each once."""
    printed, patterns = Printed(), Patterns()
    pieces, _ = printed.feed((RECORDED / f"{name}.raw").read_bytes())
    found = [reading for piece in [*pieces, printed.rest] if (reading := patterns.read(piece)) is not None]
    return [one for one, before in zip(found, [None, *found], strict=False) if one != before]


def figures(name: str) -> list[tuple[object, object, object]]:
    return [(one.done, one.total, one.unit) for one in readings(name)]


def read(*lines: str, own: tuple[str, ...] = ()) -> Reading | None:
    """What the last of some lines says."""
    patterns = Patterns(own)
    return [patterns.read(line) for line in lines][-1]


def test_rsync_of_the_whole_counts_in_percent() -> None:
    assert [one.done for one in readings("rsync-progress2")][:5] == [0, 43, 59, 87, 99]
    assert readings("rsync-progress2")[1] == Reading(
        done=43, total=100, unit="%", message="43,974,656 bytes, 40.06MB/s"
    )


def test_rsync_of_each_file_counts_the_files() -> None:
    assert figures("rsync-progress")[1:] == [(n, 8, "files") for n in range(2, 9)]


def test_curl_counts_bytes() -> None:
    assert figures("curl") == [
        (0, None, "bytes"),
        *((done, 59978547, "bytes") for done in (9345024, 29989273, 50646220, 59978547)),
    ]


def test_the_bar_of_curl_counts_in_percent() -> None:
    assert figures("curl-bar") == [(done, 100, "%") for done in (16.8, 34.1, 51.3, 68.5, 85.8, 100)]


def test_wget_counts_bytes_of_the_length_that_it_said_before() -> None:
    assert figures("wget")[:2] == [(0, 60_000_000, "bytes"), (6_668_943, 60_000_000, "bytes")]
    assert figures("wget")[-1] == (60_000_000, 60_000_000, "bytes")


def test_wget_without_a_terminal_counts_in_percent() -> None:
    assert figures("wget-dots") == [(0, 100, "%"), (99, 100, "%"), (100, 100, "%")]


def test_wget_counts_bytes_where_nobody_knows_the_length() -> None:
    assert read("page.html     [   <=>     ]   4.09M  20.0MB/s    in 0.2s") == Reading(done=4288675, unit="bytes")


def test_pip_counts_bytes() -> None:
    assert figures("pip") == [(0, 16_900_000, "bytes"), (16_900_000, 16_900_000, "bytes")]
    assert read("   ━━━━━━━╸━━━━ 3/5 [numpy]") == Reading(done=3, total=5, unit="packages")


def test_apt_downloads_and_its_lists_count_for_nothing() -> None:
    assert {one.phase for one in readings("apt")} == {"Downloading"}
    assert [one.done for one in readings("apt")] == [0, 5, 100]
    assert read("Reading package lists... 93%") is None


def test_apt_installs_after_it_has_downloaded() -> None:
    found = [(one.phase, one.done) for one in readings("dpkg")]
    assert [done for phase, done in found if phase == "Installing"] == [0, 20, 40, 60, 80]
    assert found[-1] == ("Installing", 80)


def test_git_counts_in_phases() -> None:
    found = readings("git")
    assert list(dict.fromkeys(one.phase for one in found)) == ["Counting objects", "Receiving objects"]
    assert found[-1] == Reading(done=402, total=402, unit="objects", phase="Receiving objects")
    resolving = read("Resolving deltas:  45% (45/100), completed with 3 local objects.")
    assert resolving == Reading(done=45, total=100, unit="deltas", phase="Resolving deltas")


def test_ffmpeg_counts_the_time_of_its_input() -> None:
    assert figures("ffmpeg") == [(done, 20.0, "s") for done in (0.03, 5.86, 12.63, 20.0)]


def test_ffmpeg_counts_frames_where_the_input_has_no_duration() -> None:
    assert figures("ffmpeg-endless") == [(done, None, "frames") for done in (1, 242, 504, 600)]
    assert read("size=     256kB time=00:00:12.00 bitrate= 174kbits/s speed=24x") is None


def test_pytest_counts_in_percent() -> None:
    assert figures("pytest") == [(50, 100, "%"), (100, 100, "%")]
    assert read("[gw1] [ 45%] PASSED tests/test_a.py::test_b") == Reading(done=45, total=100, unit="%")


def test_the_text_of_tqdm_counts_what_it_says() -> None:
    found = readings("tqdm")
    assert found[1] == Reading(done=5, total=30, message="Outer")
    assert Reading(done=606_000, total=3_000_000, unit="B") in found
    assert Reading(done=15) in found
    assert is_bar("Outer:  17%|██      | 5/30 [00:00<00:00, 49.41it/s]")
    assert not is_bar("took 3/30 [00:00]")


def test_docker_counts_layers() -> None:
    patterns = Patterns()
    lines = [
        "latest: Pulling from library/ubuntu",
        "6e3729cf69e0: Pulling fs layer",
        "e5c3f8c317dc: Waiting",
        "6e3729cf69e0: Downloading [===============>          ]  15.72MB/31.44MB",
        "6e3729cf69e0: Verifying Checksum",
        "6e3729cf69e0: Download complete",
        "6e3729cf69e0: Extracting [=========================>]  31.44MB/31.44MB",
        "6e3729cf69e0: Pull complete",
        "e5c3f8c317dc: Already exists",
        "Digest: sha256:27cb6e6ccef575a4698b66f5de06c7ecd61589132d5a91d098f7f3f9285415a9",
    ]
    found = [patterns.read(line) for line in lines]
    assert [one and one.done for one in found] == [None, 0, 0, 12, 25, 25, 50, 50, 100, None]
    assert found[-2] == Reading(done=100, total=100, unit="%", message="2 of 2 layers")


def test_docker_minds_no_more_layers_than_an_image_can_have() -> None:
    patterns = Patterns()
    found = [patterns.read(f"{n:012x}: Pull complete") for n in range(600)]
    assert found[-1] is None


@pytest.mark.parametrize(
    ("line", "done", "total"),
    [
        ("Compressing… 45%", 45, 100),
        ("45.5 % done", 45.5, 100),
        ("[12/345] cc main.o", 12, 345),
        ("Epoch 3/10", 3, 10),
        ("step 7 of 20.", 7, 20),
        ("File 450/1000 (45%)", 450, 1000),
        ("file 3/10, 80%", 80, 100),
    ],
)
def test_any_program_may_say_a_percentage_or_n_of_m(line: str, done: float, total: int) -> None:
    reading = read(line)
    assert reading is not None
    assert (reading.done, reading.total) == (done, total)


@pytest.mark.parametrize(
    "line",
    ["", "2026/11/22 08:00", "src/3/7/main.c", "open 24/7", "half is 1/1", "120%", "v1.45%", "100%free", "-5%", "0/0"],
)
def test_what_only_looks_like_progress_is_none(line: str) -> None:
    assert read(line) is None


def test_once_a_program_is_known_its_other_lines_mean_nothing() -> None:
    assert read("a.py ....  [ 50%]", "coverage is 93%") is None


def test_a_pattern_of_ones_own_replaces_the_others() -> None:
    own = (r"chunk (?P<done>\S+) / (?P<total>\S+) (?P<unit>\w+)", r"at (?P<percent>[\d.]+ ?%?)")
    assert read("chunk 1,234 / 2.5k rows", own=own) == Reading(done=1234, total=2500, unit="rows")
    assert read("at 12.5%", own=own) == Reading(done=12.5, total=100, unit="%")
    assert read("45%", own=own) is None
    assert read("at %", own=(r"at (?P<percent>.)",)) is None
    assert read("n=5", own=(r"n=(?P<done>\d)",)) == Reading(done=5)
    assert read("n=6/5", own=(r"n=(?P<done>\d)/(?P<total>\d)",)) is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("(", "regular expression"), (r"(\d+)%", "a group"), ("(?P<done>a)" * 100, "at most")],
)
def test_a_pattern_that_can_say_nothing_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        Patterns((pattern,))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234", 1234), ("12.3M", 12_300_000), ("45.5 MiB", 47_710_208), ("2kB", 2000), ("7", 7), ("0.25", 0.25),
        ("1.2.3", None), ("many", None), ("9E", None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text: str, value: float | None) -> None:
    assert number(text) == value


CRUEL = [
    "1" * LENGTH, "1," * LENGTH, " " * LENGTH + "x", "1 " * LENGTH, "=" * LENGTH, "[" * LENGTH, "|" * LENGTH,
    "9%|" * LENGTH, "1/" * LENGTH, "a " * LENGTH + ":", "Aa " * LENGTH, "frame=1 " + "t" * LENGTH, "━ 1" * LENGTH,
    "9% " * LENGTH, "1%|" + "|" * LENGTH, "abcdef123456: " + "A " * LENGTH, "1.1." * LENGTH, "[=" * LENGTH,
    "  1 1k 1 1k 1 1k " * LENGTH, "1it [00:00" * LENGTH, " 1K " + ". " * LENGTH, "size= " + "time=" * LENGTH,
]  # fmt: skip


@pytest.mark.parametrize("line", CRUEL, ids=lambda line: line[:12])
def test_no_line_however_long_takes_long(line: str) -> None:
    """A hundred times what such a line takes: a pattern that backtracks would take minutes."""
    began = time.process_time()
    Patterns().read(line * 50)
    assert time.process_time() - began < 0.5
