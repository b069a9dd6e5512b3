"""What earlier runs of each kind say, read from the store when it is first asked for and after each further run."""

from __future__ import annotations

from hub.history import PastRuns
from hub.store import Store
from hub.view import Outcome

RUNS_READ = 50  # of a kind: enough for steady percentiles, recent enough to follow a change


class Past:
    """The past of all kinds.

    Args:
        store: where runs are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs: dict[str, PastRuns] = {}
        self._stale: set[str] = set()

    async def of(self, kind: str) -> PastRuns:
        """What earlier runs of a kind say."""
        if kind not in self._runs or kind in self._stale:
            self._stale.discard(kind)
            succeeded = await self._store.runs(kind, RUNS_READ, Outcome.SUCCEEDED)
            cancelled = await self._store.runs(kind, RUNS_READ, Outcome.CANCELLED)
            self._runs[kind] = PastRuns(
                [(run.elapsed_s, run.phases, run.curve) for run in succeeded],
                [run.stop_s for run in cancelled if run.stop_s is not None],
            )
        return self._runs[kind]

    def known(self, kind: str) -> PastRuns | None:
        """The same, if it has been read already."""
        return self._runs.get(kind)

    def grows(self, kind: str) -> None:
        """A run of this kind ended: what is known of it is read anew when it is asked for."""
        self._stale.add(kind)
