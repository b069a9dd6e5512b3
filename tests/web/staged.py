"""The page as the hub serves it, in front of a hub that says what the test says, at the time that the test sets.

Only files come from a real hub. The socket, the requests and the clock are the test's: nothing is waited for.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from playwright.async_api import BrowserContext, Error, Page, Request, Route, WebSocketRoute

from tests.serving import PATIENCE_S
from tests.web.answers import told
from tests.web.line import CALM, COUNTED, Line, feed_form
from tests.web.scenes import Scene
from tests.web.told import NOW, Job

EARLY_MS = 2_000  # a page is opened so long before `NOW`
BEAT_MS = 5_000
FRAME_MS = 50
STEADY = {"kind", "title", "params", "tags", "by", "created_at", "max_attempts", "typical", "attempts", "parent"}
ADDRESS = "http://127.0.0.1:8600"  # of the staged hub, whose files come from a real one at another


class Stage:
    """One page and all that it hears.

    Attributes:
        scene: what the hub knows.
        now_ms: the hub's clock, and the page's unless it was set wrong.
        reachable: by requests. `open_sockets`: whether a socket gets through. `deaf`: open sockets are silent.
        holds_back: subscriptions wait for `answer_held`.
        asked: each request of the page by method and path, in order.
        sockets: how many were opened.
    """

    def __init__(self, page: Page, site: str, scene: Scene) -> None:
        self.page = page
        self.site = site
        self.scene = scene
        self.now_ms = NOW - EARLY_MS
        self.epoch = "staged"
        self.reachable = self.socket_works = True
        self.deaf = False
        self.asked: list[tuple[str, str]] = []
        self.sockets = 0
        self.recovers = True
        self.holds_back = False
        self._held: list[tuple[Line, dict[str, Any]]] = []
        self.log_gap: dict[str, int] | None = None
        self.answers: dict[str, Callable[[Route], Awaitable[None]]] = {}
        self._lines: list[Line] = []
        self._waiting = 0
        self._quiet = asyncio.Event()
        self._news = asyncio.Event()

    @classmethod
    async def build(cls, context: BrowserContext, site: str, scene: Scene, ahead_ms: int = 0) -> Stage:
        """A page that has not been anywhere.

        Args:
            site: where a hub serves the page's files.
            ahead_ms: of the hub's clock, the page's.
        """
        stage = cls(await context.new_page(), site, scene)
        page = stage.page
        await page.add_init_script(CALM)
        await page.clock.install(time=(stage.now_ms + ahead_ms - 1_000) / 1_000)
        await page.clock.pause_at((stage.now_ms + ahead_ms) / 1_000)
        page.on("request", lambda request: stage._begun(request))
        for end in ("requestfinished", "requestfailed"):
            page.on(end, lambda request: stage._ended(request))
        await page.route(re.compile(f"{ADDRESS}/"), stage._serve)
        await page.route(re.compile(f"{ADDRESS}/api/"), stage._answer)
        await page.route_web_socket(re.compile(r"/ws$"), stage._connected)
        await page.add_init_script(COUNTED)  # after the line above, whose sockets it counts
        return stage

    async def open(self, path: str = "/") -> Page:
        """Go there, and on to `NOW`, when the hub tells of all jobs what they are then."""
        await self.page.goto(ADDRESS + path)
        await self.heard()
        await self.settle()
        await self.run(max(0, NOW - self.now_ms))
        for job in self.scene.jobs:
            self.change(job)
        await self.run(400)
        return self.page

    # ── Time ──────────────────────────────────────────────────────────────────

    async def run(self, ms: int) -> None:
        """Let the page's time go on; the hub gives signs of life."""
        while ms > 0:
            step = min(ms, BEAT_MS)
            await self._taken()
            await self.page.clock.run_for(step)
            self.now_ms += step
            ms -= step
            self.say(type="beat", at=self.now_ms)

    async def _taken(self) -> None:
        """Until the page has all that was said to it: only then its time may go on."""
        async with asyncio.timeout(PATIENCE_S):
            while self._lines and await self.page.evaluate("window.heard ?? 0") < self._lines[-1].sent:
                pass

    async def leap(self, ms: int) -> None:
        """The same, without living through it: each timer that is due goes off once."""
        await self.page.clock.fast_forward(ms)
        self.now_ms += ms

    async def settle(self) -> None:
        """Until everything that the page asked for was answered and painted."""
        rounds = 0
        while rounds < 2:
            seen = len(self.asked)
            await self.run(FRAME_MS)
            await self.answered()
            rounds = rounds + 1 if len(self.asked) == seen else 0

    async def answered(self) -> None:
        """Until no request is on its way."""
        await self.page.evaluate("0")
        while self._waiting:
            self._quiet.clear()
            await asyncio.wait_for(self._quiet.wait(), PATIENCE_S)
        await self.page.evaluate("0")

    async def heard(self) -> None:
        """Until the page follows what its address needs, or is not let in."""
        while not self._follows() and not self.scene.access:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), PATIENCE_S)

    async def asked_for(self) -> None:
        """Until the page subscribed, and waits."""
        while not self._held:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), PATIENCE_S)

    def answer_held(self) -> None:
        """What was held back."""
        self.holds_back = False
        for line, message in self._held:
            self._subscribe(line, message)

    def _follows(self) -> bool:
        found = re.search(r"/jobs/([^/?]+)$", self.page.url)
        wanted = {"jobs", f"job:{found.group(1)}"} if found else {"jobs"}
        return any(wanted <= line.topics for line in self._lines)

    # ── What the hub says ─────────────────────────────────────────────────────

    def say(self, **message: Any) -> None:
        """A message to every open socket."""
        if not self.deaf:
            for line in self._lines:
                line.send(message)

    def tell(self, *jobs: Job) -> None:
        """An update of these jobs, as they are in the scene."""
        self.say(type="update", at=self.now_ms, jobs=[self._change(job) for job in jobs])

    def change(self, job: Job, **values: Any) -> None:
        """Something of a job is different now, and said."""
        job.update(values, seq=job["seq"] + 1)
        self.tell(job)

    def announce(self, job: Job) -> None:
        """A job that is new, or went into another attempt."""
        if job not in self.scene.jobs:
            self.scene.jobs.append(job)
        self.say(type="snapshot", jobs=[feed_form(job)])

    def log(self, job: Job, entry: dict[str, Any]) -> None:
        self.scene.log.append(entry)
        self.say(type="log", job=job["id"], entries=[entry])

    def _change(self, job: Job) -> Job:
        moving = {name: value for name, value in job.items() if name not in STEADY and name != "result"}
        return {**moving, "from": job["seq"]}

    # ── What is done to the connection ────────────────────────────────────────

    async def cut(self, *, requests: bool = False) -> None:
        """All sockets end, and none gets through.

        Args:
            requests: they still get through.
        """
        self.socket_works, self.reachable = False, requests
        lines, self._lines = self._lines, []
        for line in lines:
            await line.route.close(code=1001)

    def mend(self) -> None:
        self.socket_works = self.reachable = True
        self.deaf = False

    # ── What the page hears ───────────────────────────────────────────────────

    async def _connected(self, route: WebSocketRoute) -> None:
        if not self.socket_works or self.scene.access:
            await route.close(code=1001)
            return
        self.sockets += 1
        line = Line(route)
        self._lines.append(line)
        route.on_message(lambda text: self._hear(line, json.loads(text)))
        route.on_close(lambda code, reason: self._left(line))

    def _left(self, line: Line) -> None:
        if line in self._lines:
            self._lines.remove(line)

    def _hear(self, line: Line, message: dict[str, Any]) -> None:
        if self.deaf:
            return
        if message["type"] == "hello":
            may = {"view": True, "control": True, "report": True, "tracebacks": True}
            line.send({"type": "welcome", "epoch": self.epoch, "at": self.now_ms, "version": "1", "may": may})
        elif message["type"] == "ping":
            line.send({"type": "pong", "id": message["id"], "at": self.now_ms})
        elif message["type"] == "subscribe" and self.holds_back:
            self._held.append((line, message))
            self._news.set()
        elif message["type"] == "subscribe":
            self._subscribe(line, message)
        elif message["type"] == "unsubscribe":
            line.topics.discard(message["topic"])

    def _subscribe(self, line: Line, message: dict[str, Any]) -> None:
        topic, job = message["topic"], self._job(message["topic"].removeprefix("job:"))
        answer = {"type": "subscribed", "id": message["id"], "topic": topic}
        if topic == "jobs":
            line.send({**answer, "recovered": False, "log_gap": None})
            line.send({"type": "snapshot", "jobs": [feed_form(one) for one in self.scene.jobs], "end": True})
            line.send({"type": "summary", **self.scene.summary})
        elif job is None:
            line.send({"type": "error", "id": message["id"], "code": "not_found", "message": "no such job"})
        else:
            since = message.get("since") or {"epoch": None, "log": 0}
            again = since["epoch"] is not None and self.recovers
            line.send({**answer, "recovered": again, "log_gap": self.log_gap})
            line.send({"type": "snapshot", "jobs": [job]})
            news = [one for one in self.scene.log if one["n"] > since["log"]]
            line.send({"type": "log", "job": job["id"], "entries": news})
        line.topics.add(topic)
        self._news.set()

    def _job(self, id_: str) -> Job | None:
        return next((job for job in self.scene.jobs if job["id"] == id_), None)

    # ── What the page asks ────────────────────────────────────────────────────

    def _begun(self, request: Request) -> None:
        self._waiting += 1
        if "/api/" in request.url:
            self.asked.append((request.method, request.url.removeprefix(ADDRESS)))

    def _ended(self, _: Request) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._quiet.set()

    async def _serve(self, route: Route) -> None:
        if not self.reachable:
            await route.abort()
            return
        with suppress(Error):  # a page that is closed meanwhile needs no file
            answer = await route.fetch(url=route.request.url.replace(ADDRESS, self.site), headers={})
            await route.fulfill(response=answer)

    async def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(ADDRESS).partition("?")[0]
        if not self.reachable or path.endswith("/stream"):
            await route.abort()
        elif self.scene.access:
            await route.fulfill(status=self.scene.access, json={"title": "No"})
        elif path in self.answers:
            await self.answers[path](route)
        else:
            await route.fulfill(json=told(self.scene, self.log_gap, path, route.request.url))
