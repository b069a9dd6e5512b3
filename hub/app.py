"""The application: routes, sockets, pages and the service behind them."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from hub import auth, page
from hub.answers import json_response, problem
from hub.api import Api, Endpoint
from hub.codec import SUBPROTOCOLS, Encoding
from hub.describe import asyncapi, openapi
from hub.errors import HubError, Invalid, NotFound, PeerError, Unavailable
from hub.guard import Guard, add_headers, may_of
from hub.launch import Connect, Exited, Launcher
from hub.metrics import Metrics
from hub.outlet import outlet_of
from hub.service import Service
from hub.settings import Settings, load
from hub.signing import VARIABLE, secrets_of
from hub.stream import Stream
from hub.viewer import Viewer
from hub.worker import Worker
from workers.kinds import Kinds
from workers.launcher import LocalLauncher

LOG = logging.getLogger("barcast")
WEB = Path(__file__).resolve().parent.parent / "web"


class Barcast(Starlette):
    """The hub as a Starlette application; made by :func:`create_app`.

    Attributes:
        service: what runs behind it.
    """

    service: Service

    def running(self) -> AbstractAsyncContextManager[None]:
        """Run the hub inside this block; where the application is mounted in another one, in that one's lifespan."""
        return self.service.running()


def create_app(
    db: str | os.PathLike[str],
    modules: Sequence[str] = ("workers.examples",),
    *,
    settings: Settings | None = None,
    url: str | None = None,
    hosts: Sequence[str] = (),
) -> Barcast:
    """A hub as an ASGI application.

    Args:
        db: the SQLite file; made when missing.
        modules: where the kinds are: dotted names, or paths that end in `.py`.
        settings: limits; from `BARCAST_*` variables when left out.
        url: where child processes reach this application, such as `http://127.0.0.1:8000`; without it only
            kinds that run in the hub's own process can be started.
        hosts: names under which it may be asked, besides this machine's own.

    Raises:
        Invalid: a setting is wrong, or a webhook is set without a secret in BARCAST_WEBHOOK_SECRET.
        BarcastError: a module cannot be loaded, or holds no job; says which and why.
    """
    kinds = Kinds()
    for module in modules:
        kinds.load(module)

    limits = settings or load({}, os.environ)

    def make_launcher(connect: Connect, exited: Exited, address_file: Path) -> Launcher:
        return LocalLauncher(
            kinds,
            connect=connect,
            exited=exited,
            address_file=address_file,
            orphan_s=limits.orphan_s,
            beat_s=limits.beat_s,
        )

    secrets = secrets_of(os.environ.get(VARIABLE)) if limits.webhook_url else ()
    return application(Service(Path(db), limits, make_launcher, url, secrets), hosts)


def application(service: Service, hosts: Sequence[str] = ()) -> Barcast:
    """The application of a service.

    Args:
        service: runs as long as the application does.
        hosts: names under which it may be asked, besides this machine's own.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = Barcast(
        routes=routes(service),
        middleware=[
            Middleware(
                Guard,
                hosts=tuple(hosts),
                embeds=service.settings.embed_origins.split(),
                frames=service.settings.frame_origins.split(),
            )
        ],
        exception_handlers={HTTPException: _http_problem, Exception: _internal},
        lifespan=lifespan,
    )
    app.service = service
    return app


def routes(service: Service) -> list[Route | Mount | WebSocketRoute]:
    """Everything the hub answers to."""
    stream = Stream(service)
    return [
        WebSocketRoute("/ws", Socket(service, viewer_socket)),
        WebSocketRoute("/ws/worker", Socket(service, worker_socket)),
        *Api(service).routes(),
        Route("/api/stream", stream, methods=["GET"]),
        Route("/api/jobs/{id}/stream", stream, methods=["GET"]),
        Route("/healthz", _alive),
        Route("/readyz", _ready(service)),
        Route("/metrics", Metrics(service).read),
        Route("/openapi.json", _described(openapi)),
        Route("/asyncapi.json", _described(asyncapi)),
        *page.routes(WEB),
        Mount("/web", PageFiles(directory=WEB)),
    ]


class PageFiles(StaticFiles):
    """The page's sources, asked for each time whether they changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """As Starlette's, never taken from a cache unasked: after an upgrade old and new must not mix."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(page.FRESH)
        return response


async def _alive(request: Request) -> Response:
    return PlainTextResponse("ok\n")


def _ready(service: Service) -> Endpoint:
    async def ready(request: Request) -> Response:
        if not service.ready:
            return problem(Unavailable("not ready: the hub is stopping"))
        trouble = service.hub.store.trouble
        if trouble is not None:
            return problem(Unavailable(f"not ready: the database takes nothing at the moment ({trouble.cause})"))
        return PlainTextResponse("ok\n")

    return ready


def _described(describe: Callable[[], object]) -> Endpoint:
    async def described(request: Request) -> Response:
        return json_response(describe())

    return described


class WrongMethod(NotFound):
    """The address is ours, but it does not take this method."""

    status = 405


async def _http_problem(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such route, a method it does not take) as problems."""
    assert isinstance(error, HTTPException)
    if error.status_code != WrongMethod.status:
        return problem(NotFound("expected an address of this hub, got another one"))
    allowed = ", ".join(sorted(_methods(request))) or "GET, HEAD"
    response = problem(WrongMethod(f"expected {allowed}, got {request.method}"))
    response.headers["allow"] = allowed
    return response


def _methods(request: Request) -> set[str]:
    """What the address of a request takes, over all routes of it."""
    here = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in here if isinstance(route, Route) for method in route.methods or ()}


async def _internal(request: Request, error: Exception) -> Response:
    about = {"job": request.path_params.get("id")}
    LOG.error("failed at %s %s; a traceback follows", request.method, request.scope["path"], extra=about)
    response = problem(HubError("the hub failed at this; its log says more"))
    add_headers(response.headers, request.scope)  # it passes outside of the guard
    return response


# ── Sockets ───────────────────────────────────────────────────────────────────


def encoding_of(offered: Sequence[str]) -> tuple[str | None, Encoding]:
    """The subprotocol to accept, and its encoding.

    Raises:
        Invalid: some are offered, and none of them is ours.
    """
    if not offered:
        return None, "json"
    for name in offered:
        if name in SUBPROTOCOLS:
            return name, SUBPROTOCOLS[name]
    raise Invalid(f"expected one of {', '.join(SUBPROTOCOLS)}, got {', '.join(offered)[:80]}", "Sec-WebSocket-Protocol")


def _check_room(service: Service, sockets: set[Any], most: int) -> None:
    if not service.ready:
        raise Unavailable("the hub is stopping")
    if len(sockets) >= most:
        raise Unavailable(f"expected at most {most} sockets of this kind, and they are taken")


async def viewer_socket(service: Service, scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /ws`, from handshake to close."""
    subprotocol, encoding = encoding_of(scope["subprotocols"])
    hub = service.hub
    _check_room(service, hub.viewers, service.settings.viewers)
    viewer = Viewer(hub, service.runner, encoding, outlet_of(scope, send), send, may=may_of(scope))
    await _accept(subprotocol, receive, send)
    hub.viewers.add(viewer)
    hub.traffic.opened["socket"] += 1
    await viewer.run(receive)


async def worker_socket(service: Service, scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /ws/worker`, from handshake to close."""
    subprotocol, encoding = encoding_of(scope["subprotocols"])
    hub = service.hub
    _check_room(service, hub.workers, service.settings.workers)
    token = auth.token_of(Headers(scope=scope).get("authorization"))
    worker = Worker(service.runner, encoding, outlet_of(scope, send), send, token)
    await _accept(subprotocol, receive, send)
    hub.workers.add(worker)
    hub.traffic.opened["worker"] += 1
    await worker.run(receive)


async def _accept(subprotocol: str | None, receive: Receive, send: Send) -> None:
    await receive()  # `websocket.connect`, always the first
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})


class Socket:
    """A WebSocket endpoint as an ASGI application, so that nothing stands between the server and its session.

    Args:
        service: whose socket.
        serve: one of the two above.
    """

    def __init__(self, service: Service, serve: Callable[[Service, Scope, Receive, Send], Awaitable[None]]) -> None:
        self._service = service
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._serve(self._service, scope, receive, send)
        except (PeerError, HubError) as error:  # before the socket was accepted; a session answers its own
            await problem(error)(scope, receive, send)
