"""The viewers of one topic (a job's, or the feed's), and what they are to be sent. Pure.

Viewers that are sent the same bytes stand in one lane: same encoding, same pace, same filter. A
lane's frame is built once. Each lane remembers the last seq it sent of each job, so that an
update's `from` proves to its readers that nothing was skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec
from msgspec import Struct

from hub.codec import Encoding, Frame, encode
from hub.protocol import Filter, Gone, Log
from hub.shown import Shown
from hub.view import JobView, LogEntry

FEED = "jobs"
TOLD_SOMEBODY = 0  # in place of a seq: some viewers of the lane know the job, and all are to be sent it whole
PIECE_BYTES = 48 * 1024  # a snapshot of many jobs comes in pieces, so that no client's limit is met


class LaneKey(NamedTuple):
    """What viewers must have in common to be sent the same bytes."""

    encoding: Encoding
    slow: bool
    filter: bytes


class Member(Protocol):
    """A viewer, as rooms see it."""

    def take(self, topic: str, frame: Frame, jobs: Iterable[str]) -> None:
        """Be sent a frame that tells of `jobs`, or be owed their newest state."""
        ...

    def take_log(self, job: str, frame: Frame, first: int) -> None:
        """Be sent entries of a job from number `first` on, or be owed them."""
        ...


class RawSnapshot(Struct, tag_field="type", tag="snapshot", omit_defaults=True):
    """`protocol.Snapshot` of jobs that are encoded already."""

    jobs: list[msgspec.Raw]
    end: bool = False


class RawUpdate(Struct, tag_field="type", tag="update"):
    """`protocol.Update` of jobs that are encoded already."""

    at: int
    jobs: list[msgspec.Raw]


def matches(filter_: Filter | None, job: JobView) -> bool:
    """Whether a job is one of those asked for: any of the statuses, any of the kinds, any of the tags."""
    if filter_ is None:
        return True
    tags = {f"{name}:{value}" for name, value in job.tags.items()} | set(job.tags)
    return (
        (not filter_.status or job.status in filter_.status)
        and (not filter_.kind or job.kind in filter_.kind)
        and (not filter_.tag or not tags.isdisjoint(filter_.tag))
    )


def snapshots(jobs: Iterable[Shown], encoding: Encoding, *, feed: bool, end: bool) -> Iterator[Frame]:
    """Snapshot frames of these jobs, each under about 48 KiB unless one job alone is larger."""
    piece: list[msgspec.Raw] = []
    size = 0
    for shown in jobs:
        raw = shown.whole(encoding, feed=feed)
        if piece and size + len(bytes(raw)) > PIECE_BYTES:
            yield Frame(encode(RawSnapshot(piece), encoding), encoding)
            piece, size = [], 0
        piece.append(raw)
        size += len(bytes(raw))
    if piece or end:
        yield Frame(encode(RawSnapshot(piece, end), encoding), encoding)


class Lane:
    """Viewers of one room that are sent the same bytes."""

    def __init__(self, topic: str, key: LaneKey, filter_: Filter | None) -> None:
        self.topic = topic
        self.key = key
        self.filter = filter_
        self.members: dict[Member, None] = {}
        self.flushed_at = 0
        self._sent: dict[str, int] = {}
        self._changed: dict[str, tuple[Shown, bool, bool]] = {}  # shown, phases, whole

    def knows(self, shown: Shown) -> None:
        """A viewer here was just sent this job whole."""
        self._sent.setdefault(shown.id, TOLD_SOMEBODY if shown.id in self._changed else shown.seq)

    def adopt(self, other: Lane) -> None:
        """A viewer came over from another lane of the same filter: what it missed there is told here."""
        for job in other._sent:
            self._sent.setdefault(job, TOLD_SOMEBODY)
        for job, (shown, phases, whole) in other._changed.items():
            if job in self._sent:
                self._sent[job] = min(self._sent[job], other._sent.get(job, TOLD_SOMEBODY))
            self.change(shown, phases=phases, whole=whole)

    @property
    def due(self) -> bool:
        return bool(self._changed)

    def change(self, shown: Shown, *, phases: bool, whole: bool) -> None:
        """A newer version of a job is to be sent with the next flush."""
        _, had_phases, had_whole = self._changed.get(shown.id, (shown, False, False))
        self._changed[shown.id] = (shown, phases or had_phases, whole or had_whole)

    def remove(self, job: str) -> Frame | None:
        """The job was deleted; the frame that says so, if this lane was ever told of it."""
        self._changed.pop(job, None)
        if self._sent.pop(job, None) is None:
            return None
        return Frame(encode(Gone(job=job, reason="deleted"), self.key.encoding), self.key.encoding)

    def flush(self, now: int) -> Iterator[tuple[Frame, list[str]]]:
        """The frames that are due, each with the jobs it tells of."""
        self.flushed_at = now
        changed, self._changed = self._changed, {}
        updates: list[msgspec.Raw] = []
        updated: list[str] = []
        for job, (shown, phases, whole) in changed.items():
            sent = self._sent.get(job)
            if not matches(self.filter, shown.view):
                if sent is not None:
                    del self._sent[job]
                    yield Frame(encode(Gone(job=job, reason="filtered"), self.key.encoding), self.key.encoding), [job]
                continue
            self._sent[job] = shown.seq
            if not sent or whole:
                raw = shown.whole(self.key.encoding, feed=self.topic == FEED)
                yield Frame(encode(RawSnapshot([raw]), self.key.encoding), self.key.encoding), [job]
            elif shown.seq > sent:
                updates.append(shown.update(self.key.encoding, sent + 1, phases=phases, feed=self.topic == FEED))
                updated.append(job)
        if updates:
            yield Frame(encode(RawUpdate(now, updates), self.key.encoding), self.key.encoding), updated


class Room:
    """The viewers of one topic.

    Args:
        topic: `jobs`, or `job:` and an id.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.lanes: dict[LaneKey, Lane] = {}
        self._lane_of: dict[Member, Lane] = {}

    def __len__(self) -> int:
        return len(self._lane_of)

    def __contains__(self, member: object) -> bool:
        return member in self._lane_of

    def join(self, member: Member, encoding: Encoding, filter_: Filter | None, *, slow: bool) -> Lane:
        """Put a viewer into its lane; one that is here already changes lanes."""
        self.leave(member)
        key = LaneKey(encoding, slow, b"" if filter_ is None else msgspec.msgpack.encode(filter_))
        lane = self.lanes.get(key) or self.lanes.setdefault(key, Lane(self.topic, key, filter_))
        lane.members[member] = None
        self._lane_of[member] = lane
        return lane

    def repace(self, member: Member, encoding: Encoding, *, slow: bool) -> Lane:
        """Put a viewer that is here into the lane of another pace, with its filter and what it is still owed."""
        before = self._lane_of[member]
        lane = self.join(member, encoding, before.filter, slow=slow)
        lane.adopt(before)
        return lane

    def leave(self, member: Member) -> None:
        lane = self._lane_of.pop(member, None)
        if lane is not None:
            del lane.members[member]
            if not lane.members:
                del self.lanes[lane.key]

    def filter_of(self, member: Member) -> Filter | None:
        """The filter a viewer joined with."""
        lane = self._lane_of.get(member)
        return lane.filter if lane else None

    def change(self, shown: Shown, *, phases: bool, whole: bool) -> None:
        """A newer version of a job is to be told to everybody here."""
        for lane in self.lanes.values():
            lane.change(shown, phases=phases, whole=whole)

    def log(self, job: str, entries: list[LogEntry]) -> None:
        """Tell everybody here of new entries, at once."""
        frames: dict[Encoding, Frame] = {}
        for key, lane in self.lanes.items():
            if key.encoding not in frames:
                frames[key.encoding] = Frame(encode(Log(job=job, entries=entries), key.encoding), key.encoding)
            for member in list(lane.members):
                member.take_log(job, frames[key.encoding], entries[0].n)

    def flush(self, lane: Lane, now: int) -> int:
        """Hand what is due in a lane to its viewers.

        Returns:
            how many frames that were, over all viewers.
        """
        frames = 0
        for frame, jobs in lane.flush(now):
            members = list(lane.members)
            frames += len(members)
            for member in members:
                member.take(self.topic, frame, jobs)
        return frames
