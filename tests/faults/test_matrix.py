"""Every way to run work and to report on it, with every outcome: what the hub has in its books, and what is left over.

`MATRIX` is the list. A cell says how each attempt of the job ended and, in brackets, how its cancel did, or of what
error it failed. A cell that says `none:` is not played, and why.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.faults import ways
from tests.faults.house import House, house
from tests.faults.ways import Cell
from tests.workers.queues.queueing import State, ends, has_ended

OUTCOMES = ("succeed", "fail", "cancel", "ignored", "killed", "restart")
WITH_THE_HUB = "none: it lives in the hub's own process, so that this is the restart of the hub"
AS_EXEC = "none: the command in the row of exec has this outcome"
FORCED, CANCELLED, LOST = "cancelled (forced)", "cancelled (acknowledged)", "lost (WorkerLost)"
FAILED, SUCCEEDED = "failed (ValueError)", "succeeded"
# Most are like this. "Forced" is the hub's SIGKILL for a child, and that of `exec`, of Celery and of RQ for theirs;
# nobody can end what else runs outside: where that ignores a cancel, a viewer declares it to be over.
USUAL = (SUCCEEDED, FAILED, CANCELLED, FORCED, LOST, SUCCEEDED)
OF_A_COMMAND = (SUCCEEDED, "failed (ExitStatus)", CANCELLED, FORCED, "failed (Killed)", SUCCEEDED)

MATRIX: dict[str, tuple[type[Cell], tuple[str, ...]]] = {
    "child process": (ways.HubStarted, USUAL),
    "thread": (
        ways.InThread,
        (SUCCEEDED, FAILED, CANCELLED, "succeeded (force refused)", WITH_THE_HUB, "interrupted, succeeded"),
    ),
    # Its task is cancelled, and so it tells its end itself.
    "loop": (
        ways.OnLoop,
        (SUCCEEDED, FAILED, CANCELLED, CANCELLED, WITH_THE_HUB, "interrupted, succeeded"),
    ),
    "track": (ways.Track, USUAL),
    "Job.open": (ways.OpenSync, USUAL),
    "async Job.open": (ways.OpenAsync, USUAL),
    "exec": (ways.Exec, OF_A_COMMAND),
    "exec of tqdm": (ways.ExecTqdm, OF_A_COMMAND),
    "exec itself": (ways.ExecItself, (AS_EXEC, AS_EXEC, AS_EXEC, AS_EXEC, LOST, AS_EXEC)),
    "workers.tqdm": (ways.OurTqdm, USUAL),
    "workers.rich": (ways.OurRich, USUAL),
    "pipe": (
        ways.Pipe,
        (SUCCEEDED, "failed (BrokenPipe)", CANCELLED, FORCED, LOST, SUCCEEDED),
    ),
    "curl": (ways.Curl, USUAL),
    # These two kill the process of their pool; an actor of Dramatiq's is a thread, in which an exception is raised.
    "Celery": (ways.OnCelery, (SUCCEEDED, FAILED, CANCELLED, FORCED, "failed (WorkerLostError)", SUCCEEDED)),
    "RQ": (ways.OnRq, (SUCCEEDED, FAILED, CANCELLED, FORCED, "failed (WorkerLost)", SUCCEEDED)),
    "Dramatiq": (ways.OnDramatiq, (SUCCEEDED, FAILED, CANCELLED, CANCELLED, LOST, SUCCEEDED)),
    "Hugging Face": (ways.HuggingFace, USUAL),
    "Lightning": (ways.Lightning, USUAL),
    # A future is cancelled whatever its task does, which Dask leaves to run to its end in its thread.
    "Dask": (ways.Dask, (SUCCEEDED, FAILED, CANCELLED, CANCELLED, LOST, SUCCEEDED)),
}
CELLS = {
    (way, outcome): text
    for place, outcome in enumerate(OUTCOMES)
    for way, (_, texts) in MATRIX.items()
    if not (text := texts[place]).startswith("none: ")
}
STATUS = {"succeeded": "succeeded", "failed": "failed", "cancelled": "cancelled", "lost": "failed"}


class Played:
    """A cell on its way through the column of its outcome.

    Args:
        cell: which.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._house = cell.house
        self.problem: BaseException | None = None
        self.job = ""
        self.state: State = {}
        self.jobs: list[str] = []
        self.refused = False
        self.left: list[str] = []

    def play(self, *steps: Callable[[Played], None]) -> None:
        """Some steps of it, unless an earlier one went wrong."""
        try:
            for step in steps if self.problem is None else ():
                step(self)
        except BaseException as problem:  # noqa: BLE001 - told by the test of this cell
            self.problem = problem

    def begin(self) -> None:
        """Up to the gate."""
        self.job = self._cell.start()
        if self._cell.outcome not in ("succeed", "fail"):
            self.state = self._house.seen(self.job, self._cell.half_way)

    def go_on(self) -> None:
        """Through whatever comes, to the end."""
        getattr(self, self._cell.outcome, self._cell.open)()
        self.state = self._house.seen(self.job, has_ended)
        if self._cell.outcome == "ignored":
            self._cell.open()
        self._cell.end()
        self.left = self._house.left(self._cell.mark(self.job))
        self.jobs = [self.job]
        if self._cell.own_kind:
            self.jobs = [job["id"] for job in self._house.hub.get(f"/api/jobs?kind={self._cell.name}")["jobs"]]

    def cancel(self) -> None:
        """It hears of it at its next report."""
        self._ask({})
        if self._cell.hears:
            self._house.seen(self.job, lambda state: state["cancel"]["delivered_at"] or has_ended(state))
        self._cell.open()

    def ignored(self) -> None:
        """It makes no next report."""
        self._cell.hold()
        self._ask({})
        if self._cell.forced_by_hand:
            self.refused = "errors/conflict" in self._ask({"force": True}).get("type", "")
            if self.refused:
                self._cell.open()

    def killed(self) -> None:
        self._cell.kill(self.state)

    def _ask(self, how: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._house.hub.post(f"/api/jobs/{self.job}/cancel", {"reason": "enough", **how})
        return answer

    def told(self) -> str:
        """What the hub has in its books, in the words of the matrix."""
        outcomes = ", ".join(end.removeprefix("attempt_") for end in ends(self.state))
        cancel, error = self.state["cancel"] or {}, self.state["error"] or {}
        why = "force refused" if self.refused else cancel.get("how") or error.get("type")
        return f"{outcomes} ({why})" if why else outcomes


class Columns:
    """The outcomes, each played by all ways at once, when its first cell is asked for.

    Args:
        around: where.
    """

    def __init__(self, around: House) -> None:
        self._house = around
        self._played: dict[str, dict[str, Played]] = {}

    def cell(self, way: str, outcome: str) -> Played:
        """What came of one."""
        if outcome not in self._played:
            self._played[outcome] = self._play(outcome)
        return self._played[outcome][way]

    def _play(self, outcome: str) -> dict[str, Played]:
        self._house.staff()
        chosen = [way for way, wanted in CELLS if wanted == outcome]
        cells = {way: Played(MATRIX[way][0](self._house, way, outcome)) for way in chosen}
        with ThreadPoolExecutor(len(cells)) as pool:
            if outcome == "restart":
                list(pool.map(lambda played: played.play(Played.begin), cells.values()))
                self._house.restart()
                list(pool.map(lambda played: played.play(Played.go_on), cells.values()))
            else:
                list(pool.map(lambda played: played.play(Played.begin, Played.go_on), cells.values()))
        return cells


@pytest.fixture(scope="module")
def columns() -> Iterator[Columns]:
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder, house(Path(folder)) as around:
        yield Columns(around)


@pytest.mark.parametrize(("way", "outcome"), CELLS)
def test_what_the_hub_tells_is_what_happened_and_nothing_is_left_over(columns: Columns, way: str, outcome: str) -> None:
    wanted = CELLS[way, outcome]
    played = columns.cell(way, outcome)
    if played.problem is not None:
        raise played.problem
    assert played.told() == wanted
    assert played.state["status"] == STATUS[wanted.partition(" (")[0].rpartition(", ")[2]]
    assert [attempt["outcome"] for attempt in played.state["attempts"]] == wanted.partition(" (")[0].split(", ")
    assert [entry["n"] for entry in played.state["log"]] == list(range(1, len(played.state["log"]) + 1))
    assert played.left == []
    assert played.jobs == [played.job]
