"""HTTP: start, list, control and read jobs, and report on them with nothing but `curl`."""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio.to_thread
import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from hub import auth
from hub.answers import body_of, decode, json_response, problem, same, whether, whole_number
from hub.errors import BarcastError, Invalid, NotFound, TooMany
from hub.held import Held
from hub.outside import REPORTS, Outside
from hub.protocol import AttemptMessage, HttpControl, HttpStart
from hub.rate import Allowances
from hub.resetting import is_stuck
from hub.rows import JobRow
from hub.service import Service
from hub.view import JobView, KindView, Status

Endpoint = Callable[[Request], Awaitable[Response]]
LIST_LIMIT, LIST_MOST = 50, 500
LOG_LIMIT, LOG_MOST = 200, 1_000
HISTORY_RUNS = 20
SANDBOX = {
    "content-security-policy": "sandbox; default-src 'none'; img-src data:; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


class Anything(Convertor[str]):
    """The rest of a path, line breaks and all: a name may hold what it likes."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", Anything())


class Api:
    """The HTTP endpoints of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._outside = Outside(service)
        limits = service.settings
        self._controls = Allowances(limits.requests_per_minute / 60, limits.requests_per_minute)
        self._reports = Allowances(limits.reports_per_s, limits.reports_per_s)

    def routes(self) -> list[Route]:
        """Every route but pages, streams and metrics."""
        one = "/api/jobs/{id}"
        return [
            self._route("/api/kinds", self.kinds),
            self._route("/api/kinds/{kind}/history", self.history),
            self._route("/api/summary", self.summary),
            self._route("/api/jobs", self.jobs),
            self._route("/api/jobs", self.start, "POST"),
            self._route(one, self.job),
            self._route(one, self.delete, "DELETE"),
            self._route(f"{one}/log", self.log),
            self._route(f"{one}/samples", self.samples),
            self._route(f"{one}/traceback", self.traceback),
            self._route(f"{one}/stack", self.stack),
            self._route(f"{one}/artifacts/{{name:anything}}", self.artifact),
            *[self._route(f"{one}/{verb}", self._control(verb), "POST") for verb in CONTROLS],
            *[self._route(f"{one}/{name}", self._report(type_), "POST") for name, type_ in REPORTS.items()],
        ]

    @staticmethod
    def _route(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request)
            except BarcastError as error:
                return problem(error)

        return Route(path, answered, methods=[method], name=f"{method} {path}")

    # ── Kinds ─────────────────────────────────────────────────────────────────

    async def kinds(self, request: Request) -> Response:
        return json_response({"kinds": [await self._kind(kind) for kind in sorted(self._service.runner.kinds)]})

    async def _kind(self, kind: str) -> KindView:
        info, past = self._service.runner.kinds[kind], await self._service.hub.past.of(kind)
        return KindView(
            kind=kind, title=info.title, doc=info.doc, params=info.params, cancel_note=info.cancel_note,
            retries=info.retries, timeout_s=info.timeout_s, concurrency=info.concurrency, priority=info.priority,
            typical=past.typical, stop_p50_s=past.stop_p50_s,
        )  # fmt: skip

    async def history(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        hub = self._service.hub
        runs = await hub.store.runs(kind, HISTORY_RUNS)
        if not runs and kind not in self._service.runner.kinds:
            raise NotFound("no such kind")
        past = await hub.past.of(kind)
        listed = [
            {"job": run.job, "status": run.status, "started_at": run.started_at, "elapsed_s": run.elapsed_s}
            for run in runs
        ]
        return json_response(
            {
                "runs": listed,
                "typical": past.typical,
                "phases": past.phases,
                "curve": past.curve,
                "stop_p50_s": past.stop_p50_s,
            }
        )

    async def summary(self, request: Request) -> Response:
        self._service.hub.traffic.polled["jobs"] += 1
        view = msgspec.to_builtins(self._service.hub.summary())
        return json_response({name: value for name, value in view.items() if name != "type"})

    # ── Jobs ──────────────────────────────────────────────────────────────────

    async def start(self, request: Request) -> Response:
        order = decode(await self._body(request), HttpStart)
        if order.external:  # said by work, at the pace of work: a task queue announces hundreds a second
            self._tell(request)
            view, made = await self._outside.open(order)
            return json_response(view, 201 if made else 200)
        self._count(request)
        held, made = await self._service.runner.start(order, by=None)
        return json_response(self._view(held), 201 if made else 200)

    async def jobs(self, request: Request) -> Response:
        query = request.query_params
        limit = whole_number(request, "limit", LIST_LIMIT, LIST_MOST)
        rows, cursor = await self._service.hub.store.jobs(
            status=statuses(query.getlist("status")),
            kind=query.getlist("kind"),
            tag=query.getlist("tag"),
            q=query.get("q", ""),
            limit=max(limit, 1),
            after=query.get("after"),
            parent=query.get("parent"),
            of=self._stuck() if whether(request, "stuck") else None,
        )
        views = [await self._listed(row) for row in rows]
        return json_response({"jobs": views, "next": cursor})

    def _stuck(self) -> list[str]:
        """What gets on is told by memory, where all unfinished jobs are."""
        return [shown.id for shown in self._service.hub.known() if is_stuck(shown)]

    async def _listed(self, row: JobRow) -> JobView:
        """What is in memory is newer than its row."""
        hub = self._service.hub
        return hub.shown_of(hub.jobs.get(row.id) or await hub.load(row)).view

    async def job(self, request: Request) -> Response:
        hub = self._service.hub
        shown = hub.shown_of(await self._find(request))
        hub.traffic.polled["job"] += 1
        etag = f'"{hub.epoch}-{shown.seq}"'
        if same(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers={"etag": etag})
        return json_response(shown.view, headers={"etag": etag})

    async def delete(self, request: Request) -> Response:
        self._count(request)
        await self._service.runner.household.delete(request.path_params["id"])
        return Response(status_code=204)

    def _control(self, verb: str) -> Endpoint:
        async def control(request: Request) -> Response:
            self._count(request)
            ask = decode(await self._body(request), HttpControl)
            held = await CONTROLS[verb](self._service, request.path_params["id"], ask)
            return json_response(self._view(held), 202)

        return control

    async def log(self, request: Request) -> Response:
        held = await self._find(request)
        store = self._service.hub.store
        after = whole_number(request, "after", 0)
        before = whole_number(request, "before", 0) or None
        limit = whole_number(request, "limit", LOG_LIMIT, LOG_MOST)
        entries = await store.entries(
            held.id, after=after, before=before, limit=max(limit, 1), newest=before is not None
        )
        return json_response({"entries": entries, "log_gap": await store.gap(held.id, after)})

    async def samples(self, request: Request) -> Response:
        held = await self._find(request)
        return json_response({"samples": await self._service.hub.store.samples(held.id)})

    async def traceback(self, request: Request) -> Response:
        held = await self._find(request)
        attempt = whole_number(request, "attempt", 0) or None
        kept = await self._service.hub.store.traceback(held.id, attempt)
        if kept is None:
            raise NotFound("no traceback is kept for this attempt")
        return json_response({"attempt": kept[0], "traceback": kept[1]})

    async def stack(self, request: Request) -> Response:
        self._count(request)
        return json_response(await self._service.runner.stacks.of(await self._find(request)))

    async def artifact(self, request: Request) -> Response:
        held = await self._find(request)
        row = await self._service.hub.store.artifact(held.id, request.path_params["name"])
        if row is None:
            raise NotFound("this job has no such artifact")
        if row.path is None:
            return RedirectResponse(row.url or "")
        if not await anyio.to_thread.run_sync(Path(row.path).is_file):
            raise NotFound("the file of this artifact is gone")
        media_type = mimetypes.guess_type(row.name)[0] or "application/octet-stream"
        name = Path(row.name).name
        return FileResponse(row.path, filename=name, media_type=media_type, headers=SANDBOX)

    # ── Reports over HTTP ─────────────────────────────────────────────────────

    def _report(self, type_: type[AttemptMessage]) -> Endpoint:
        async def report(request: Request) -> Response:
            self._tell(request)
            held = await self._find(request)
            self._outside.check(held, auth.token_of(request.headers.get("authorization")))
            return json_response(await self._outside.take(held, type_, await self._body(request)))

        return report

    # ── Parts ─────────────────────────────────────────────────────────────────

    async def _find(self, request: Request) -> Held:
        return await self._service.hub.find(request.path_params["id"])

    def _view(self, held: Held) -> JobView:
        return self._service.hub.shown_of(held).view

    async def _body(self, request: Request) -> bytes:
        return await body_of(request, self._service.settings.body_bytes)

    def _count(self, request: Request) -> None:
        """Hold one client to so many control calls a minute."""
        self._spend(self._controls, request, f"{self._service.settings.requests_per_minute} control calls a minute")

    def _tell(self, request: Request) -> None:
        """Hold one client to so many reports a second."""
        self._spend(self._reports, request, f"{self._service.settings.reports_per_s} reports a second")

    def _spend(self, allowances: Allowances, request: Request, most: str) -> None:
        client = request.client.host if request.client else ""
        if wait_s := allowances.wait_s(client, self._service.clock.now()):
            raise TooMany(f"expected at most {most}; the next in {wait_s:.1f} s", wait_s)


async def _cancel(service: Service, job: str, ask: HttpControl) -> Held:
    return await service.hub.cancel(job, None, ask.reason, force=ask.force)


async def _retry(service: Service, job: str, ask: HttpControl) -> Held:
    return await service.runner.retry(job, by=None)


async def _pause(service: Service, job: str, ask: HttpControl) -> Held:
    return await service.runner.pause(job, by=None)


async def _resume(service: Service, job: str, ask: HttpControl) -> Held:
    return await service.runner.resume(job, by=None)


async def _reset(service: Service, job: str, ask: HttpControl) -> Held:
    return await service.runner.reset(job, None, ask.reason, force=ask.force)


CONTROLS: dict[str, Callable[[Service, str, HttpControl], Awaitable[Held]]] = {
    "cancel": _cancel,
    "retry": _retry,
    "pause": _pause,
    "resume": _resume,
    "reset": _reset,
}


def statuses(names: list[str]) -> list[Status]:
    """Statuses by name.

    Raises:
        Invalid: one is not a status.
    """
    known = [status.value for status in Status]
    for name in names:
        if name not in known:
            raise Invalid(f"expected one of {', '.join(known)}, got {name[:40]!r}", "status")
    return [Status(name) for name in names]
