"""A page of somebody else, on an origin of its own, that embeds a hub's bars."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TYPES = {".js": "text/javascript", ".html": "text/html; charset=utf-8"}


class Host:
    """Serves what it is given.

    Attributes:
        url: its address.
        files: path to content, text or a file's path; may be changed at any time.
    """

    def __init__(self, files: Mapping[str, str | Path]) -> None:
        self.files = dict(files)
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.answer(self)

            def log_message(self, *args: object) -> None:
                """Tests do not read it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """What stands at the path, without its query."""
        path = request.path.partition("?")[0]
        content = self.files.get(path)
        body = content.read_bytes() if isinstance(content, Path) else (content or "").encode()
        request.send_response(404 if content is None else 200)
        request.send_header("content-type", TYPES.get(Path(path).suffix, TYPES[".html"]))
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@contextmanager
def hosting(files: Mapping[str, str | Path]) -> Iterator[Host]:
    """A host that serves as long as the block lasts."""
    host = Host(files)
    thread = threading.Thread(target=host.server.serve_forever)
    thread.start()
    try:
        yield host
    finally:
        host.server.shutdown()
        host.server.server_close()
        thread.join()
