"""The hub's own log: one line for each thing said, as text for people or as JSON for programs.

A line that concerns a job carries its id, attempt and worker as fields (`extra=` of the call, see
:func:`hub.chronicle.about`). Whatever came from outside is made plain: a line stays one line, and
what would steer a terminal, query strings and credentials are taken out.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal

import msgspec

from hub import words

LogFormat = Literal["text", "json"]
FIELDS = ("job", "attempt", "worker", "event")
QUERY = re.compile(r"(?<=[\w/\])])\?[^\s\"'<>]*=[^\s\"'<>]*")
NAMED = r"(?:token|secret|password|authorization)['\"]?[=:] *['\"]?(?:bearer +)?"
CREDENTIAL = re.compile(rf"\b(bearer +|{NAMED})[^\s,;'\"]+", re.IGNORECASE)
OMITTED = "…"


def scrubbed(text: str) -> str:
    """Text without query strings and credentials, which have no business in a log."""
    return CREDENTIAL.sub(rf"\1{OMITTED}", QUERY.sub(f"?{OMITTED}", text))


def said(record: logging.LogRecord) -> str:
    """What a record says, in one plain line."""
    return words.plain(scrubbed(record.getMessage()))


def moment(record: logging.LogRecord) -> str:
    """When it was said: RFC 3339, UTC, milliseconds."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fields(record: logging.LogRecord) -> dict[str, str | int]:
    """What the line concerns, as far as it is known."""
    known = {name: getattr(record, name, None) for name in FIELDS}
    return {name: words.plain(one) if isinstance(one, str) else one for name, one in known.items() if one is not None}


class TextLine(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO barcast.jobs: Started job=01K… attempt=1`, a traceback indented below."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        told = "".join(f" {name}={value}" for name, value in fields(record).items())
        line = f"{moment(record)} {record.levelname} {record.name}: {said(record)}{told}"
        return "\n".join([line, *(f"    {words.plain(scrubbed(one))}" for one in self._trace(record))])

    def _trace(self, record: logging.LogRecord) -> list[str]:
        return self.formatException(record.exc_info).splitlines() if record.exc_info else []


class JsonLine(logging.Formatter):
    """One JSON object a line: `time level logger message`, then the fields, then `exception` (its traceback)."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        told: dict[str, object] = {
            "time": moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": said(record),
            **fields(record),
        }
        if record.exc_info:
            told["exception"] = scrubbed(self.formatException(record.exc_info))
        return msgspec.json.encode(_encodable(told)).decode()


def _encodable(told: dict[str, object]) -> dict[str, object]:
    """Half a surrogate pair has no bytes in UTF-8: it becomes `?`."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in told.items()
    }


def keep(level: str, how: LogFormat) -> None:
    """Write what is said to stderr from now on, what libraries and Python's warnings say, too.

    Other libraries say what is wrong and nothing below: their details hold whole requests, tokens too.

    Args:
        level: of the hub's own lines.
        how: as text or as JSON.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if how == "json" else TextLine())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(True)
    logging.getLogger("barcast").setLevel(level.upper())
    logging.getLogger("barcast.transport").setLevel(logging.WARNING)  # below it are each connection and its frames


def structured() -> bool:
    """Whether programs read what stands on stderr: then nothing else may be written there."""
    return any(isinstance(handler.formatter, JsonLine) for handler in logging.getLogger().handlers)
