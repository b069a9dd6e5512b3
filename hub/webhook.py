"""Tells a webhook of jobs that stall, are lost or end: at least once each, in order within a job, in nobody's way.

A notice is stored with the change that it tells of, and one task of its own sends what is stored: nothing else ever
waits for a receiver. What one does not take is tried again with full jitter, of each job the oldest first, over
restarts, too, until it is delivered or given up.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress

from hub.backoff import chance, full_jitter_ms
from hub.errors import StoreError
from hub.held import Held
from hub.hub import Hub
from hub.notice import notices, verdict
from hub.receiver import Answer, Receiver
from hub.rows import NoticeRow, Tried, Write
from hub.settings import Settings
from hub.shown import view_of
from hub.signing import Secret, headers
from hub.state import Change, job_id
from hub.view import JobView

LOG = logging.getLogger("barcast.webhook")
LONGEST_S = 60.0  # between two looks at what waits; what is new is seen at once
TRIMMED_AT_ONCE = 100  # in one commit, during which others wait


class Webhook:
    """The sender of one hub's notices.

    Args:
        hub: whose jobs; it asks for what is to be told of each change from now on.
        secrets: the notices are signed with each.

    Attributes:
        delivered, failed, given_up: notices that were taken, tries that failed, and notices that nobody took in the
            end, since the hub started.
        waiting: those that are stored and neither delivered nor given up, when that was last looked at.
    """

    def __init__(self, hub: Hub, secrets: tuple[Secret, ...]) -> None:
        self.delivered = self.failed = self.given_up = self.waiting = 0
        self._hub = hub
        self._store = hub.store
        self._secrets = secrets
        self._settings: Settings = hub.settings
        self._wanted = frozenset(hub.settings.webhook_events.split())
        self._receiver = Receiver(hub.settings.webhook_url, hub.settings.webhook_timeout_s)
        self._wake = asyncio.Event()
        self._failing = self._full = False  # each is said once
        hub.notices = self._notices

    # ── What is told ──────────────────────────────────────────────────────────

    def _notices(self, held: Held, change: Change) -> list[NoticeRow]:
        """What is stored with a change; the sender looks at it behind its commit."""
        hub = self._hub

        def view() -> JobView:
            return view_of(held.job, hub.around(held), hub.clock())

        told = notices(change, self._wanted, view, lambda: f"msg_{job_id(hub.clock(), os.urandom(10))}")
        if told:
            self._wake.set()
        return told

    # ── Sending ───────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Send what waits, and what comes, until cancelled or until the receiver wants nothing any more."""
        try:
            while (wait_s := await self._turn()) is not None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait_s)
        finally:
            await self._receiver.close()

    async def _turn(self) -> float | None:
        """Send the next notice if it is due; the seconds to wait then, None for no further turn."""
        self._wake.clear()
        try:
            await self._store.flush()  # what woke us is stored behind what it tells of
            await self._trim()
            notice = await self._store.next_notice()
            if notice is None:
                return LONGEST_S
            wait_s = (notice.next_at - self._hub.clock()) / 1000
            return min(wait_s, LONGEST_S) if wait_s > 0 else await self._send(notice)
        except StoreError as error:
            LOG.warning("notices wait: %s", error)
            return self._settings.webhook_backoff_s

    async def _trim(self) -> None:
        """Beyond `webhook_waiting` the oldest are given up: news is worth more."""
        self.waiting = await self._store.notices_waiting()
        while (excess := self.waiting - self._settings.webhook_waiting) > 0:
            oldest = await self._store.oldest_notices(min(excess, TRIMMED_AT_ONCE))
            await self._store_tried([Tried(id=one, given_up_at=self._hub.clock()) for one in oldest])
            self.given_up += len(oldest)
            self.waiting -= len(oldest)
            if not self._full:
                self._full = True
                LOG.error("more than %s notices wait; the oldest are given up", self._settings.webhook_waiting)

    async def _send(self, notice: NoticeRow) -> float | None:
        at_s = self._hub.clock() // 1000
        answer = await self._receiver.post(notice.body, headers(self._secrets, notice.id, at_s, notice.body))
        match verdict(answer.status):
            case "delivered":
                await self._took(notice)
            case "gone":
                await self._stop(notice, answer)
                return None
            case "again":
                await self._again(notice, answer)
        return 0.0

    async def _took(self, notice: NoticeRow) -> None:
        await self._store_tried([Tried(id=notice.id, delivered=True)])
        self.delivered += 1
        self._full = False
        if self._failing:
            self._failing = False
            LOG.warning("the webhook's receiver at %s takes notices again", self._receiver.name)

    async def _again(self, notice: NoticeRow, answer: Answer) -> None:
        """Later, or never."""
        self.failed += 1
        if not self._failing:
            self._failing = True
            LOG.warning("the webhook's receiver at %s took no notice: %s", self._receiver.name, answer.why)
        settings, now, tries = self._settings, self._hub.clock(), notice.tries + 1
        if tries >= settings.webhook_tries or now - notice.at >= settings.webhook_give_up_s * 1000:
            await self._give_up(notice, answer, tries)
            return
        luck = chance(notice.id, tries)
        wait_ms = full_jitter_ms(settings.webhook_backoff_s, settings.webhook_backoff_max_s, tries, luck)
        asked_ms = round(min(answer.wait_s, settings.webhook_backoff_max_s) * 1000)
        again = Tried(id=notice.id, job=notice.job, tries=tries, next_at=now + max(wait_ms, asked_ms))
        await self._store_tried([again])

    async def _give_up(self, notice: NoticeRow, answer: Answer, tries: int) -> None:
        now = self._hub.clock()
        await self._store_tried([Tried(id=notice.id, tries=tries, next_at=now, given_up_at=now)])
        self.given_up += 1
        about = {"job": notice.job}
        LOG.error("notice %s is given up after %s tries: %s", notice.id, tries, answer.why, extra=about)

    async def _stop(self, notice: NoticeRow, answer: Answer) -> None:
        """Nothing further is stored or sent before the hub is started anew; what waits is kept until then."""
        self._hub.notices = lambda held, change: []
        LOG.error(
            "the webhook's receiver at %s is gone (%s): it is told nothing any more", self._receiver.name, answer.status
        )
        await self._give_up(notice, answer, notice.tries + 1)

    async def _store_tried(self, tried: list[Tried]) -> None:
        """Remember what became of notices; returns once that is stored, so that the next look sees it."""
        self._store.submit(Write(job_id="notices", tried=tried), _nothing)
        await self._store.flush()


def _nothing() -> None:
    """What is waited for is the flush."""
