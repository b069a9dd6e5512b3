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


ORIGINS = ("embed_origins", "frame_origins")
TEXTS = (*ORIGINS, "webhook_url", "webhook_events")
LIMITS = [name for name in Settings.__struct_fields__ if name not in TEXTS]


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_bounded_and_set_by_its_variable(name: str) -> None:
    default = getattr(Settings(), name)
    assert getattr(load({}, {f"BARCAST_{name.upper()}": str(default)}), name) == default
    for wrong in ("-1", "0", "nan", "inf", "1e30", "", "much"):
        with pytest.raises(Invalid) as caught:
            load({}, {f"BARCAST_{name.upper()}": wrong})
        assert caught.value.field == name


@pytest.mark.parametrize("name", ORIGINS)
@pytest.mark.parametrize(
    "origins",
    ["", "https://shop.example", "http://localhost:3000 https://a-b.example.org  http://[::1]:8000",
     "http://a.example:443", "https://a.example:80", "http://10.0.0.7:8080"],
)  # fmt: skip
def test_origins_are_told_as_browsers_write_them(name: str, origins: str) -> None:
    assert getattr(load({}, {f"BARCAST_{name.upper()}": origins}), name) == origins


@pytest.mark.parametrize("name", ORIGINS)
@pytest.mark.parametrize(
    "origins",
    ["*", "null", "shop.example", "https://", "https://shop.example/", "https://*.example", "https://Shop.example",
     "https://a.example,https://b.example", "https://a.example; script-src *", "ftp://a.example", "https://a@b.example",
     "https://a.example:443", "http://a.example:80 https://b.example", "https://a.example\n", " https://a.example",
     "https://a.example https://b.example:443", "https://a.example:123456", "https://a.example#"],
)  # fmt: skip
def test_what_is_no_origin_is_refused_by_name(name: str, origins: str) -> None:
    with pytest.raises(Invalid, match=rf"^{name}: expected origins such as https://") as caught:
        load({}, {f"BARCAST_{name.upper()}": origins})
    assert caught.value.field == name


def test_of_several_origins_the_wrong_one_is_named() -> None:
    with pytest.raises(Invalid, match=r"; got 'https://b\.example/x'$"):
        load({"embed_origins": "https://a.example https://b.example/x https://c.example"}, {})
    with pytest.raises(Invalid, match=r"; got ' https://a\.example'$"):
        load({"embed_origins": " https://a.example"}, {})


def test_a_wrong_value_says_what_was_expected() -> None:
    with pytest.raises(Invalid, match=r"^viewers: Expected `int`"):
        load({"viewers": "many"}, {})


def test_limits_cannot_be_changed_later() -> None:
    with pytest.raises(AttributeError):
        Settings().viewers = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    ["", "https://hooks.example/barcast", "http://127.0.0.1:9000", "https://[::1]:8443/?key=1", "https://a.b/c@d"],
)
def test_a_webhook_is_an_address_of_http(url: str) -> None:
    assert load({}, {"BARCAST_WEBHOOK_URL": url}).webhook_url == url


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "a.example/hook", "https://", "https:///hook", "https://ann:word@a.example/", "https://a.example/#x",
     "https://a.example/a b", "https://a.example\n", "https://a.example/" + "x" * 2_048],
)  # fmt: skip
def test_a_webhook_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Invalid, match=r"^webhook_url: expected an http or https address without user") as caught:
        load({}, {"BARCAST_WEBHOOK_URL": url})
    assert url not in str(caught.value)


@pytest.mark.parametrize("events", ["stalled", "lost  ended", "ended stalled lost"])
def test_what_a_webhook_is_told_can_be_chosen(events: str) -> None:
    assert load({}, {"BARCAST_WEBHOOK_EVENTS": events}).webhook_events == events


@pytest.mark.parametrize("events", ["", "all", "stalled,lost", "stalled failed", " ended", "ended\n"])
def test_what_a_webhook_cannot_be_told_is_refused_by_name(events: str) -> None:
    expected = "webhook_events: expected some of stalled, lost and ended, separated by spaces; got "
    with pytest.raises(Invalid) as caught:
        load({}, {"BARCAST_WEBHOOK_EVENTS": events})
    assert str(caught.value) == expected + repr(events)
