"""What the staged hub knows: one morning of a small shop, in the protocol's words, as it stands at `NOW`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.web.past import HISTORY, NO_HISTORY, plain_samples, samples
from tests.web.told import (
    ENDS,
    IMPORTS,
    LOG,
    NOW,
    STARTED,
    Entry,
    Job,
    at,
    cancel,
    ended,
    eta,
    importing,
    job,
    usual,
)


def row_of_import(**told: Any) -> Job:
    """The same as one row among others: without counters that a row has no room for."""
    return importing(**({"counters": {}} | told))


def queued(number: int, kind: str, title: str, position: int, waits_s: int) -> Job:
    nothing = {"worker": None, "started_at": None, "advanced_at": None, "heard_at": None, "elapsed_s": 0.0}
    times = {"created_at": NOW - waits_s * 1_000, "starts_in_s": 80.0 * position, "queue_position": position}
    return job(number, kind, title, status="queued", **nothing, **times)


def active() -> list[Job]:
    """Newest start first, in the order in which the page shows them."""
    return [
        row_of_import(started_at=NOW - 1_000, created_at=STARTED, elapsed_s=252.0),
        job(1, "backup.upload", "Upload nightly backup", done=1_200_000_000, total=3_400_000_000, unit="bytes",
            fraction=0.353, rate=38_000_000.0, **eta(58.0, 52.0, 70.0), phase=0, phases=[one_phase("Upload")],
            message="Part 19 of 54", started_at=NOW - 34_000, elapsed_s=34.0),
        job(2, "crawl.site", "Crawl docs.example.org", done=8_214, unit="pages", rate=27.0, phase=0,
            phases=[one_phase("Follow links")], message="/guides/deploy/behind-a-proxy", worker="worker-04",
            viewers=2, typical=usual(720, 900, 1_200), started_at=NOW - 304_000, elapsed_s=304.0),
        job(3, "mail.batch", "Send renewal reminders", done=50, total=120, unit="emails", fraction=0.417,
            **eta(112.0, 65.0, 170.0), phase=0, phases=[one_phase("Send")], message="Batch 3 of 6",
            counters={"ok": 48, "errors": 2}, started_at=NOW - 305_000, elapsed_s=80.0),
        job(4, "video.transcode", "Transcode lecture 07", done=41_200, total=57_150, unit="frames", fraction=0.721,
            phase=0, phases=[one_phase("Encode 1080p")], stalled=True, worker="worker-05", advanced_at=NOW - 45_000,
            heard_at=NOW - 2_000, started_at=NOW - 700_000, elapsed_s=700.0),
        job(5, "search.reindex", "Reindex customer search", status="cancelling", done=81, total=100, unit="batches",
            fraction=0.81, message="Rolling back batch 41", worker="worker-02",
            cancel=cancel(at("14:30:54"), at("14:30:54") + 400), started_at=NOW - 800_000, elapsed_s=400.0),
        job(6, "seo.sitemap", "Generate sitemap", status="queued", attempt=2, done=9_600, total=24_000, unit="URLs",
            fraction=0.4, worker=None, retry_at=NOW + 8_000, heard_at=at("14:30:29"),
            checkpoint={"at": at("14:30:00"), "done": 9_600, "fraction": 0.4}, started_at=NOW - 900_000),
        job(7, "billing.backfill", "Backfill invoices 2024", status="paused", done=3_402, total=12_600,
            unit="invoices", fraction=0.27, **eta(1_080.0, 1_000.0, 1_200.0), worker="worker-02",
            pause={"at": NOW - 1_140_000, "by": "Ada"}, started_at=NOW - 1_400_000, elapsed_s=260.0),
        queued(8, "orders.export", "Export orders, third quarter", 1, 65),
        queued(9, "orders.export", "Export orders, second quarter", 2, 60),
        queued(10, "orders.export", "Export orders, first quarter", 3, 50),
        queued(11, "media.thumbs", "Rebuild thumbnails, winter", 4, 40),
        queued(12, "media.thumbs", "Rebuild thumbnails, summer", 5, 30),
    ]  # fmt: skip


def one_phase(name: str) -> dict[str, Any]:
    facts = {"done": 0, "total": None, "unit": None, "started_at": NOW - 600_000, "finished_at": None}
    return {"name": name, **facts, "weight": 1.0, "typical": None}


def recent() -> list[Job]:
    """Last ended first."""
    archive = {
        "name": "invoices-2026-11.zip",
        "url": "/api/jobs/01JD9V7M3KX2T821/artifacts/invoices-2026-11.zip",
        "bytes": 48_000_000,
        "media_type": "application/zip",
    }
    return [
        job(21, "pdf.render", "Render invoice PDFs", fraction=1.0, done=1_204, total=1_204, unit="invoices",
            **ended("14:27:00", 138, "succeeded", message="1,204 invoices, 3 warnings"), artifacts=[archive]),
        job(20, "crm.sync", "Sync CRM contacts", attempt=3, done=20_117, total=30_000, unit="contacts",
            fraction=0.6706, **ended("14:19:00", 521, "failed"),
            error={"type": "ConnectionReset", "message": "peer closed the stream at row 20,117"},
            checkpoint={"at": at("14:18:40"), "done": 18_300, "fraction": 0.61}),
        job(22, "media.thumbs", "Rebuild thumbnails", fraction=0.38, done=38, total=100,
            **ended("13:58:00", 72, "cancelled", message="rolled back, nothing was changed"),
            cancel=cancel(at("13:57:58"), at("13:57:58") + 300, how="acknowledged")),
        job(23, "catalog.import", "Import price list, winter", fraction=1.0, done=48_310, total=48_310, unit="rows",
            **ended("13:44:00", 412, "succeeded", message="48,310 rows")),
    ]  # fmt: skip


SCHEMA = {
    "type": "object",
    "required": ["source", "batch_size"],
    "properties": {
        "source": {"type": "string", "title": "Source file", "default": "s3://imports/2026-11-22/catalogue.xlsx"},
        "batch_size": {"type": "integer", "minimum": 100, "maximum": 5_000, "default": 500},
        "tags": {"type": "array", "items": {"type": "string"}, "default": ["winter", "eu"]},
        "existing_rows": {"enum": ["Update them", "Replace the whole catalogue"], "default": "Update them"},
        "dry_run": {"type": "boolean", "default": False, "description": "check every row, write nothing"},
    },
}


def kind(name: str, title: str = "", **told: Any) -> dict[str, Any]:
    facts = {"doc": "", "params": {"type": "object", "properties": {}}, "cancel_note": None, "typical": None}
    return {"kind": name, "title": title, **facts, "stop_p50_s": None, "priority": 0, **told}


KINDS = [
    kind("catalog.import", "Import product catalogue", params=SCHEMA, stop_p50_s=20.0, typical=usual(360, 396, 474),
         doc="Reads a spreadsheet and updates products, variants and images.",
         cancel_note="finishes the current batch, then rolls it back"),
    kind("crm.sync"), kind("media.thumbs"), kind("pdf.render"), kind("seo.sitemap"),
    kind("search.reindex", stop_p50_s=20.0),
]  # fmt: skip

SUMMARY = {
    "running": 4, "queued": 5, "paused": 1, "stalled": 1, "lost": 0, "failed_today": 2, "finished_today": 148,
    "day_starts_at": at("00:00:00"), "finished": 148, "workers": 3, "slots_free": 0,
    "oldest_queued_at": NOW - 65_000, "storage": "ok",
}  # fmt: skip
NOTHING = dict.fromkeys(SUMMARY, 0) | {"oldest_queued_at": None, "storage": "ok", "slots_free": 4}


@dataclass
class Scene:
    """What the staged hub knows.

    Attributes:
        log, samples, history: of the open job.
        access: what a hub that lets nobody in answers to requests; `None` where it lets them in.
    """

    jobs: list[Job] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    history: dict[str, Any] = field(default_factory=lambda: dict(NO_HISTORY))
    kinds: list[dict[str, Any]] = field(default_factory=lambda: list(KINDS))
    summary: dict[str, Any] = field(default_factory=lambda: dict(SUMMARY))
    access: int | None = None


def morning() -> Scene:
    """The list of the mock."""
    return Scene(jobs=[*active(), *recent()])


def one_job(state: str = "running", **told: Any) -> Scene:
    """The page of one job, in a state of `IMPORTS`."""
    view = IMPORTS[state]() | told
    known = {"queued": LOG[:1], "plain": LOG[:2]}.get(state, [*LOG, *ENDS.get(state, [])])
    points = {"queued": list, "plain": plain_samples}.get(state, samples)
    history = NO_HISTORY if state == "plain" else HISTORY
    return Scene(jobs=[view], log=list(known), samples=points(), history=dict(history))


def nothing() -> Scene:
    """A hub that has never run anything."""
    return Scene(summary=dict(NOTHING))
