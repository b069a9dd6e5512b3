"""All rooms of a hub, and which of their lanes are due when. Pure; `now` in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

from hub.codec import Encoding
from hub.protocol import Filter
from hub.room import FEED, Lane, Member, Room
from hub.shown import Shown
from hub.view import LogEntry


class Rooms:
    """The rooms that have viewers, and the feed.

    Args:
        update_ms: least time between two frames to a visible viewer.
        hidden_ms: the same for a hidden one.

    Attributes:
        frames: handed to viewers so far, to be written or owed.
    """

    def __init__(self, update_ms: int, hidden_ms: int) -> None:
        self.update_ms = update_ms
        self.frames = 0
        self._hidden_ms = hidden_ms
        self._rooms: dict[str, Room] = {FEED: Room(FEED)}
        self._due: dict[Lane, Room] = {}
        self._urgent: set[Lane] = set()

    def viewers(self, topic: str) -> int:
        room = self._rooms.get(topic)
        return len(room) if room else 0

    def is_in(self, topic: str, member: object) -> bool:
        """Whether a viewer is in a topic's room."""
        room = self._rooms.get(topic)
        return room is not None and member in room

    def watching(self, job: str) -> int:
        """To how many places a change of this job would be sent: who is in the feed and in its room counts twice."""
        own = self._rooms.get(f"job:{job}")
        return len(self._rooms[FEED]) + (len(own) if own else 0)

    @property
    def occupied(self) -> dict[str, int]:
        """How many rooms have viewers: the feed's, and jobs'."""
        feed = bool(len(self._rooms[FEED]))
        return {"jobs": int(feed), "job": len(self._rooms) - 1}

    @property
    def subscriptions(self) -> dict[str, int]:
        """How many viewers are in the feed, and in the rooms of jobs."""
        feed = len(self._rooms[FEED])
        return {"jobs": feed, "job": sum(map(len, self._rooms.values())) - feed}

    def members(self, topic: str) -> Iterator[tuple[Encoding, Member]]:
        """Everybody in a room, with their encoding."""
        room = self._rooms.get(topic)
        for lane in list(room.lanes.values()) if room else []:
            for member in list(lane.members):
                yield lane.key.encoding, member

    def join(self, topic: str, member: Member, encoding: Encoding, filter_: Filter | None, *, slow: bool) -> Lane:
        room = self._rooms.get(topic) or self._rooms.setdefault(topic, Room(topic))
        return room.join(member, encoding, filter_, slow=slow)

    def leave(self, topic: str, member: Member) -> None:
        room = self._rooms.get(topic)
        if room is None:
            return
        room.leave(member)
        if not len(room) and topic != FEED:
            del self._rooms[topic]

    def repace(self, topic: str, member: Member, encoding: Encoding, *, slow: bool) -> None:
        """A viewer's tab was hidden or shown: it changes lanes, with its filter."""
        room = self._rooms.get(topic)
        if room is not None and member in room:
            lane = room.repace(member, encoding, slow=slow)
            if lane.due:
                self._due[lane] = room

    def filter_of(self, topic: str, member: Member) -> Filter | None:
        """The filter a viewer joined a topic with."""
        room = self._rooms.get(topic)
        return room.filter_of(member) if room else None

    def change(self, shown: Shown, *, phases: bool, whole: bool, urgent: bool = False) -> None:
        """A newer version of a job is to be told; an urgent one with the next flush, to hidden viewers too."""
        for room in self._of(shown.id):
            room.change(shown, phases=phases, whole=whole)
            self._due.update((lane, room) for lane in room.lanes.values() if lane.due)
            if urgent:
                self._urgent.update(room.lanes.values())

    def log(self, job: str, entries: list[LogEntry]) -> None:
        room = self._rooms.get(f"job:{job}")
        if room is not None and entries:
            room.log(job, entries)

    def remove(self, job: str) -> None:
        """A job was deleted: say so and close its room."""
        for room in self._of(job):
            for lane in list(room.lanes.values()):
                frame = lane.remove(job)
                if frame is not None:
                    self.frames += len(lane.members)
                    for member in list(lane.members):
                        member.take(room.topic, frame, [job])
        self._rooms.pop(f"job:{job}", None)

    def flush(self, now: int, *, urgent: bool) -> int | None:
        """Send what is due.

        Args:
            now: milliseconds.
            urgent: a status changed: do not wait for the pace.

        Returns:
            when the next lane is due, or None.
        """
        later: int | None = None
        for lane, room in list(self._due.items()):
            at = lane.flushed_at + (self._hidden_ms if lane.key.slow else self.update_ms)
            hurries = lane in self._urgent or (urgent and not lane.key.slow)
            if at <= now or hurries or not lane.members:
                del self._due[lane]
                self.frames += room.flush(lane, now)
            else:
                later = at if later is None else min(later, at)
        self._urgent.clear()
        return later

    def _of(self, job: str) -> list[Room]:
        own = self._rooms.get(f"job:{job}")
        return [self._rooms[FEED], own] if own else [self._rooms[FEED]]
