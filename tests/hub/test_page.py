"""The page as it is served: packed, compressed, and made anew when a source changes."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from hub.answers import takes_gzip
from hub.app import WEB
from hub.errors import Unpackable
from hub.packing import Read
from hub.page import PUBLIC, Pack, document, packs_of, routes, styles
from tests.hub.serving import Served

MOST_BYTES = 45_000  # what the first view is made of, as served: document, style sheet and script
PARTS = ("/", "/page.css", "/page.js")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page of its own."""
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="/web/a.css">\n<link rel="stylesheet" href="/web/b.css">\n'
        '<script type="module" src="/web/page.js"></script>\n'
    )
    (tmp_path / "a.css").write_text("a { color: red; }")
    (tmp_path / "b.css").write_text("b { color: red; }")
    (tmp_path / "page.js").write_text("import { a } from './a.js';\nconsole.log(a);")
    (tmp_path / "a.js").write_text("export const a = 'first';")
    (tmp_path / "later.js").write_text("import { a } from './a.js';\nexport const b = `later ${a}`;")
    return tmp_path


def asking(folder: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=routes(folder)))
    return httpx.AsyncClient(transport=transport, base_url="http://page", headers={"accept-encoding": "identity"})


def write(path: Path, text: str) -> None:
    """Write a file so that its time differs, however coarse the file system's clock."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before, before + 1_000_000_000))


async def test_the_document_names_one_sheet_and_one_script(folder: Path) -> None:
    async with asking(folder) as http:
        for path in ("/", "/jobs/any"):
            answer = await http.get(path)
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.text == (
                '<link rel="stylesheet" href="/page.css">\n<script type="module" src="/page.js"></script>\n'
            )


async def test_the_sheet_and_the_script_are_packed(folder: Path) -> None:
    async with asking(folder) as http:
        style, script = await http.get("/page.css"), await http.get("/page.js")
    assert (style.text, style.headers["content-type"]) == ("a{color:red}b{color:red}", "text/css; charset=utf-8")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "import" not in script.text
    assert '"first"' in script.text


async def test_what_is_loaded_later_takes_from_the_script_what_it_shares(folder: Path) -> None:
    write(folder / "page.js", "import { a } from './a.js';\nimport('./later.js').then(({ b }) => console.log(a, b));")
    async with asking(folder) as http:
        script, later = await http.get("/page.js"), await http.get("/later.js")
    assert "first" in script.text
    assert "first" not in later.text
    assert later.text.startswith('import{a$1}from"./page.js"')


async def test_only_entries_that_are_there_have_an_address(folder: Path) -> None:
    (folder / "barcast.js").write_text("export const a = 1;")
    async with asking(folder) as http:
        assert [(await http.get(path)).status_code for path in ("/barcast.js", "/job-progress.js")] == [200, 404]


async def test_whoever_takes_gzip_gets_it_with_an_etag_of_its_own(folder: Path) -> None:
    async with asking(folder) as http:
        plain = await http.get("/page.js")
        zipped = await http.get("/page.js", headers={"accept-encoding": "br, gzip;q=0.5"})
        assert (zipped.headers["content-encoding"], zipped.text) == ("gzip", plain.text)
        assert "content-encoding" not in plain.headers
        assert plain.headers["etag"] != zipped.headers["etag"]
        for answer in (plain, zipped):
            assert answer.headers["vary"] == "accept-encoding"
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["etag"].startswith('"')


async def test_what_is_known_is_not_sent_again(folder: Path) -> None:
    async with asking(folder) as http:
        for path in PARTS:
            etag = (await http.get(path)).headers["etag"]
            known = await http.get(path, headers={"if-none-match": f'"other", {etag}'})
            assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
            assert known.headers["vary"] == "accept-encoding"
            assert (await http.get(path, headers={"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [("", False), ("gzip", True), ("GZIP ; Q=1.0", True), ("br,deflate", False), ("gzip;q=0", False),
     ("gzip;q=0.000, br", False), ("br, gzip;q=0.1", True), ("x-gzip", False)],
)  # fmt: skip
def test_gzip_is_sent_to_those_who_say_so(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) is takes


# ── Made once, and anew ───────────────────────────────────────────────────────


def counted(folder: Path) -> tuple[Pack, list[str]]:
    made: list[str] = []

    def make(read: Read) -> str:
        made.append(read("a.js"))
        return made[-1]

    return Pack(folder, "text/plain", make), made


def test_it_is_made_once(folder: Path) -> None:
    pack, made = counted(folder)
    assert pack.packed() is pack.packed()
    assert len(made) == 1


def test_a_source_that_changes_is_packed_anew(folder: Path) -> None:
    pack, made = counted(folder)
    first = pack.packed()
    write(folder / "a.js", "export const a = 'other';")
    assert pack.packed().digest != first.digest
    assert len(made) == 2


def test_a_source_that_goes_is_missed_and_found_again(folder: Path) -> None:
    pack, _ = counted(folder)
    first = pack.packed()
    (folder / "a.js").rename(folder / "away.js")
    with pytest.raises(FileNotFoundError):
        pack.packed()
    (folder / "away.js").rename(folder / "a.js")
    assert pack.packed().digest == first.digest


async def test_what_cannot_be_packed_says_where_until_it_is_mended(folder: Path) -> None:
    async with asking(folder) as http:
        write(folder / "a.js", "\nexport default 1;")
        refused = await http.get("/page.js")
        assert refused.status_code == 500
        assert refused.json()["detail"].startswith("a.js:2: expected ")
        write(folder / "a.js", "export const a = 'mended';")
        assert "mended" in (await http.get("/page.js")).text


@pytest.mark.parametrize("wrong", ["", '<script src="/web/page.js">', '<link rel="stylesheet" href="/web/a.css">'])
def test_a_document_without_a_sheet_or_the_script_is_refused(wrong: str) -> None:
    with pytest.raises(Unpackable, match=r"index\.html:1: expected"):
        document(lambda file: wrong)


# ── The page itself ───────────────────────────────────────────────────────────


async def test_every_entry_is_served_beside_the_sources(hub: Served) -> None:
    there = [path for path in (*PARTS, *PUBLIC) if path == "/" or path == "/page.css" or (WEB / path[1:]).exists()]
    for path in there:
        answer = await hub.http.get(path)
        assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip"), path
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await hub.http.get("/web/page.js")).text == (WEB / "page.js").read_text()
    assert (await hub.http.get("/web/icon.svg")).headers["cache-control"] == "no-cache"


async def test_a_head_tells_what_a_get_would(hub: Served) -> None:
    told, sent = await hub.http.head("/page.js"), await hub.http.get("/page.js")
    assert told.content == b""
    assert {name: told.headers[name] for name in ("etag", "content-length")} == {
        name: sent.headers[name] for name in ("etag", "content-length")
    }


def test_the_first_view_weighs_less_than_is_allowed() -> None:
    packs = packs_of(WEB)
    sizes = {path: len(packs[path].packed().zipped) for path in (*PARTS, "/later.js")}
    first = sum(sizes[path] for path in PARTS)
    print(f"\n{first} of {MOST_BYTES} bytes, compressed, and {sizes['/later.js']} later: {sizes}")
    assert first < MOST_BYTES


def test_what_is_kept_compressed_is_what_is_kept_plain() -> None:
    packed = Pack(WEB, "text/css", styles).packed()
    assert gzip.decompress(packed.zipped) == packed.plain
