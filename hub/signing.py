"""How a notice to a webhook is signed, so that its receiver can tell that it is ours and was not changed.

As the Standard Webhooks specification has it (github.com/standard-webhooks/standard-webhooks, in
spec/standard-webhooks.md, "Signature scheme" and "Webhook headers"): HMAC-SHA256 over `ID.TIMESTAMP.BODY`, in base64,
after `v1,`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from hub.errors import Invalid

VARIABLE = "BARCAST_WEBHOOK_SECRET"
PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64  # the specification's 192 to 512 bits
EXPECTED = (
    f"expected {PREFIX} and {LEAST_BYTES} to {MOST_BYTES} bytes in base64 (several apart by spaces, while one follows "
    f"another), such as {PREFIX} with what `head -c 32 /dev/urandom | base64` prints"
)


class Secret:
    """A key that notices are signed with. What it is, it never tells.

    Args:
        text: `whsec_` and the key in base64.

    Raises:
        Invalid: it is not of that form; says not what came, because it may nearly be the secret.
    """

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        try:
            key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not text.startswith(PREFIX) or not LEAST_BYTES <= len(key) <= MOST_BYTES:
            raise Invalid(f"{EXPECTED}; got something else", VARIABLE)
        self._key = key

    def __repr__(self) -> str:
        return "Secret(…)"

    def sign(self, notice: str, at_s: int, body: bytes) -> str:
        """The signature of one try.

        Args:
            notice: its `webhook-id`.
            at_s: when the try is made, seconds since 1970: its `webhook-timestamp`.
            body: exactly as it is sent.
        """
        signed = f"{notice}.{at_s}.".encode() + body
        return "v1," + base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()


def secrets_of(text: str | None) -> tuple[Secret, ...]:
    """The keys of a variable: one, or while it is changed the new and the old one.

    Raises:
        Invalid: there is none, or one is of another form.
    """
    if not text or not text.split():
        raise Invalid(f"{EXPECTED}; got none, although webhook_url is set", VARIABLE)
    return tuple(Secret(one) for one in text.split())


def headers(secrets: tuple[Secret, ...], notice: str, at_s: int, body: bytes) -> dict[str, str]:
    """What goes with a body, signed by each key."""
    signature = " ".join(secret.sign(notice, at_s, body) for secret in secrets)
    return {"webhook-id": notice, "webhook-timestamp": str(at_s), "webhook-signature": signature}
