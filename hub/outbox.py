"""What one viewer is still owed: the newest state of some jobs, and log entries from a number on. Pure.

A viewer that cannot keep up is not queued for. What it missed is remembered as *which*, never as
*what*, so that what is sent later is the newest and the memory is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable

JOBS_OWED = 1_000  # above this the whole feed is as cheap to send again


class Outbox:
    """The debts toward one viewer."""

    __slots__ = ("_jobs", "logs", "whole_feed")

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, None]] = {}
        self.logs: dict[str, int] = {}
        self.whole_feed = False

    def __bool__(self) -> bool:
        return bool(self._jobs or self.logs or self.whole_feed)

    def owe(self, topic: str, job: str) -> None:
        """Remember that this viewer missed a newer state of `job` on `topic`."""
        if self.whole_feed and topic == "jobs":
            return
        jobs = self._jobs.setdefault(topic, {})
        jobs[job] = None
        if len(jobs) > JOBS_OWED:
            del self._jobs[topic]
            self.whole_feed = True

    def owe_log(self, job: str, after: int) -> None:
        """Remember that entries after number `after` are still to be sent; the earliest number counts."""
        self.logs[job] = min(after, self.logs.get(job, after))

    def forget(self, topic: str) -> None:
        """The viewer left a topic: nothing more is owed on it."""
        self._jobs.pop(topic, None)
        self.logs.pop(topic.removeprefix("job:"), None)
        if topic == "jobs":
            self.whole_feed = False

    def owes(self, topic: str, jobs: Iterable[str]) -> bool:
        """Whether any of these is owed: then an update of it would leave a hole until that is settled."""
        if self.whole_feed and topic == "jobs":
            return True
        owed = self._jobs.get(topic)
        return owed is not None and any(job in owed for job in jobs)

    def debts(self) -> list[tuple[str, str]]:
        """Topics and jobs whose newest state is due; each stays owed until it is settled."""
        return [(topic, job) for topic, jobs in self._jobs.items() for job in jobs]

    def settle(self, topic: str, job: str) -> None:
        """The newest state of this job was sent on this topic."""
        jobs = self._jobs.get(topic, {})
        jobs.pop(job, None)
        if not jobs:
            self._jobs.pop(topic, None)

    def take_feed(self) -> bool:
        """Whether the whole feed is due; it counts as sent from now on."""
        due, self.whole_feed = self.whole_feed, False
        return due
