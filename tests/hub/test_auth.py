"""Who is let in: names, origins, tokens."""

from __future__ import annotations

import pytest

from hub.auth import (
    Foreign,
    check_embedded,
    check_fetch,
    check_host,
    check_origin,
    check_token,
    host_name,
    is_loopback,
    report_token,
    token_of,
    worker_token,
)
from hub.errors import Forbidden, Unauthenticated

SECRET = b"s" * 32


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"])
def test_loopback_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.168.0.7", "example.org", "localhost.example.org"])
def test_nothing_else_is_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8600", "127.0.0.1:1", "[::1]", "[::1]:8600", "hub.lan:80"])
def test_our_own_names_are_let_in(host: str) -> None:
    check_host(host, {"hub.lan"})


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:8600", "localhost.evil.example", "::1", "localhost:8600:1", "127.0.0.1:x",
     "localhost@evil.example", "0.0.0.0"],
)  # fmt: skip
def test_a_foreign_host_is_refused(host: str | None) -> None:
    with pytest.raises(Foreign, match="Host") as caught:
        check_host(host)
    assert caught.value.status == 400


def test_a_hosts_port_is_not_its_name() -> None:
    assert [host_name(host) for host in ("A:1", "a", "[::1]", "[::1]:2", "a:b")] == ["a", "a", "[::1]", "[::1]", "a:b"]


def test_a_client_without_an_origin_is_no_browser() -> None:
    check_origin(None, "localhost:1", "http")


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://localhost:8600", "localhost:8600", "http"),
        ("http://localhost:8600", "LocalHost:8600", "ws"),
        ("https://hub.lan", "hub.lan", "https"),
        ("https://hub.lan", "hub.lan", "wss"),
    ],
)
def test_the_pages_own_origin_is_let_in(origin: str, host: str, scheme: str) -> None:
    check_origin(origin, host, scheme)


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example", "http://localhost", "http://localhost:86000", "https://localhost:8600",
     "http://localhost:8600@evil.example", "http://x@localhost:8600", "file://", "http://[", "http://a\u2100b"],
)  # fmt: skip
def test_another_origin_is_forbidden(origin: str) -> None:
    with pytest.raises(Forbidden, match="Origin"):
        check_origin(origin, "localhost:8600", "http")


def test_an_origin_without_a_host_is_forbidden() -> None:
    with pytest.raises(Forbidden):
        check_origin("http://localhost", None, "http")


WATCHED = (
    "/api/summary", "/api/jobs", "/api/jobs/x", "/api/jobs/x/log", "/api/jobs/x/samples", "/api/jobs/x/stream",
    "/api/stream", "/api/kinds", "/api/kinds/x/history", "/barcast.js", "/job-progress.js",
)  # fmt: skip
NOT_WATCHED = (
    "/", "/ws", "/jobs/x", "/page.js", "/web/page.js", "/web/barcast.js", "/metrics", "/healthz", "/openapi.json",
    "/api/jobs/x/traceback", "/api/jobs/x/stack", "/api/jobs/x/artifacts/log", "/api/jobs/x/artifacts/../log",
    "/api/jobs/x/cancel", "/api/jobs/", "/api/jobs/x/log/", "/api/jobs/x/log\n", "/api/kinds/x", "/barcastxjs", "",
)  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", WATCHED)
def test_a_page_that_may_watch_reads_what_watching_takes(method: str, path: str) -> None:
    check_embedded("https://shop.example", method, path)


@pytest.mark.parametrize("path", NOT_WATCHED)
def test_a_page_that_may_watch_reads_nothing_else(path: str) -> None:
    with pytest.raises(Forbidden, match="may watch jobs and nothing else"):
        check_embedded("https://shop.example", "GET", path)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "CONNECT"])
def test_a_page_that_may_watch_changes_nothing(method: str) -> None:
    for path in (*WATCHED, *NOT_WATCHED):
        with pytest.raises(Forbidden):
            check_embedded("https://shop.example", method, path)


def test_a_page_that_may_watch_opens_the_viewers_socket_alone() -> None:
    check_embedded("https://shop.example", None, "/ws")
    for path in ("/ws/worker", "/ws/", "/api/jobs"):
        with pytest.raises(Forbidden):
            check_embedded("https://shop.example", None, path)


@pytest.mark.parametrize(
    ("header", "token"),
    [(None, None), ("", None), ("Bearer", None), ("Bearer  ", None), ("Basic abc", None), ("Bearer abc", "abc"),
     ("bearer  abc ", "abc")],
)  # fmt: skip
def test_a_token_is_read_from_its_header(header: str | None, token: str | None) -> None:
    assert token_of(header) == token


def test_each_start_of_each_attempt_of_each_job_has_a_token_of_its_own() -> None:
    tokens = {
        worker_token(SECRET, "a", 1, 1), worker_token(SECRET, "a", 1, 2), worker_token(SECRET, "a", 2, 1),
        worker_token(SECRET, "b", 1, 1), worker_token(b"other", "a", 1, 1), report_token(SECRET, "a"),
        report_token(SECRET, "b"),
    }  # fmt: skip
    assert len(tokens) == 7
    assert worker_token(SECRET, "a", 1, 1) == worker_token(SECRET, "a", 1, 1)


def test_a_wrong_token_is_forbidden_even_where_none_is_needed() -> None:
    for needed in (True, False):
        with pytest.raises(Forbidden):
            check_token("é", "expected", needed=needed)
    check_token("expected", "expected", needed=True)


def test_a_missing_token_is_refused_only_where_it_is_needed() -> None:
    check_token(None, "expected", needed=False)
    with pytest.raises(Unauthenticated, match="got none"):
        check_token(None, "expected", needed=True)


@pytest.mark.parametrize(
    ("site", "mode", "allowed"),
    [
        (None, None, True),
        ("same-origin", "cors", True),
        ("none", "navigate", True),
        ("cross-site", "navigate", True),
        ("cross-site", "no-cors", False),
        ("same-site", "no-cors", False),
        ("same-site", None, False),
    ],
)
def test_what_another_sites_page_asks_for_without_an_origin_is_refused(
    site: str | None, mode: str | None, allowed: bool
) -> None:
    if allowed:
        check_fetch(site, mode)
        return
    with pytest.raises(Forbidden, match="another site's page"):
        check_fetch(site, mode)
