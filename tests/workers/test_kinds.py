"""`@job`: the registry, the parameters, the title, the modules."""

from __future__ import annotations

import datetime
import enum
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from hub.errors import Invalid, NotFound
from workers.kinds import MARK, DuplicateKind, Kind, Kinds, job
from workers.modules import NoSuchModule
from workers.parameters import BadSignature

if TYPE_CHECKING:
    from workers import Job


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Range(msgspec.Struct):
    low: int
    high: int = 9


Rows = Annotated[int, Meta(ge=1, le=10_000, title="Batch size", description="rows at once")]


@job("import-orders", title="Import {path.name}", retries=2, phases=["Load", "Check"], cancel_note="rolls back")
def import_orders(
    job: Job,
    path: Path,
    batch: Rows = 5_000,
    colour: Colour = Colour.RED,
    mode: Literal["fast", "safe"] = "safe",
    when: datetime.datetime | None = None,
    names: list[str] = ["a"],  # noqa: B006 - a default that must not be shared
    within: Range | None = None,
    target: Path = Path("/tmp"),
    ratio: float = 0.5,
    *,
    dry: bool = False,
) -> None:
    """Import the orders of a store.

    More about it.
    """


def kind_of(function: Callable[..., Any]) -> Kind:
    kind = getattr(function, MARK)
    assert isinstance(kind, Kind)
    return kind


def test_a_function_with_job_stays_a_plain_callable() -> None:
    @job("double")
    def double(job: Job, n: int) -> int:
        return 2 * n

    assert double(None, 4) == 8  # type: ignore[arg-type]


def test_a_kind_tells_the_hub_what_it_is() -> None:
    info = kind_of(import_orders).info
    assert (info.kind, info.title, info.retries, info.runs_in) == ("import-orders", "Import {path.name}", 2, "process")
    assert info.doc == "Import the orders of a store."
    assert [phase.name for phase in info.phases] == ["Load", "Check"]
    assert info.cancel_note == "rolls back"


def test_a_kind_says_how_it_is_tried_again_and_how_many_run_at_once() -> None:
    @job(
        "load",
        retries=3,
        backoff_s=1,
        backoff_max_s=60,
        no_retry=[ValueError],
        timeout_s=30,
        concurrency=2,
        priority=-5,
    )
    def load(job: Job) -> None: ...

    info = kind_of(load).info
    assert (info.retries, info.backoff_s, info.backoff_max_s, info.timeout_s) == (3, 1.0, 60.0, 30.0)
    assert (info.concurrency, info.priority) == (2, -5)
    assert kind_of(load).no_retry == (ValueError,)


def test_the_schema_has_no_references_and_all_that_a_form_needs() -> None:
    schema = kind_of(import_orders).info.params
    assert "$ref" not in str(schema)
    assert schema["required"] == ["path"]
    properties = schema["properties"]
    assert properties["path"] == {"type": "string", "format": "path", "title": "Path"}
    assert properties["batch"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 10_000,
        "title": "Batch size",
        "description": "rows at once",
        "default": 5_000,
    }
    assert properties["colour"]["enum"] == ["blue", "red"]
    assert properties["colour"]["default"] == "red"
    assert properties["mode"]["enum"] == ["fast", "safe"]
    assert properties["target"]["default"] == "/tmp"
    assert properties["dry"]["default"] is False
    msgspec.json.encode(schema)


def test_parameters_come_back_as_json_with_their_defaults_and_a_title() -> None:
    prepared = kind_of(import_orders).prepare({"path": "/data/orders.csv", "within": {"low": 1}})
    assert prepared.title == "Import orders.csv"
    assert prepared.params["batch"] == 5_000
    assert prepared.params["within"] == {"low": 1, "high": 9}
    assert prepared.params["target"] == "/tmp"
    msgspec.json.encode(prepared)


def test_parameters_arrive_as_the_types_of_the_signature() -> None:
    values = kind_of(import_orders).parameters.check(
        {"path": "~/x.csv", "colour": "blue", "when": "2026-01-02T03:04:05Z", "within": {"low": 3}}
    )
    assert values["path"] == Path.home() / "x.csv"
    assert values["colour"] is Colour.BLUE
    assert isinstance(values["when"], datetime.datetime)
    assert values["within"] == Range(3)


def test_text_from_a_form_or_a_command_line_is_taken_for_numbers_and_truth_values() -> None:
    values = kind_of(import_orders).parameters.check({"path": "x", "batch": "7", "ratio": "0.25", "dry": "true"})
    assert (values["batch"], values["ratio"], values["dry"]) == (7, 0.25, True)


def test_a_mutable_default_is_not_shared_between_runs() -> None:
    parameters = kind_of(import_orders).parameters
    parameters.check({"path": "x"})["names"].append("b")
    assert parameters.check({"path": "x"})["names"] == ["a"]


@pytest.mark.parametrize(
    ("params", "field", "came"),
    [
        ({}, "params.path", "nothing"),
        ({"path": 3}, "params.path", "3"),
        ({"path": ""}, "params.path", "''"),
        ({"path": "a\0b"}, "params.path", "path"),
        ({"path": "x", "batch": "many"}, "params.batch", "'many'"),
        ({"path": "x", "batch": 0}, "params.batch", ">= 1"),
        ({"path": "x", "batch": 10_001}, "params.batch", "<= 10000"),
        ({"path": "x", "colour": "green"}, "params.colour", "'green'"),
        ({"path": "x", "names": [1]}, "params.names[0]", "str"),
        ({"path": "x", "within": {}}, "params.within.low", "nothing"),
        ({"path": "x", "colur": "red"}, "params.colur", "known parameter"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, Any], field: str, came: str) -> None:
    with pytest.raises(Invalid, match=came) as caught:
        kind_of(import_orders).prepare(params)
    assert caught.value.field == field


def without_job(path: Path) -> None: ...
def with_args(job: Job, *paths: str) -> None: ...
def with_kwargs(job: Job, **options: str) -> None: ...
def positional(job: Job, path: Path, /) -> None: ...
def underscored(job: Job, _path: Path) -> None: ...
def unknown_type(job: Job, path: Paht) -> None: ...  # type: ignore[name-defined] # noqa: F821
def strange_type(job: Job, path: Callable[[], None]) -> None: ...
def nothing_at_all() -> None: ...


@pytest.mark.parametrize(
    "function",
    [without_job, with_args, with_kwargs, positional, underscored, unknown_type, strange_type, nothing_at_all],
)
def test_a_function_that_cannot_be_a_job_is_refused_by_name(function: Callable[..., None]) -> None:
    with pytest.raises(BadSignature, match=function.__name__):
        job("bad")(function)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"kind": "no spaces"}, "kind"),
        ({"kind": "-dash"}, "kind"),
        ({"retries": -1}, "retries"),
        ({"backoff_s": -1}, "backoff_s"),
        ({"backoff_max_s": "long"}, "backoff_max_s"),
        ({"no_retry": ValueError}, "no_retry"),
        ({"no_retry": [ValueError()]}, "no_retry"),
        ({"no_retry": [int]}, "no_retry"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": True}, "concurrency"),
        ({"priority": 101}, "priority"),
        ({"grace_s": float("nan")}, "grace_s"),
        ({"stall_s": -1}, "stall_s"),
        ({"runs_in": "cloud"}, "runs_in"),
        ({"phases": [""]}, "phases"),
        ({"phases": ["x"] * 101}, "phases"),
        ({"title": "{nope}"}, "title"),
        ({"title": "{path.__class__}"}, "title"),
        ({"title": "{path[0]}"}, "title"),
        ({"title": "{path!r}"}, "title"),
        ({"title": "{path:>9}"}, "title"),
        ({"title": "{path"}, "title"),
        ({"title": "{}"}, "title"),
    ],
)
def test_a_wrong_argument_of_job_is_named(options: dict[str, Any], field: str) -> None:
    def one(job: Job, path: Path) -> None: ...

    with pytest.raises(Invalid) as caught:
        job(**({"kind": "one"} | options))(one)
    assert caught.value.field == field


def test_an_async_function_runs_on_the_loop_and_nowhere_else() -> None:
    async def later(job: Job) -> None: ...

    assert kind_of(job("later")(later)).info.runs_in == "loop"
    with pytest.raises(Invalid, match="async"):
        job("later", runs_in="thread")(later)


@pytest.mark.parametrize(
    ("template", "title"),
    [
        ("Import {path.name}", "Import orders.csv"),
        ("{path.parent.name}: {batch}", "store-7: 10"),
        ("{path.nothing} of {batch}", "{path.nothing} of 10"),
        ("{path.exists}", "{path.exists}"),
        ("{when}", "{when}"),
        ("{{literal}}", "{literal}"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_title_reads_attributes_and_leaves_the_rest_as_it_stands(template: str, title: str) -> None:
    @job("titled", title=template)
    def titled(job: Job, path: Path, batch: int = 10, when: str | None = None) -> None: ...

    assert kind_of(titled).prepare({"path": "/store-7/orders.csv"}).title == title


def test_a_title_is_no_longer_than_the_hub_takes() -> None:
    @job("long", title="{text}")
    def long(job: Job, text: str) -> None: ...

    title = kind_of(long).prepare({"text": "x" * 5_000}).title
    assert len(title) == 4_096
    assert title.endswith("…")


def test_two_functions_under_one_name_are_refused() -> None:
    @job("import-orders")
    def other(job: Job) -> None: ...

    with pytest.raises(DuplicateKind, match=r"import_orders.*other"):
        Kinds([import_orders, import_orders, other])


def test_an_unknown_kind_is_not_found() -> None:
    with pytest.raises(NotFound, match="import-orders"):
        Kinds([import_orders])["export-orders"]


def test_a_function_without_job_cannot_be_added() -> None:
    with pytest.raises(BadSignature, match="has no @job"):
        Kinds([without_job])


# ── Modules ───────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    names, path = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - names:
        del sys.modules[name]


JOB = "from workers import Job, job\n\n@job('{kind}')\ndef {kind}(job: Job) -> None: ...\n"


def test_a_file_is_served_under_a_path_that_holds_in_any_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "my_jobs.py").write_text("import my_sibling\n" + JOB.format(kind="one"))
    (folder / "my_sibling.py").write_text("")
    monkeypatch.chdir(folder)
    kinds = Kinds()
    assert kinds.load("my_jobs.py") == ["one"]
    assert kinds.modules == [str(folder / "my_jobs.py")]
    assert kinds["one"].function.__module__ == "my_jobs"


def test_a_file_in_a_package_may_import_from_its_package(folder: Path) -> None:
    package = folder / "my_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "names.py").write_text("KIND = 'inside'\n")
    (package / "jobs.py").write_text("from .names import KIND\n" + JOB.format(kind="inside"))
    kinds = Kinds()
    assert kinds.load(str(package / "jobs.py")) == ["inside"]
    assert kinds["inside"].function.__module__ == "my_package.jobs"


def test_a_dotted_name_is_looked_for_in_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "here").mkdir()
    (folder / "here" / "dotted.py").write_text(JOB.format(kind="dotted"))
    monkeypatch.chdir(folder)
    kinds = Kinds()
    assert kinds.load("here.dotted") == ["dotted"]
    assert kinds.modules == ["here.dotted"]


def test_loading_a_module_twice_changes_nothing(folder: Path) -> None:
    (folder / "twice.py").write_text(JOB.format(kind="again"))
    kinds = Kinds()
    kinds.load(str(folder / "twice.py"))
    kinds.load(str(folder / "twice.py"))
    assert [info.kind for info in kinds.infos()] == ["again"]
    assert len(kinds.modules) == 1


def test_a_file_with_the_name_of_another_module_is_refused(folder: Path) -> None:
    (folder / "json.py").write_text(JOB.format(kind="shadow"))
    with pytest.raises(NoSuchModule, match="rename it"):
        Kinds().load(str(folder / "json.py"))


@pytest.mark.parametrize("named", ["no_such_file.py", "no.such.module"])
def test_a_module_that_does_not_exist_is_refused_by_name(named: str) -> None:
    with pytest.raises(NoSuchModule, match=re.escape(named)):
        Kinds().load(named)


def test_a_module_that_fails_at_import_tells_its_own_error(folder: Path) -> None:
    (folder / "broken_jobs.py").write_text("raise RuntimeError('no licence')\n")
    with pytest.raises(NoSuchModule, match="RuntimeError: no licence"):
        Kinds().load(str(folder / "broken_jobs.py"))


def test_a_module_without_jobs_is_refused(folder: Path) -> None:
    (folder / "empty_jobs.py").write_text("x = 1\n")
    with pytest.raises(NotFound, match="found none"):
        Kinds().load(str(folder / "empty_jobs.py"))
