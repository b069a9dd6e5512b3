"""What a new user finds in the start form."""

import msgspec
import pytest

from workers.kinds import Kinds

NAMES = [
    "archive-folder",
    "check-python",
    "csv-report",
    "hash-tree",
    "ingest-samples",
    "refresh-all",
    "refresh-snapshot",
]
FIGURES_OF_OTHERS = ["refresh-all"]  # as far as the jobs that it starts; phases of its own would hide those


@pytest.fixture(scope="module")
def kinds() -> Kinds:
    loaded = Kinds()
    loaded.load("workers.examples")
    return loaded


def test_loading_the_package_registers_all_seven(kinds: Kinds) -> None:
    assert [info.kind for info in kinds.infos()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_does_and_what_a_cancel_does(kinds: Kinds, name: str) -> None:
    info = kinds[name].info
    assert 40 < len(info.doc) < 130
    assert info.doc.endswith(".")
    assert info.cancel_note
    assert bool(info.phases) == (name not in FIGURES_OF_OTHERS)


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_has_a_description_and_a_default(kinds: Kinds, name: str) -> None:
    properties = kinds[name].info.params["properties"]
    assert properties
    for parameter in properties.values():
        assert parameter["description"]
        assert "default" in parameter


@pytest.mark.parametrize("name", NAMES)
def test_each_starts_without_any_parameter(kinds: Kinds, name: str) -> None:
    prepared = kinds[name].prepare({})
    assert "{" not in prepared.title
    assert kinds[name].prepare(msgspec.json.decode(msgspec.json.encode(prepared.params))) == prepared
