"""What the staged hub answers to requests."""

from __future__ import annotations

import re
from typing import Any

from tests.web.scenes import Scene
from tests.web.told import Job


def told(scene: Scene, log_gap: dict[str, int] | None, path: str, url: str) -> Any:
    """The JSON at a path."""
    if path == "/api/kinds":
        return {"kinds": scene.kinds}
    if path == "/api/summary":
        return scene.summary
    if path.endswith("/history"):
        return scene.history
    if path.endswith("/samples"):
        return {"samples": scene.samples}
    if path.endswith("/log"):
        return {"entries": scene.log, "log_gap": log_gap}
    if path == "/api/jobs":
        return {"jobs": listed(scene, url), "next": None}
    return next((job for job in scene.jobs if job["id"] == path.split("/")[3]), None)


def listed(scene: Scene, url: str) -> list[Job]:
    """Those of the statuses that are asked for."""
    wanted = set(re.findall(r"status=(\w+)", url))
    return [job for job in scene.jobs if not wanted or job["status"] in wanted]
