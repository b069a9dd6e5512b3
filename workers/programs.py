"""How programs that many people use print how far they are. Pure.

Every pattern is tried on at most 1,000 characters and has no repetition inside a repetition: no line takes long.
"""

from __future__ import annotations

import re

from workers.reading import BYTES, PERCENT, SIZE, Read, Reading, number, pair, percentage

LAYERS = 500  # of one `docker pull`

# ── Programs that remember nothing ────────────────────────────────────────────

CURL = re.compile(
    rf"^\s*\d{{1,3}}\s+({SIZE})\s+\d{{1,3}}\s+({SIZE})\s+\d{{1,3}}\s+({SIZE})\s+{SIZE}\s+{SIZE}\s+[\d:-]{{7,9}}\s"
)
PIP = re.compile(r"[━╸╺]\s+([\d.]{1,20})/([\d.]{1,20})(?: ([kMGT]?B|bytes)\b)?")
APT = re.compile(r"^(\d{1,3})% \[")
DPKG = re.compile(r"^Progress: \[ *(\d{1,3})%\]")
APT_LISTS = re.compile(r"^(?:Reading|Building) [a-z ]{1,40}\.\.\. ")
GIT = re.compile(
    r"^(?:remote: )?([A-Z][a-z]{1,20}(?: [a-z]{1,20})?(?: [a-z]{1,20})?): +\d{1,3}% \((\d{1,12})/(\d{1,12})\)"
)
PYTEST = re.compile(r"(?:^|\s)\[ *(\d{1,3})%\]$")
PYTEST_XDIST = re.compile(r"^\[gw\d{1,4}\] \[ *(\d{1,3})%\] ")
TQDM = re.compile(
    r"(\d{1,3})%\|[^|]{0,400}\| *([\d.]{1,16}[kMGTPE]?)/([\d.]{1,16}[kMGTPE]?)([A-Za-z]{0,12}) \[([^\]]{0,80})"
)
TQDM_ENDLESS = re.compile(r"(?:^|: )([\d.]{1,16}[kMGTPE]?)([A-Za-z]{1,12}) \[\d\d:\d\d[^\]]{0,80}/")
TQDM_RATE = re.compile(r", *[\d.?]{1,16}[kMGTPE]?([A-Za-z]{1,12})/s|s/([A-Za-z]{1,12})")


def curl(line: str) -> Reading | None:
    """What a line of `curl` says."""
    match = CURL.match(line)
    if match is None:
        return None
    total, received, sent = (number(text, 1024) for text in match.groups())
    return pair((received or 0) + (sent or 0), total or None, BYTES)


def pip(line: str) -> Reading | None:
    """What a line of `pip` says."""
    match = PIP.search(line)
    if match is None:
        return None
    done, total, unit = match.groups()
    if unit is None:
        return pair(number(done), number(total), "packages")
    return pair(number(f"{done} {unit}"), number(f"{total} {unit}"), BYTES)


def apt(line: str) -> Reading | None:
    """What a line of `apt` says."""
    for pattern, phase in ((APT, "Downloading"), (DPKG, "Installing")):
        if match := pattern.match(line):
            return pair(int(match[1]), 100, PERCENT, phase=phase)
    return None


def git(line: str) -> Reading | None:
    """What a line of `git` says."""
    match = GIT.match(line)
    return match and pair(int(match[2]), int(match[3]), match[1].rpartition(" ")[2].lower(), phase=match[1])


def pytest(line: str) -> Reading | None:
    """What a line of `pytest` says."""
    match = PYTEST.search(line) or PYTEST_XDIST.match(line)
    return match and percentage(match[1])


def tqdm(line: str) -> Reading | None:
    """What a line of `tqdm` says."""
    if match := TQDM.search(line):
        named = line[: match.start()].strip(" :") or None
        rate = TQDM_RATE.search(match[5])
        unit = match[4] or (rate and (rate[1] or rate[2]))
        return pair(number(match[2]), number(match[3]), _unit(unit), message=named)
    if match := TQDM_ENDLESS.search(line):
        return pair(number(match[1]), None, _unit(match[2]), message=line[: match.start()].strip(" :") or None)
    return None


def _unit(text: str | None) -> str | None:
    """What is counted; `it`, which tqdm says where it was not told, says nothing."""
    return None if text in (None, "it") else text


def is_bar(line: str) -> bool:
    """Whether a line is a bar as tqdm draws it."""
    return "[" in line and (TQDM.search(line) or TQDM_ENDLESS.search(line)) is not None


# ── Programs of which more than one line counts ───────────────────────────────

RSYNC = re.compile(
    rf"^\s*({SIZE})\s+(\d{{1,3}})%\s+(\S{{1,20}}/s)\s+[\d:]{{4,12}}"
    r"(?:\s+\(xfr#\d+, (to|ir)-chk=(\d{1,12})/(\d{1,12})\))?"
)
WGET_LENGTH = re.compile(r"^Length: (\d{1,16})(?: \(|$)")
WGET = re.compile(rf"(?:(\d{{1,3}})%)?\[[ <=+>]{{3,400}}\]\s+({SIZE})\s")
WGET_DOTS = re.compile(r"^\s*\d{1,12}[KM] [ ,.]{10,80}\s(\d{1,3})%")
FFMPEG_DURATION = re.compile(r"^\s*Duration: (\d{1,4}):(\d\d):(\d\d(?:\.\d{1,6})?), ")
FFMPEG = re.compile(r"^(?:frame= *(\d{1,12}) |size= ).{0,200}?\btime=(?:(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,6})?)|N/A)")
DOCKER = re.compile(
    r"^([0-9a-f]{12}): ([A-Z][A-Za-z ]{3,30}?)(?:\s+\[[=> ]{1,200}\]\s+([\d.]{1,12}[kMG]?B)/([\d.]{1,12}[kMG]?B))?$"
)
# What a layer has behind it once it says so: taking it counts for one half, unpacking for the other.
LAYER = {
    "Pulling fs layer": 0.0,
    "Waiting": 0.0,
    "Downloading": 0.0,
    "Verifying Checksum": 0.5,
    "Download complete": 0.5,
    "Extracting": 0.5,
    "Pull complete": 1.0,
    "Already exists": 1.0,
}


class Rsync:
    """With `--info=progress2` the percentage is of the whole; with `--progress` of one file, and `to-chk` counts."""

    def __init__(self) -> None:
        self._by_file = False

    def __call__(self, line: str) -> Reading | None:
        """What a line says."""
        match = RSYNC.match(line)
        if match is None:
            return None
        size, percent, rate, checked, left, files = match.groups()
        if checked == "to" and percent == "100" and left != "0":
            self._by_file = True
        if not self._by_file:
            return pair(int(percent), 100, PERCENT, message=f"{size} bytes, {rate}")
        if left is None:
            return None
        return pair(int(files) - int(left), int(files), "files")


class Wget:
    """The length stands before the bar; the bar's own numbers are rounded."""

    def __init__(self) -> None:
        self._length: int | None = None

    def __call__(self, line: str) -> Reading | None:
        """What a line says."""
        if match := WGET_LENGTH.match(line):
            self._length = int(match[1])
            return None
        if match := WGET.search(line):
            return self._bar(match[1], match[2])
        match = WGET_DOTS.match(line)
        return match and percentage(match[1])

    def _bar(self, percent: str | None, size: str) -> Reading | None:
        length = self._length if percent is not None else None
        if length is not None and percent == "100":
            return pair(length, length, BYTES)
        done = number(size, 1024)
        return pair(done if done is None or length is None else min(done, length), length, BYTES)


class Ffmpeg:
    """The time reached, of the longest input's duration; frames where no duration is known."""

    def __init__(self) -> None:
        self._duration_s = 0.0

    def __call__(self, line: str) -> Reading | None:
        """What a line says."""
        if match := FFMPEG_DURATION.match(line):
            self._duration_s = max(self._duration_s, _seconds(*match.groups()))
            return None
        match = FFMPEG.match(line)
        if match is None:
            return None
        frames, *reached = match.groups()
        if self._duration_s and reached[0] is not None:
            return pair(min(_seconds(*reached), self._duration_s), self._duration_s, "s")
        return None if frames is None else pair(int(frames), None, "frames")


def _seconds(hours: str, minutes: str, seconds: str) -> float:
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


class Docker:
    """`docker pull`: every layer has lines of its own."""

    def __init__(self) -> None:
        self._layers: dict[str, float] = {}

    def __call__(self, line: str) -> Reading | None:
        """What a line says."""
        match = DOCKER.match(line)
        if match is None or match[2] not in LAYER or (match[1] not in self._layers and len(self._layers) >= LAYERS):
            return None
        layer, what, done, total = match.groups()
        share = (number(done) or 0) / (number(total) or 1) / 2 if total else 0.0
        self._layers[layer] = LAYER[what] + min(share, 0.5)
        return self._all()

    def _all(self) -> Reading:
        shares = self._layers.values()
        whole = sum(share == 1 for share in shares)
        percent = int(100 * sum(shares) / len(shares))
        return Reading(done=percent, total=100, unit=PERCENT, message=f"{whole} of {len(shares)} layers")


def programs() -> list[Read]:
    """A reader for each, that remembers nothing yet."""
    return [tqdm, Rsync(), Wget(), curl, pip, apt, git, Docker(), Ffmpeg(), pytest]
