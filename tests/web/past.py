"""What the staged hub kept of the past: the points of charts, and earlier runs of a kind."""

from __future__ import annotations

from typing import Any

from tests.web.told import NOW, PHASES, STARTED, usual

# Seconds since the start and percent done; the rate of rows since the second phase.
COURSE = (
    (0, 0), (12, 2.5), (26, 7), (38, 10.1), (52, 13.2), (66, 17.4), (84, 21.5), (98, 24.6), (112, 28.4), (126, 31.7),
    (140, 35), (150, 36.6), (160, 38), (175, 39), (190, 41.5), (202, 45.8), (215, 50), (228, 53.3), (240, 56.4),
    (250, 59),
)  # fmt: skip
RATES = (180, 200, 186, 206, 180, 193, 172, 99, 46, 40, 120, 200, 220, 186)


def samples() -> list[dict[str, Any]]:
    """The points of the open job's chart."""
    points = []
    for index, (seconds, percent) in enumerate(COURSE):
        phase_ = 0 if seconds < 38 else 1 if seconds < 84 else 2
        rate = RATES[index - 6] if index >= 6 else 1_100.0 if phase_ == 1 else 220_000.0
        point = {"at": STARTED + seconds * 1_000, "phase": phase_, "done": percent * 500, "total": 50_000}
        points.append({**point, "fraction": percent / 100, "rate": float(rate)})
    return points


def plain_samples() -> list[dict[str, Any]]:
    """The points of a job without phases that began 34 s ago, as its chart has them."""
    points = []
    for seconds in range(0, 33, 4):
        share = 0.353 * seconds / 34
        numbers = {"done": share * 3_400_000_000, "total": 3_400_000_000, "fraction": share, "rate": 38_000_000.0}
        points.append({"at": NOW - 34_000 + seconds * 1_000, "phase": None, **numbers})
    return points


DURATIONS = (372, 408, 426, 354, 384, 576, 396, 420, 192, 366, 414, 444, 378, 402, 108, 390, 474, 372, 396, 420)
HISTORY = {
    "kind": "catalog.import",
    "runs": [
        {
            "job": f"01JD9V7M3KX2{index:04}",
            "status": {8: "failed", 14: "cancelled"}.get(index, "succeeded"),
            "started_at": NOW - (20 - index) * 86_400_000,
            "elapsed_s": float(seconds),
        }
        for index, seconds in enumerate(DURATIONS)
    ],
    "typical": usual(360, 396, 474),
    "phases": [{"name": one["name"], "typical": one["typical"]} for one in PHASES],
    "curve": [(point / 31) ** 1.24 for point in range(32)],
    "stop_p50_s": 20.0,
}
NO_HISTORY: dict[str, Any] = {"kind": "", "runs": [], "typical": None, "phases": [], "curve": [], "stop_p50_s": None}
