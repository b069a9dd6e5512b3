"""A hub that goes and comes back under load, in small; the full form is `python -m tests.faults.restart`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.restart import restarted
from tests.serving import PATIENCE_S

VIEWERS, JOBS = 60, 2


async def test_after_each_restart_all_viewers_are_right_and_all_work_goes_on_where_it_was(tmp_path: Path) -> None:
    for figures in await restarted(tmp_path, VIEWERS, JOBS, "kill", "term"):
        assert max(figures.right_s) < PATIENCE_S
        assert figures.tries >= VIEWERS
