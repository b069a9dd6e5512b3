"""Every limit and interval of the hub, in one frozen struct: unit in the name, reason beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hub.errors import Invalid

KIB = 1024
Seconds = Annotated[float, Meta(gt=0, le=366 * 86_400)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Bytes = Annotated[int, Meta(ge=KIB, le=1024 * KIB * KIB)]
# As browsers write an origin: in lower case, and without the port that its scheme implies.
ORIGIN = r"(?:http://(?!\S+:80(?: |\Z))|https://(?!\S+:443(?: |\Z)))(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
Origins = Annotated[str, Meta(pattern=rf"\A(?:{ORIGIN}(?: +{ORIGIN})*)?\Z", max_length=8 * KIB)]
ORIGINS = ("embed_origins", "frame_origins")
ORIGINS_EXPECTED = "expected origins such as https://example.org:8000, separated by spaces"


WebhookUrl = Annotated[str, Meta(pattern=r"\A(?:https?://[^\s/?#@]+(?:[/?][^\s#]*)?)?\Z", max_length=2 * KIB)]
WEBHOOK_URL_EXPECTED = "expected an http or https address without user, password or #, got something else"
WebhookEvents = Annotated[str, Meta(pattern=r"\A(?:stalled|lost|ended)(?: +(?:stalled|lost|ended))*\Z", max_length=256)]
WEBHOOK_EVENTS_EXPECTED = "expected some of stalled, lost and ended, separated by spaces"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one hub. Every field can be set by the environment variable `BARCAST_` + its name."""

    # What comes in
    message_bytes: Bytes = 160 * KIB  # one frame: 64 KiB of data, as much traceback, texts around them
    message_fragments: Count = 64  # a whole message needs no more
    body_bytes: Bytes = 64 * KIB  # HTTP; the same messages as on the socket
    malformed_in_a_row: Count = 5  # then it is not a client of ours: 4400
    header_s: Seconds = 10.0  # a browser sends its headers at once
    body_s: Seconds = 30.0  # `body_bytes` over the slowest of lines
    reports_per_s: Count = 1_000  # of one worker socket; samplers send 10 a second and job
    report_bytes_per_s: Bytes = KIB * KIB
    requests_per_minute: Count = 100  # of one viewer socket or HTTP client: a person clicks slower
    topics_per_viewer: Count = 128  # a page of widgets, with room
    viewers: Count = 20_000  # about 25 kB each: half a gigabyte
    workers: Count = 5_000  # open worker sockets

    # Whose pages, besides its own; other sites' pages are refused
    embed_origins: Origins = ""  # these may watch all jobs, and do nothing else
    frame_origins: Origins = ""  # these may show the hub's own page in a frame

    # What goes out
    update_interval_s: Seconds = 0.05  # 20 a second looks live; more only costs
    hidden_interval_s: Seconds = 1.0  # a hidden tab paints nothing
    derived_interval_s: Seconds = 1.0  # viewers, queue positions, summary
    pulse_s: Seconds = 0.25  # how often it is measured how late the loop is
    heartbeat_s: Seconds = 10.0  # a page cannot see pings
    ping_s: Seconds = 20.0
    pong_s: Seconds = 20.0
    write_buffer_bytes: Bytes = 256 * KIB  # over this a viewer is owed its newest state only
    send_buffer_bytes: Bytes = 128 * KIB  # the kernel's; a large one hides a reader that stopped
    stuck_s: Seconds = 30.0  # nothing taken for so long with a full buffer: dropped
    feed_terminal_jobs: Count = 100  # older ones over HTTP
    retry_after_s: Seconds = 1.0  # what `closing` asks clients to wait at least

    # Jobs
    lease_s: Seconds = 60.0  # silence of a remote worker before it counts as lost
    beat_s: Seconds = 5.0  # how often an idle worker says that it lives
    report_interval_s: Seconds = 0.1  # at most 10 reports a second and job
    stall_s: Seconds = 15.0  # or stall_gaps times the usual gap between advances, the longer
    stall_gaps: Count = 5
    grace_s: Seconds = 10.0  # from cancel to SIGTERM
    kill_s: Seconds = 5.0  # from SIGTERM to SIGKILL
    backoff_s: Seconds = 2.0  # before a first retry, doubled for each further one
    backoff_max_s: Seconds = 300.0  # a service that is down for longer is looked at every five minutes
    jobs_at_once: Count = os.cpu_count() or 1  # one busy core each
    give_up_s: Seconds = 3_600.0  # a lost worker may come back so long; then its attempt is over
    orphan_s: Seconds = 600.0  # a child that finds no hub for so long stops itself

    # Who is told, signed with BARCAST_WEBHOOK_SECRET, which is no setting: settings may be shown
    webhook_url: WebhookUrl = ""  # nobody
    webhook_events: WebhookEvents = "stalled lost ended"  # what somebody may have to act upon, and what they wait for
    webhook_timeout_s: Seconds = 20.0  # of one try; Standard Webhooks: 15 to 30 s
    webhook_backoff_s: Seconds = 5.0  # ceiling of the first wait, doubled with each failure
    webhook_backoff_max_s: Seconds = 3_600.0  # who was away for days is found within the hour
    webhook_tries: Count = 100  # about as many as fit into the next
    webhook_give_up_s: Seconds = 3 * 86_400.0  # a receiver that fails on a Friday evening is mended on a Monday
    webhook_waiting: Count = 10_000  # about 20 MB; beyond it the oldest are given up

    # What is kept
    save_interval_s: Seconds = 1.0  # moving numbers are saved at least so often
    commit_backlog: Count = 10_000  # writes waiting for the disk before workers are made to wait
    commit_backlog_bytes: Bytes = 64 * KIB * KIB  # of the same: checkpoints may be 64 KiB each
    commit_retry_s: Seconds = 1.0  # between two tries of a commit that failed: a full disk is no hurry
    busy_s: Seconds = 10.0  # SQLite's patience with another process's lock
    log_entries_per_job: Count = 1_000
    samples_per_job: Count = 500
    keep_s: Seconds = 7 * 86_400.0  # terminal jobs
    keep_jobs: Count = 10_000
    delete_rows: Count = 1_000  # deleted in one commit, which others wait for: tens of milliseconds
    retention_interval_s: Seconds = 600.0


def load(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings from explicit values, then `BARCAST_*` variables, then the defaults.

    Args:
        given: field name to value; `None` means not given.
        environ: the process environment.

    Raises:
        Invalid: a value is of the wrong type or out of bounds; names the field.
    """
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        variable = f"BARCAST_{name.upper()}"
        if given.get(name) is not None:
            values[name] = given[name]
        elif variable in environ:
            values[name] = environ[variable].encode("utf-8", "replace").decode()  # of other bytes Python makes halves
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`") or None
        raise Invalid(_wrong(field or "", str(values.get(field or "")), reason), field) from None


def _wrong(field: str, text: str, reason: str) -> str:
    """What was expected, where msgspec would name a pattern; of an address not what came: it may hold a secret."""
    if field == "webhook_url":
        return WEBHOOK_URL_EXPECTED
    if field == "webhook_events":
        return f"{WEBHOOK_EVENTS_EXPECTED}; got {text[:200]!r}"
    return _origins(text) if field in ORIGINS else reason


def _origins(text: str) -> str:
    """What is wrong with a list of origins."""
    wrong = [one for one in text.split() if not re.fullmatch(ORIGIN, one)]
    return f"{ORIGINS_EXPECTED}; got {(wrong[0] if wrong else text)[:200]!r}"
