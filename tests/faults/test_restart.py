"""A hub that goes and comes back under load, in small; the full form is `python -m tests.faults.restart`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.restart import Restart, restarted
from tests.serving import PATIENCE_S

VIEWERS, JOBS = 60, 2
LEASE_S, AWAY_S = 2.0, 2.2


async def test_after_each_restart_all_viewers_are_right_and_all_work_goes_on_where_it_was(tmp_path: Path) -> None:
    play = Restart(tmp_path, VIEWERS, JOBS, away_s=AWAY_S, lease_s=LEASE_S)
    for figures in await restarted(play, "away", "term"):
        assert max(figures.right_s) < PATIENCE_S
        assert figures.tries >= VIEWERS
