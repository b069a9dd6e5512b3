"""The page as browsers get it: packed and compressed, once, and asked for each time whether it changed."""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.answers import problem, same, takes_gzip
from hub.errors import Unpackable
from hub.packing import Read, Script, sheet

LOG = logging.getLogger("barcast")
FRESH = {"cache-control": "no-cache"}  # ask each time whether it changed: what belongs together must not mix
INDEX, SHEET = "index.html", "page.css"
PAGE, LATER = "page.js", "later.js"  # the second one is a part of the first
SCRIPTS = (PAGE, "barcast.js", "job-progress.js")  # the entries; the last two are for other sites' pages, too
PUBLIC = frozenset(f"/{script}" for script in SCRIPTS)
LINK = re.compile(r'<link rel="stylesheet" href="/web/([^"]+)">\n?')
SOURCE = 'src="/web/page.js"'


class Sources:
    """Files that something is made of.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamps: dict[str, tuple[int, int] | None] = {}

    def read(self, file: str) -> str:
        """The text of a file, by its path inside of the folder.

        Raises:
            OSError: it cannot be read.
        """
        self._stamps[file] = self._stamp(file)  # before it is read: a change meanwhile is seen the next time
        return (self._folder / file).read_text("utf-8")

    def changed(self) -> bool:
        """Whether one that was read is another now."""
        return any(self._stamp(file) != stamp for file, stamp in self._stamps.items())

    def _stamp(self, file: str) -> tuple[int, int] | None:
        try:
            status = (self._folder / file).stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_size


@dataclass(frozen=True)
class Packed:
    """Something ready to be sent, plain and compressed."""

    plain: bytes
    zipped: bytes
    digest: str

    @classmethod
    def of(cls, text: str) -> Packed:
        plain = text.encode()
        return cls(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:20])


class Pack:
    """One address of the page.

    Args:
        folder: of the sources.
        media_type: of what is sent.
        make: makes the text from what it reads.
    """

    def __init__(self, folder: Path, media_type: str, make: Callable[[Read], str]) -> None:
        self._folder = folder
        self._media_type = media_type
        self._make = make
        self._lock = Lock()
        self._kept: tuple[Sources, Packed] | None = None

    async def answer(self, request: Request) -> Response:
        """The endpoint."""
        try:
            packed = await anyio.to_thread.run_sync(self.packed)
        except Unpackable as error:
            LOG.warning("the page cannot be packed: %s", error)
            return problem(error)
        return self._sent(packed, request)

    def packed(self) -> Packed:
        """What was made last, unless a source has changed.

        Raises:
            Unpackable: a source is not as it has to be; names it and the line.
            OSError: a source cannot be read.
        """
        with self._lock:
            if self._kept is None or self._kept[0].changed():
                sources = Sources(self._folder)
                self._kept = sources, Packed.of(self._make(sources.read))
            return self._kept[1]

    def _sent(self, packed: Packed, request: Request) -> Response:
        zipped = takes_gzip(request.headers.get("accept-encoding", ""))
        etag = f'"{packed.digest}{"-gzip" if zipped else ""}"'
        headers = {**FRESH, "etag": etag, "vary": "accept-encoding"}
        if same(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        if zipped:
            headers["content-encoding"] = "gzip"
        return Response(packed.zipped if zipped else packed.plain, headers=headers, media_type=self._media_type)


def routes(folder: Path) -> list[Route]:
    """The page's addresses."""
    packs = packs_of(folder)
    return [*[Route(path, pack.answer) for path, pack in packs.items()], Route("/jobs/{id}", packs["/"].answer)]


def packs_of(folder: Path) -> dict[str, Pack]:
    """By address: the document, the style sheet, and a script for each entry that there is."""
    scripts = [entry for entry in SCRIPTS if (folder / entry).exists()]
    return {
        "/": Pack(folder, "text/html", document),
        f"/{SHEET}": Pack(folder, "text/css", styles),
        f"/{LATER}": Pack(folder, "text/javascript", later),
        **{f"/{entry}": Pack(folder, "text/javascript", _script(entry)) for entry in scripts},
    }


def _script(entry: str) -> Callable[[Read], str]:
    return lambda read: Script(read, entry).packed()


def later(read: Read) -> str:
    """What the page loads when its first view is there."""
    return Script(read, LATER, Script(read, PAGE)).packed()


def document(read: Read) -> str:
    """The page's document, with the packed sheet and script in place of the sources.

    Raises:
        Unpackable: it names no style sheets, or not the script.
    """
    text = read(INDEX)
    if SOURCE not in text or not LINK.search(text):
        raise Unpackable(INDEX, 1, f'expected {SOURCE} and <link rel="stylesheet" href="/web/…">')
    text = LINK.sub(f'<link rel="stylesheet" href="/{SHEET}">\n', text, count=1)
    return LINK.sub("", text).replace(SOURCE, 'src="/page.js"')


def styles(read: Read) -> str:
    """The style sheets that the document names, as one."""
    return sheet(read, LINK.findall(read(INDEX)))
