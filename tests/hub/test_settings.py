"""Every limit in one place, bounded, from values, variables and defaults."""

from __future__ import annotations

import msgspec
import pytest

from hub.errors import Invalid
from hub.settings import Settings, load


def test_the_defaults_are_valid() -> None:
    assert load({}, {}) == Settings() == msgspec.convert(msgspec.to_builtins(Settings()), Settings)


def test_given_values_win_over_variables_over_defaults() -> None:
    settings = load({"grace_s": 3.0, "kill_s": None}, {"BARCAST_GRACE_S": "4", "BARCAST_KILL_S": "2", "HOME": "/"})
    assert (settings.grace_s, settings.kill_s, settings.stall_s) == (3.0, 2.0, 15.0)


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_limit_is_bounded_and_set_by_its_variable(name: str) -> None:
    default = getattr(Settings(), name)
    assert getattr(load({}, {f"BARCAST_{name.upper()}": str(default)}), name) == default
    for wrong in ("-1", "0", "nan", "inf", "1e30", "", "much"):
        with pytest.raises(Invalid) as caught:
            load({}, {f"BARCAST_{name.upper()}": wrong})
        assert caught.value.field == name


def test_a_wrong_value_says_what_was_expected() -> None:
    with pytest.raises(Invalid, match=r"^viewers: Expected `int`"):
        load({"viewers": "many"}, {})


def test_limits_cannot_be_changed_later() -> None:
    with pytest.raises(AttributeError):
        Settings().viewers = 1  # type: ignore[misc]
