"""What reporting costs the work that is reported on: shares and ratios of CPU time, taken in one run.

- A real job, `ingest-samples`, whose messages are made, sampled by the thread that does it in a worker, encoded, and
  acknowledged in memory. The share is that thread's CPU time and the time inside the calls that report, over all
  that the process used: once for progress alone (phases, `advance`, messages), once with the checkpoint and the log
  entry of every batch too. Beside it stands the plain difference to the same function on a job that says
  nothing, in turns: nothing is left out of it, but it drowns in the noise.
- The hot calls: loops under `phase.track()` and loops that call `job.advance(1)`, beside the plain loop and tqdm's
  with its defaults, while the sampler runs. A ratio is what they add to the plain loop over what tqdm adds to it,
  each the least of rounds in which all take their turn. tqdm looks at the clock at every step of its first tenth of
  a second and seldom afterwards; the ratios to a bar that never does are printed beside.
- The same for the `track()` of scripts, beside a real hub: each loop is a job there, with its opening and its end, and
  those are counted too.
"""

from __future__ import annotations

import io
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from tqdm import tqdm

from hub.codec import encode
from hub.protocol import FromWorker
from tests.serving import hub_process
from workers import Job, job, line, track
from workers.examples.ingest_samples import ingest_samples, readings
from workers.phase import RunningPhase
from workers.rehearsal import Rehearsal

SAMPLES, BATCH = 1_000_000, 50_000
PAIRS = 5
ITEMS = 400_000
ROUNDS = 9
LIMITS = {
    "track": (0.1, "tqdm()"),
    "track list": (0.1, "tqdm()"),
    "track generator": (0.2, "tqdm()"),  # what cannot be put back is counted by an iterator more
    "advance": (0.4, "update"),
}


class SilentJob:
    """A job that says nothing, whatever is called; its phases too."""

    attempt = 1
    checkpoint_data = None
    done = 0

    def __getattr__(self, name: str) -> Callable[..., SilentJob]:
        return lambda *_, **__: self

    def __enter__(self) -> SilentJob:
        return self

    def __exit__(self, *_: object) -> None: ...


class Timed:
    """Stands before a job, or a phase of one, and adds up the CPU time of the calls to it.

    Args:
        real: who is called.
        silent: calls that come to nothing.
    """

    spent_s = 0.0

    def __init__(self, real: Job | RunningPhase, silent: tuple[str, ...] = ()) -> None:
        self._real = real
        self._silent = silent

    def __getattr__(self, name: str) -> Any:
        found = getattr(SilentJob() if name in self._silent else self._real, name)
        return partial(self._call, found) if callable(found) else found

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        before_s = time.thread_time()
        result = method(*args, **kwargs)
        Timed.spent_s += time.thread_time() - before_s
        return Timed(result) if isinstance(result, RunningPhase) else result

    def __enter__(self) -> Timed:
        return self

    def __exit__(self, *_: object) -> None: ...


class Ear(Rehearsal):
    """A hub in memory to which everything is encoded, as it is for a socket.

    Attributes:
        heard: messages and their bytes.
        sampling_s: CPU time of the thread that sends.
    """

    heard = (0, 0)
    sampling_s = 0.0

    def send(self, message: FromWorker) -> bool:
        count, size = self.heard
        self.heard = count + 1, size + len(encode(message, "json"))
        taken = super().send(message)
        if threading.current_thread() is not threading.main_thread():
            self.sampling_s = time.thread_time()
        return taken


def cpu_s(work: Callable[[], object]) -> float:
    before_s = time.process_time()
    work()
    return time.process_time() - before_s


def reported(file: Path, silent: tuple[str, ...] = ()) -> tuple[float, float, tuple[int, int]]:
    """Run the job once; returns its CPU seconds, the share of them that reporting took, and what was heard."""
    ear, Timed.spent_s = Ear(ingest_samples), 0.0
    ear.job = cast(Job, Timed(ear.job, silent))
    spent_s = cpu_s(lambda: ear.run(file=file, batch=BATCH))
    return spent_s, (Timed.spent_s + ear.sampling_s) / spent_s, ear.heard


def test_reporting_costs_a_real_job_less_than_a_hundredth_of_its_time(tmp_path: Path) -> None:
    file = tmp_path / "readings.f64"
    file.write_bytes(readings(0, BATCH).tobytes() * (SAMPLES // BATCH))
    alone, whole, difference = [], [], []
    for _ in range(PAIRS):
        silent_s = cpu_s(lambda: ingest_samples(cast(Job, SilentJob()), file=file, batch=BATCH))
        alone_s, share, heard = reported(file, silent=("checkpoint", "log"))
        alone.append(share)
        difference.append(alone_s / silent_s - 1)
        whole.append(reported(file)[1])
    print(f"\nprogress alone, {heard[0]} messages in {alone_s:.2f} s of CPU time: {statistics.median(alone):.3%}")
    print(f"  (beside the same work in silence {statistics.median(difference):+.1%}, {PAIRS} pairs)")
    print(f"with a checkpoint and a log entry every {BATCH:,} samples: {statistics.median(whole):.2%}")
    assert heard[0] >= 3  # two phases and the end, at least
    assert statistics.median(alone) < 0.01
    assert statistics.median(whole) < 0.05  # about half a millisecond a batch: checked, kept, encoded, acknowledged


def through(items: Iterable[object]) -> None:
    for _ in items:
        pass


def advancing(job: Job) -> None:
    for _ in range(ITEMS):
        job.advance(1)


def updating(bar: tqdm[None]) -> None:
    for _ in range(ITEMS):
        bar.update(1)


def generated() -> Iterator[None]:
    return (None for _ in range(ITEMS))


Loops = dict[str, Callable[[], object]]


def script_loops() -> Loops:
    """Loops of a script, without and with its `track()`."""
    bar, items = partial(tqdm, file=io.StringIO()), list(range(ITEMS))
    return {
        "plain": lambda: through(range(ITEMS)),
        "track": lambda: through(track(range(ITEMS))),
        "tqdm()": lambda: through(bar(range(ITEMS))),
        "settled tqdm()": lambda: through(bar(range(ITEMS), miniters=ITEMS + 1)),
        "plain list": lambda: through(items),
        "track list": lambda: through(track(items)),
        "plain generator": lambda: through(generated()),
        "track generator": lambda: through(track(generated())),
    }


def hot_calls(job: Job) -> Loops:
    """Loops of as many steps, each counted in one way."""
    bar = partial(tqdm, file=io.StringIO())
    settled = partial(bar, miniters=ITEMS + 1)  # as a bar that has run for long: it does not look at the clock
    tracked, items = job.phase("Loop").track, list(range(ITEMS))
    return {
        "plain": lambda: through(range(ITEMS)),
        "track": lambda: through(tracked(range(ITEMS))),
        "tqdm()": lambda: through(bar(range(ITEMS))),
        "settled tqdm()": lambda: through(settled(range(ITEMS))),
        "plain list": lambda: through(items),
        "track list": lambda: through(tracked(items)),
        "plain generator": lambda: through(generated()),
        "track generator": lambda: through(tracked(generated())),
        "advance": lambda: advancing(job),
        "update": lambda: updating(bar(total=ITEMS)),
        "settled update": lambda: updating(settled(total=ITEMS)),
    }


def least_ns(ways: Loops) -> dict[str, float]:
    """Nanoseconds of CPU time an item, in the best of rounds in which all take their turn."""
    rounds = [{way: cpu_s(work) for way, work in ways.items()} for _ in range(ROUNDS)]
    return {way: min(figures[way] for figures in rounds) / ITEMS * 1e9 for way in ways}


def added(ns: dict[str, float]) -> dict[str, float]:
    """What each way adds to the loop of the same items without it."""
    plain = {way: f"plain {way.partition(' ')[2]}".strip() for way in ns}
    return {way: cost - ns[plain[way] if plain[way] in ns else "plain"] for way, cost in ns.items()}


def test_hot_calls_add_less_to_a_loop_than_those_of_tqdm() -> None:
    tqdm.monitor_interval = 0  # its watching thread would outlive the test
    ns: dict[str, float] = {}

    @job("hot-calls")
    def loops(job: Job) -> None:
        ns.update(least_ns(hot_calls(job)))

    Rehearsal(loops).run()
    check(ns)


def test_the_loop_of_a_script_adds_less_than_that_of_tqdm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tqdm.monitor_interval = 0  # as above
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with hub_process(tmp_path / "hub.db") as hub:
        monkeypatch.setenv("BARCAST_URL", hub.url)
        ns = least_ns(script_loops())
        line.close_all()
        jobs = hub.get("/api/jobs?limit=100")["jobs"]
    assert [(job["status"], job["done"]) for job in jobs] == [("succeeded", ITEMS)] * 3 * ROUNDS
    check(ns)


def check(ns: dict[str, float]) -> None:
    """Print the figures, and compare what was measured with its limits."""
    cost = added(ns)
    print("\nnanoseconds an item: " + ", ".join(f"{way} {figure:.0f}" for way, figure in ns.items()))
    limits = {way: limit for way, limit in LIMITS.items() if way in ns}
    for way, (_, theirs) in limits.items():
        settled = cost[way] / cost[f"settled {theirs}"]
        print(f"{way} adds {cost[way] / cost[theirs]:.3f} of what {theirs} adds ({settled:.3f} without its clock)")
    missed = {way: cost[way] / cost[theirs] for way, (aim, theirs) in limits.items() if cost[way] > aim * cost[theirs]}
    assert not missed
