"""One job in every state, in the protocol's words, as it stands at `NOW`: what the staged hub tells of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Job = dict[str, Any]
Entry = dict[str, Any]


def at(clock: str) -> int:
    """Milliseconds of `14:31:07` on the staged day."""
    return int(datetime.fromisoformat(f"2026-11-22T{clock}").replace(tzinfo=UTC).timestamp() * 1_000)


NOW = at("14:31:07")
ME = "01JD9V7M3KX2T800"  # the job whose page is open

DEFAULTS: Job = {
    "params": {},
    "tags": {},
    "by": "Ada Byron",
    "parent": None,
    "priority": 0,
    "timeout_s": None,
    "children": None,
    "status": "running",
    "attempt": 1,
    "max_attempts": 3,
    "seq": 10,
    "done": None,
    "total": None,
    "unit": None,
    "fraction": None,
    "rate": None,
    "eta_s": None,
    "eta_low_s": None,
    "eta_high_s": None,
    "typical": None,
    "phase": None,
    "phases": [],
    "counters": {},
    "message": None,
    "stalled": False,
    "retry_at": None,
    "queue_position": None,
    "starts_in_s": None,
    "pause": None,
    "worker": "worker-01",
    "viewers": 1,
    "cancel": None,
    "checkpoint": None,
    "result": None,
    "error": None,
    "artifacts": [],
    "attempts": [],
    "created_at": NOW - 60_000,
    "started_at": NOW - 55_000,
    "advanced_at": NOW - 200,
    "heard_at": NOW - 200,
    "finished_at": None,
    "elapsed_s": 55.0,
}


def job(number: int, kind: str, title: str, **told: Any) -> Job:
    """A whole job."""
    return {**DEFAULTS, "id": f"01JD9V7M3KX2T8{number:02}", "kind": kind, "title": title, **told}


def eta(middle_s: float, low_s: float, high_s: float) -> Job:
    return {"eta_s": middle_s, "eta_low_s": low_s, "eta_high_s": high_s}


def usual(p10_s: float, p50_s: float, p90_s: float, runs: int = 18) -> dict[str, float]:
    return {"runs": runs, "p10_s": p10_s, "p50_s": p50_s, "p90_s": p90_s}


def cancel(requested_at: int, acknowledged_at: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "requested_at": requested_at,
        "by": "Ada",
        "reason": None,
        "delivered_at": acknowledged_at,
        "acknowledged_at": acknowledged_at,
        "deadline_at": requested_at + 60_000,
        "forced_at": None,
        "how": None,
        **more,
    }


def ended(clock: str, took_s: float, status: str, **told: Any) -> Job:
    """The part of a job that tells its end; nobody watches it any more."""
    finished = at(clock)
    start = {"started_at": finished - int(took_s * 1_000), "created_at": finished - int(took_s * 1_000) - 4_000}
    return {**start, "finished_at": finished, "elapsed_s": took_s, "status": status, "viewers": 0, **told}


# ── The job whose page is open ───────────────────────────────────────────────

STARTED = at("14:26:55")
TURNS = (STARTED, at("14:27:33"), at("14:28:19"))  # when each phase began
LENGTHS = (usual(30, 38, 45), usual(40, 46, 50), usual(180, 240, 300), usual(52, 60, 68))
WEIGHTS = (0.101, 0.114, 0.608, 0.177)


def phase(index: int, name: str, unit: str, done: int, total: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "unit": unit,
        "done": done,
        "total": total,
        "started_at": TURNS[index] if index < len(TURNS) else None,
        "finished_at": TURNS[index + 1] if index + 1 < len(TURNS) else None,
        "weight": WEIGHTS[index],
        "typical": LENGTHS[index],
    }


PHASES = [
    phase(0, "Download", "bytes", 8_400_000, 8_400_000),
    phase(1, "Parse", "cells", 400_000, 400_000),
    phase(2, "Validate", "rows", 31_240, 50_000),
    phase(3, "Write", "rows", 0, None),
]
COUNTERS = {"products": 12_480, "variants": 16_032, "images": 2_614, "ok": 31_126, "errors": 114}
CHECKPOINT = {"at": at("14:31:01"), "done": 30_000, "fraction": 0.5798}


def importing(**told: Any) -> Job:
    """`Import product catalogue`, in the third of its four phases."""
    facts = {
        "params": {
            "source": "s3://imports/2026-11-22/catalogue.xlsx",
            "batch_size": 500,
            "existing_rows": "Update",
            "dry_run": False,
        },
        "tags": {"winter": "", "eu": ""},
        "seq": 130,
        "done": 31_240,
        "total": 50_000,
        "unit": "rows",
        "fraction": 0.5949,
        "rate": 186.2,
        **eta(179.0, 150.0, 235.0),
        "typical": usual(360, 396, 474),
        "phase": 2,
        "phases": PHASES,
        "counters": COUNTERS,
        "message": "Checking SKU references, sheet 3 of 5",
        "worker": "worker-03",
        "viewers": 3,
        "checkpoint": CHECKPOINT,
        "created_at": at("14:26:51"),
        "started_at": STARTED,
        "elapsed_s": 252.0,
    }
    return job(0, "catalog.import", "Import product catalogue", **(facts | told))


NO_ETA = {"eta_s": None, "eta_low_s": None, "eta_high_s": None, "rate": None}


def failing() -> dict[str, str]:
    return {"type": "ValueError", "message": "sheet 3, row 31,241: “12,4O” is not a price"}


IMPORTS: dict[str, Callable[[], Job]] = {
    "running": importing,
    "requested": lambda: importing(status="cancelling", cancel=cancel(NOW - 2_000)),
    "stopping": lambda: importing(
        status="cancelling", **NO_ETA, message="Rolling back batch 63", cancel=cancel(NOW - 3_000, NOW - 2_700)
    ),
    "failed": lambda: importing(**NO_ETA, **ended("14:31:07", 252, "failed"), error=failing()),
    "cancelled": lambda: importing(
        **NO_ETA,
        **ended("14:31:07", 252, "cancelled", message="rolled back, nothing was changed"),
        cancel=cancel(at("14:30:51"), at("14:30:51"), how="acknowledged"),
    ),
    "done": lambda: importing(
        **NO_ETA,
        **ended("14:31:07", 252, "succeeded", message="49,886 rows", result={"rows": 49_886, "set_aside": 114}),
        phase=3,
        fraction=1.0,
        done=49_886,
        total=49_886,
        phases=[one | {"finished_at": one["finished_at"] or NOW, "started_at": one["started_at"] or NOW - 20_000}
                for one in PHASES],
        artifacts=[{"name": "set-aside.csv", "url": f"/api/jobs/{ME}/artifacts/set-aside.csv", "bytes": 18_211,
                    "media_type": "text/csv"}],
    ),
    "paused": lambda: importing(status="paused", rate=None, pause={"at": at("14:30:12"), "by": "Ada"}),
    "stalled": lambda: importing(stalled=True, **NO_ETA, advanced_at=NOW - 45_000, heard_at=NOW - 3_000),
    "lost": lambda: importing(status="lost", **NO_ETA, advanced_at=NOW - 38_000, heard_at=NOW - 38_000),
    "waiting": lambda: importing(
        status="queued", attempt=2, **NO_ETA, retry_at=NOW + 8_000, heard_at=NOW - 38_000, fraction=0.5798, done=30_000,
        attempts=[{"attempt": 1, "outcome": "lost", "fraction": 0.5949, "started_at": STARTED,
                   "finished_at": NOW - 8_000, "error": None}],
    ),
    "queued": lambda: importing(
        **NO_ETA, status="queued", done=None, total=None, unit=None, fraction=None, phase=None, message=None,
        phases=[one | {"done": 0, "started_at": None, "finished_at": None} for one in PHASES],
        counters={}, worker=None, checkpoint=None, created_at=NOW - 65_000, started_at=None, advanced_at=None,
        heard_at=None, elapsed_s=0.0, queue_position=3, starts_in_s=240.0,
    ),
    "plain": lambda: job(
        0, "backup.upload", "Upload nightly backup", done=1_200_000_000, total=3_400_000_000, unit="bytes",
        fraction=0.353, rate=38_000_000.0, **eta(58.0, 52.0, 70.0), message="Part 19 of 54", started_at=NOW - 34_000,
        elapsed_s=34.0,
    ),
}  # fmt: skip


def entry(n: int, clock: str, event: str, text: str, level: str = "info", data: Any = None) -> Entry:
    return {"n": n, "at": at(clock), "attempt": 1, "level": level, "event": event, "text": text, "data": data}


LOG = [
    entry(1, "14:26:51", "created", "Queued by Ada"),
    entry(2, "14:26:55", "started", "Started on worker-03"),
    entry(3, "14:26:55", "phase", "Phase Download"),
    entry(4, "14:27:33", "phase", "Phase Parse"),
    entry(5, "14:28:19", "phase", "Phase Validate"),
    entry(6, "14:29:02", "checkpoint", "Checkpoint at 10,000 rows"),
    entry(7, "14:29:38", "entry", "114 rows have no valid price and were set aside", "warning"),
    entry(8, "14:29:55", "checkpoint", "Checkpoint at 20,000 rows"),
    entry(9, "14:31:01", "checkpoint", "Checkpoint at 30,000 rows"),
]
ENDS = {
    "stopping": [
        entry(10, "14:31:04", "cancel_requested", "Cancel requested by Ada"),
        entry(11, "14:31:04", "cancel_acknowledged", "worker-03 confirmed after 0.3 s"),
    ],
    "failed": [entry(10, "14:31:07", "attempt_failed", f"ValueError: {failing()['message']}", "error")],
    "cancelled": [
        entry(10, "14:30:51", "cancel_requested", "Cancel requested by Ada"),
        entry(11, "14:31:07", "attempt_cancelled", "Cancelled"),
    ],
    "done": [entry(10, "14:31:07", "attempt_succeeded", "Done")],
    "paused": [entry(10, "14:30:12", "paused", "Paused by Ada")],
    "lost": [entry(10, "14:31:00", "lost", "worker-03 does not answer", "warning")],
}


STATES = ("queued", "running", "stalled", "paused", "requested", "stopping", "lost", "waiting", "failed", "done",
          "cancelled")  # fmt: skip


def every_state() -> list[Job]:
    """One row for each state, else the same job."""
    return [IMPORTS[state]() | {"id": f"01JD9V7M3KX2T8S{index}", "title": f"Import {index}"}
            for index, state in enumerate(STATES)]  # fmt: skip
