"""What is shipped: a wheel from a clean clone, installed elsewhere, serves the page with all its files."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from hub.page import packs_of
from tests.checkout import BUILD_S, ROOT, clone_into, environment, run

STOP_S = 10.0
IMPORT = re.compile(rb"""(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]""")
STYLE = re.compile(rb"""(?:@import\s+|url\()\s*['"]?([^'")\s]+)""")
TYPES = {".js": "javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the files that git knows or would take, and no others."""
    clone = tmp_path_factory.mktemp("clone")
    clone_into(clone)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", clone / "dist", cwd=clone)
    (built,) = (clone / "dist").glob("barcast-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `barcast` command of a fresh environment."""
    fresh = tmp_path_factory.mktemp("fresh") / "env"
    run(sys.executable, "-m", "venv", fresh, cwd=fresh.parent)
    run(fresh / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, cwd=fresh.parent)
    return fresh / "bin" / "barcast"


@contextmanager
def serving(command: Path, folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A hub's address and process; a hub that says no address is killed."""
    with subprocess.Popen(
        [command, "serve", "--port", "0"], cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        timer = threading.Timer(BUILD_S, process.kill)
        timer.start()
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("Barcast is at ").strip(), process
        finally:
            timer.cancel()
            if process.poll() is None:
                process.kill()


class References(HTMLParser):
    """What a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def references(url: str, body: bytes) -> list[str]:
    """Addresses that a file refers to."""
    suffix = Path(urlsplit(url).path).suffix
    if suffix == ".js":
        return [name.decode() for name in IMPORT.findall(body) if name.startswith((b".", b"/"))]
    if suffix == ".css":
        return [name.decode() for name in STYLE.findall(body) if not name.startswith((b"data:", b"#"))]
    if suffix in ("", ".html"):
        page = References()
        page.feed(body.decode())
        return page.found
    return []


def fetch(url: str) -> tuple[str, bytes]:
    """Content type and body."""
    with urllib.request.urlopen(url, timeout=STOP_S) as answer:
        return answer.headers["content-type"], answer.read()


def crawled(url: str, start: str) -> dict[str, tuple[str, bytes]]:
    """Every file that a document of the hub refers to, and those that these refer to; but for other pages."""
    found: dict[str, tuple[str, bytes]] = {}
    waiting = [f"{url}{start}"]
    seen = set(waiting)
    while waiting:
        address = waiting.pop()
        found[urlsplit(address).path] = fetch(address)
        for reference in references(address, found[urlsplit(address).path][1]):
            wanted = urljoin(address, reference)
            if Path(urlsplit(wanted).path).suffix in TYPES and wanted not in seen:
                seen.add(wanted)
                waiting.append(wanted)
    return found


def test_a_wheel_holds_three_packages_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        top = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"hub", "workers", "web"}


def test_a_wheel_installed_elsewhere_serves_the_whole_page_and_ends_with_0(installed: Path, tmp_path: Path) -> None:
    with serving(installed, tmp_path) as (url, process):
        assert fetch(f"{url}/healthz")[1] == b"ok\n"
        page, sources = crawled(url, "/"), crawled(url, "/web/index.html")
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0
    assert page.pop("/")[0].startswith("text/html")
    packed = {path: pack.packed().plain for path, pack in packs_of(ROOT / "web").items()}
    assert {path: page[path][1] for path in ("/page.js", "/page.css")}.items() <= packed.items()
    assert len(sources) > 20, sorted(sources)
    for path, (media_type, body) in sources.items():
        assert body == (ROOT / path.lstrip("/")).read_bytes(), path
        assert TYPES[Path(path).suffix] in media_type, path


def test_a_wheel_installed_elsewhere_has_its_version_and_examples(installed: Path, tmp_path: Path) -> None:
    assert re.fullmatch(r"barcast, version \d+\.\d+\.\d+\S*\n", run(installed, "--version", cwd=tmp_path))
    with serving(installed, tmp_path) as (url, process):
        listed = run(installed, "kinds", "--url", url, cwd=tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0
    assert "hash-tree  " in listed
