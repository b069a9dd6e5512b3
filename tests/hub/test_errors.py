"""Causes of failure: one class each, told apart by code and status."""

from __future__ import annotations

from typing import get_args

from hub.errors import (
    BarcastError,
    BeyondLoopback,
    ErrorCode,
    Full,
    HubError,
    Invalid,
    NotFound,
    OutOfOrder,
    PeerError,
    StoreError,
    TooMany,
)

STATUSES = {
    "malformed": 400, "unknown_type": 422, "invalid": 422, "not_found": 404, "unauthenticated": 401, "forbidden": 403,
    "conflict": 409, "revoked": 410, "too_large": 413, "too_many": 429, "out_of_order": 409, "unavailable": 503,
    "internal": 500,
}  # fmt: skip


def below(cause: type[BarcastError]) -> list[type[BarcastError]]:
    return [cause, *(deeper for child in cause.__subclasses__() for deeper in below(child))]


def test_every_code_of_the_protocol_has_a_cause_with_its_status() -> None:
    ours = [cause for cause in below(PeerError) + below(HubError) if cause.__module__ == "hub.errors"]
    assert {cause.code: cause.status for cause in ours} == STATUSES  # type: ignore[attr-defined]
    assert set(STATUSES) == set(get_args(ErrorCode))


def test_an_error_names_its_field() -> None:
    assert str(Invalid("expected a number", "done")) == "done: expected a number"
    assert str(NotFound("no such job")) == "no such job"


def test_a_database_that_refuses_says_what_to_do_where_that_is_known() -> None:
    assert str(StoreError("hub.db: closed")) == "hub.db: closed"
    assert str(Full("hub.db: no room")) == "hub.db: no room; make room on its disk, or raise the quota"
    known = below(StoreError)[1:]
    assert all(cause.advice and cause.cause != StoreError.cause for cause in known if issubclass(cause, StoreError))


def test_an_address_that_other_machines_reach_is_named() -> None:
    assert "got '0.0.0.0'" in str(BeyondLoopback("0.0.0.0"))


def test_a_limit_says_when_to_come_back() -> None:
    assert TooMany("slower", 2.5).retry_after_s == 2.5


def test_what_is_out_of_order_says_what_was_due() -> None:
    assert str(OutOfOrder(3, 5)) == "n: expected 3, got 5"
