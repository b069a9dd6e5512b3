"""How notices are signed, and that a key is never told."""

from __future__ import annotations

import base64
import pickle

import pytest

from hub.errors import Invalid
from hub.signing import Secret, headers, secrets_of
from tests.hub.receiving import KEY, SECRET, Heard, verified

# The example of the specification's own libraries (github.com/standard-webhooks/standard-webhooks, libraries).
KNOWN = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = b'{"test": 2432232314}'


def test_a_signature_is_the_specifications() -> None:
    signed = KNOWN.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_goes_with_a_body_is_signed_by_each_key() -> None:
    given = headers((KNOWN, Secret(SECRET)), "msg_1", 1614265330, BODY)
    assert (given["webhook-id"], given["webhook-timestamp"]) == ("msg_1", "1614265330")
    assert given["webhook-signature"].split(" ") == [
        KNOWN.sign("msg_1", 1614265330, BODY),
        Secret(SECRET).sign("msg_1", 1614265330, BODY),
    ]


def test_an_old_try_is_refused_by_its_receiver() -> None:
    assert not verified(Heard(headers((Secret(SECRET),), "msg_1", 1614265330, BODY), BODY), KEY)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_key_has_192_to_512_bits(size: int) -> None:
    assert len(secrets_of("whsec_" + base64.b64encode(b"k" * size).decode())) == 1


def test_a_key_and_the_one_before_it() -> None:
    assert len(secrets_of(f" {SECRET}  whsec_{'QUJD' * 8} ")) == 2


@pytest.mark.parametrize(
    "text",
    ["", " ", None, "whsec_", "secret", SECRET.removeprefix("whsec_"), "whsec_" + "QUJD" * 7, "whsec_" + "QUJD" * 22,
     "whsec_" + "!" * 32, "whsec_QUJDQ", f"{SECRET} nearly"],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_repeating_it(text: str | None) -> None:
    with pytest.raises(Invalid, match=r"^BARCAST_WEBHOOK_SECRET: expected whsec_ and 24 to 64 bytes") as caught:
        secrets_of(text)
    assert all(word not in str(caught.value) for word in (text or "").split() if len(word) > 8)


def test_a_key_is_not_shown() -> None:
    secret = Secret(SECRET)
    assert repr(secret) == str(secret) == f"{secret}" == "Secret(…)"
    with pytest.raises(TypeError):
        pickle.dumps(secret, protocol=1)
