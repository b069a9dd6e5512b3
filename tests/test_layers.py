"""Who may import whom: the floors of the house, walked by their imports."""

from __future__ import annotations

import ast
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hub

ROOT = Path(__file__).parent.parent

# The drawing in the package's docstring, in reading order. A new file finds its place there.
FLOORS = "\n".join(line.partition("#")[0] for line in (hub.__doc__ or "").splitlines() if line.startswith("    "))
ORDER = FLOORS.split()
SHELL_FROM = ORDER.index("schema")  # from here on files do I/O
PURE = [*ORDER[:SHELL_FROM], "auth"]
STORE = {"store", "schema", "file", "batch", "reader", "writer", "checkup", "backup"}
TERMINAL = set(ORDER[ORDER.index("words") :])  # the command line's side

# Of the standard library the pure files use what has no clock, no chance and no machine in it.
HARMLESS_NAMES = """
__future__ collections copy dataclasses enum functools hashlib hmac ipaddress itertools json math operator re
string types typing urllib
"""
HARMLESS = set(HARMLESS_NAMES.split())


def name_of(path: Path) -> str:
    """`hub/job.py` to `hub.job`, a package's `__init__.py` to the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


MODULES = {name_of(path): path for package in ("hub", "workers") for path in files(package)}


def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in it; `from hub import auth` is an import of `hub.auth`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            assert node.module is not None
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            found |= inner or {node.module}
    return found


IMPORTS = {name: imports(path) for name, path in MODULES.items()}
HUB = [name for name in MODULES if name.startswith("hub.")]


def of_hub(name: str) -> set[str]:
    """The hub's files that a module imports, by their short names."""
    return {one.removeprefix("hub.") for one in IMPORTS[name] if one.startswith("hub.")}


def roots(name: str) -> set[str]:
    """The packages that a module imports."""
    return {one.partition(".")[0] for one in IMPORTS[name]}


def who_imports(package: str) -> set[str]:
    return {name for name in MODULES if package in roots(name)}


def named(*names: str) -> set[str]:
    return {f"hub.{name}" for name in names}


def test_every_file_of_the_hub_has_its_place() -> None:
    assert sorted(ORDER) == sorted(name.removeprefix("hub.") for name in HUB)


@pytest.mark.parametrize("name", ORDER)
def test_a_file_imports_only_from_those_before_it(name: str) -> None:
    before = ORDER[: ORDER.index(name)]
    assert of_hub(f"hub.{name}") <= set(before) | {"__version__"}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_file_imports_no_clock_no_chance_and_no_io(name: str) -> None:
    allowed = HARMLESS | {"hub", "msgspec"} | ({"os"} if name == "settings" else set())
    assert roots(f"hub.{name}") <= allowed


@pytest.mark.parametrize("name", PURE)
def test_a_pure_file_imports_pure_files_only(name: str) -> None:
    assert of_hub(f"hub.{name}") <= set(PURE)


def test_settings_asks_the_machine_for_nothing_but_its_cores() -> None:
    """A default is data: the number of cores does not change while a program runs, and can be given instead.

    The environment, which can, is an argument.
    """
    tree = ast.parse(MODULES["hub.settings"].read_text())
    asked = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    ]
    assert asked == ["cpu_count"]


def test_the_time_of_day_is_read_in_one_file() -> None:
    """`clock.py` is the shell around the system's clocks and start; it knows nothing of the hub."""
    assert IMPORTS["hub.clock"] == {"__future__", "collections.abc", "msgspec", "pathlib", "time"}
    service = set(ORDER[: ORDER.index("words")])
    assert {name for name in who_imports("time") if name.removeprefix("hub.") in service} == {"hub.clock"}


def test_sqlite_is_known_to_the_store_alone() -> None:
    assert who_imports("aiosqlite") == {"hub.store"}
    assert {name for name in who_imports("sqlite3") if name.startswith("hub.")} <= named(*STORE)


def test_starlette_begins_with_the_sessions() -> None:
    upward = ORDER[ORDER.index("session") : ORDER.index("words")]
    assert who_imports("starlette") <= named(*upward)


def test_the_server_is_known_to_the_transport_and_to_what_starts_it() -> None:
    assert who_imports("uvicorn") <= named("transport", "server", "serve", "cli")


def test_sockets_are_known_to_the_transport_and_to_their_two_clients() -> None:
    assert who_imports("websockets") <= {"hub.transport", "hub.conversation", "hub.watch", "workers.connection"}


def test_who_is_told_elsewhere_is_known_to_one_file() -> None:
    assert who_imports("httpx") == {"hub.receiver"}


def test_workers_know_the_hub_by_what_is_said_only() -> None:
    known = {one for name in MODULES if name.startswith("workers") for one in of_hub(name)}
    assert known <= {"errors", "view", "protocol", "codec", "estimate", "launch"}
    assert not any("hub" in IMPORTS[name] for name in MODULES if name.startswith("workers"))


def test_the_hub_knows_workers_by_their_messages() -> None:
    assert {name for name in HUB if "workers" in roots(name)} <= named("app", "cli", "watch", "reporting")
    assert IMPORTS["hub.watch"] & set(MODULES) <= named(*ORDER) | {
        "workers.backoff"
    }  # a client backs off like a worker


# `Job.open` is where people look for it, and gives a Job; it imports what it needs when it is called.
WAYS_BACK = {"workers.job": {"workers.block", "workers.outside"}}


def test_nothing_imports_in_a_circle() -> None:
    """The public faces (`hub`, `workers`) are left out: they fetch, or gather, what stands behind them."""
    graph = {name: (IMPORTS[name] & set(MODULES)) - WAYS_BACK.get(name, set()) for name in MODULES if "." in name}
    assert list(TopologicalSorter(graph).static_order())


def test_the_public_face_loads_nothing_of_the_service() -> None:
    tree = ast.parse(MODULES["hub"].read_text())
    first = {node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    modules = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in first}
    assert modules <= {"__future__", "importlib.metadata", "typing"}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = {f"workers.{extra}": packages for extra, packages in PROJECT["optional-dependencies"].items()}


def packages(requirements: list[str]) -> set[str]:
    return {requirement.partition(">=")[0].replace("-", "_") for requirement in requirements}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_whatever_is_imported_is_the_standard_librarys_or_declared(name: str) -> None:
    declared = packages(PROJECT["dependencies"]) | packages(OPTIONAL.get(name, []))
    ours = {"hub", "workers", "anyio", "pytorch_lightning"}  # anyio: starlette's own; the other: lightning's old name
    ours |= {"minify"} if "tdewolff_minify" in declared else set()
    assert roots(name) <= sys.stdlib_module_names | declared | ours


def test_what_needs_a_library_that_may_be_missing_is_imported_by_nothing_else() -> None:
    assert set(OPTIONAL) <= set(MODULES)
    assert not {(name, one) for name in MODULES for one in IMPORTS[name] & set(OPTIONAL)}


@pytest.mark.parametrize("path", [path for package in ("hub", "workers") for path in files(package)], ids=name_of)
def test_no_file_is_a_drawer_for_the_rest(path: Path) -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    classes = {node.name.lower() for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)}
    assert path.stem.lower() not in drawers
    assert not {name for name in classes for drawer in ("manager", "helper") if name.endswith(drawer)}
    assert not classes & drawers
