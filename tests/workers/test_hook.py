"""Scripts that know nothing of Barcast, under `barcast exec`: their bars of tqdm and rich are phases of its job."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.view import JobView, Status
from tests.serving import HubProcess, hub_process
from tests.workers.beside import BOUND_S, NOBODY, barcast, environment, job_named, job_where
from workers.bars import Bar
from workers.desk import BUFFER_BYTES, HOOK, MOST, Desk

Figures = list[tuple[str, float | None, float | None]]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with hub_process(tmp_path_factory.mktemp("hub") / "hub.db", "workers.examples") as running:
        yield running


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script.py"


def run(hub: HubProcess, script: Path, code: str, *arguments: str, **environ: str) -> tuple[JobView, bytes]:
    """Run a script under `exec`: the job, and what was printed."""
    script.write_text(code)
    done = subprocess.run(
        barcast("exec", "--title", script.parent.name, *arguments, "--", sys.executable, str(script)),
        env=environment(hub.url, **environ), capture_output=True, timeout=BOUND_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return job_named(hub, script.parent.name), done.stdout + done.stderr


def figures(job: JobView) -> Figures:
    return [(phase.name, phase.done, phase.total) for phase in job.phases]


def test_bars_of_tqdm_are_phases_and_are_drawn_as_ever(hub: HubProcess, script: Path) -> None:
    code = """
from tqdm.auto import tqdm, trange
for _ in tqdm(range(5), desc="Load", unit="rows"): pass
for _ in trange(3): pass
with tqdm(total=2000, unit="B", unit_scale=True, desc="Fetch", leave=False) as bar:
    bar.update(1500); bar.set_description("Fetch more"); bar.update(500)
for _ in tqdm(iter(range(7)), desc="Endless"): pass
bar = tqdm(desc="By hand"); bar.total = 4; bar.update(4); bar.refresh(); bar.close(); bar.close()
print("done")
"""
    job, printed = run(hub, script, code)
    assert figures(job) == [
        ("Load", 5, 5), ("Bar 2", 3, 3), ("Fetch", 2000, 2000), ("Endless", 7, None), ("By hand", 4, 4),
    ]  # fmt: skip
    assert [phase.unit for phase in job.phases] == ["rows", None, "B", None, None]
    assert b"Load: 100%" in printed
    assert b"5/5" in printed
    assert b"done\n" in printed


def test_nested_bars_are_told_in_the_message_and_their_text_is_not_logged(hub: HubProcess, script: Path) -> None:
    code = """
from tqdm import tqdm
for _ in tqdm(range(2), desc="Epochs"):
    for _ in tqdm(range(100), desc="Batches", leave=False): pass
    tqdm.write("an epoch")
"""
    job, _ = run(hub, script, code)
    assert figures(job) == [("Epochs", 2, 2)]
    entries = [entry["text"] for entry in hub.log_of(job.id) if (entry["data"] or {}).get("from") == "output"]
    assert entries == ["an epoch", "an epoch"]


def test_pandas_and_pools_of_threads_and_processes_are_seen_too(hub: HubProcess, script: Path) -> None:
    code = """
import pandas
from tqdm.auto import tqdm
from tqdm.contrib.concurrent import process_map, thread_map
def square(n): return n * n
if __name__ == "__main__":
    tqdm.pandas(desc="Rows")
    pandas.Series(range(50)).progress_apply(square)
    thread_map(square, range(20), desc="Threads", max_workers=2)
    process_map(square, range(10), desc="Processes", max_workers=2, chunksize=1)
"""
    job, _ = run(hub, script, code)
    assert figures(job) == [("Rows", 50, 50), ("Threads", 20, 20), ("Processes", 10, 10)]


def test_bars_that_hide_where_there_is_no_terminal_count_all_the_same(hub: HubProcess, script: Path) -> None:
    code = """
from tqdm import tqdm
for _ in tqdm(range(9), desc="Hidden", disable=None): pass
for _ in tqdm(range(9), desc="Unwanted", disable=True): pass
"""
    job, printed = run(hub, script, code, "--no-pty")
    assert figures(job) == [("Hidden", 9, 9)]
    assert printed == b""


def test_bars_of_a_script_inside_a_script_are_seen_too(hub: HubProcess, script: Path) -> None:
    (script.parent / "inner.py").write_text("from tqdm import tqdm\nfor _ in tqdm(range(4), desc='Inner'): pass")
    code = "import subprocess, sys; subprocess.run([sys.executable, __file__.replace('script.py', 'inner.py')])"
    assert figures(run(hub, script, code)[0]) == [("Inner", 4, 4)]


def test_tasks_of_rich_are_phases(hub: HubProcess, script: Path) -> None:
    code = """
from rich.progress import Progress, track
for _ in track(range(30), "[red]Track"): pass
with Progress() as progress:
    first, second = progress.add_task("First", total=4), progress.add_task("Second", total=None, start=False)
    for _ in range(4): progress.advance(first)
    progress.start_task(second); progress.update(second, total=6, completed=3)
    gone = progress.add_task("Gone"); progress.reset(gone); progress.remove_task(gone)
    progress.update(second, advance=2); progress.stop_task(second)
"""
    job, _ = run(hub, script, code)
    assert figures(job) == [("Track", 30, 30), ("First", 4, 4), ("Second", 6, 6)]  # success fills the last


STILL = {
    "drawn": "bar = iter(tqdm(range(5), desc='Stands', mininterval=0)); [next(bar) for _ in range(4)]",
    "looping": "bar = iter(tqdm(range(5), desc='Stands')); [next(bar) for _ in range(4)]",
    "updated": "bar = tqdm(total=5, desc='Stands'); [bar.update() for _ in range(3)]",
    "rich": (
        "from rich.progress import Progress; bar = Progress(auto_refresh=False); task = bar.add_task('Stands', total=5)"
        "\nfor _ in range(3): bar.advance(task)"
    ),
    "forked": (
        "bar = tqdm(total=1, desc='Parent'); child = os.fork()\n"
        "if child: bar.update(); bar.close(); os.waitpid(child, 0); sys.exit()\n"
        "bar = iter(tqdm(range(5), desc='Stands')); [next(bar) for _ in range(4)]"
    ),
}


@pytest.mark.parametrize("way", STILL)
def test_a_bar_that_stands_still_is_told_as_it_stands(hub: HubProcess, script: Path, way: str) -> None:
    gate = script.parent / "gate"
    os.mkfifo(gate)
    script.write_text(f"import os, sys\nfrom tqdm import tqdm\n{STILL[way]}\nopen({str(gate)!r}).read()")
    command = barcast("exec", "--title", f"still {way}", "--", sys.executable, str(script))
    process = subprocess.Popen(command, env=environment(hub.url), stdin=subprocess.DEVNULL)
    try:
        job = job_where(hub, lambda job: job.title == f"still {way}" and job.done == 3)
        assert job.phases[job.phase or 0].name == "Stands"
        gate.write_bytes(b"")
        assert process.wait(BOUND_S) == 0
    finally:
        process.kill()
        process.wait(BOUND_S)


def test_what_looks_at_bars_is_gone_with_them_and_keeps_nothing_alive(hub: HubProcess, script: Path) -> None:
    code = """
import gc, sys, weakref
from tqdm import tqdm
gc.disable()
class Item: pass
known = []
def items():
    for _ in range(3):
        item = Item()
        known.append(weakref.ref(item))
        yield item
        del item
for item in tqdm(items()): pass
del item
for item in tqdm(items()): break
del item
assert [one() for one in known] == [None] * 4
hook = sys.modules["barcast_hook"]
bar = tqdm(total=3)
assert hook.watch.has(bar)
del bar
while hook.watch._running: pass
assert not hook.watch._looks
bar = tqdm(total=3, desc="Open to the end")
"""
    run(hub, script, code)


def test_the_sitecustomize_that_was_there_before_runs_too(hub: HubProcess, script: Path) -> None:
    folder = script.parent / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys; sys.was_run = True")
    code = "import sys, sitecustomize; print(sys.was_run, sitecustomize.__file__, [p for p in sys.path if 'hook' in p])"
    path = os.pathsep.join([environment("")["PYTHONPATH"], str(folder)])
    _, printed = run(hub, script, code, PYTHONPATH=path)
    assert printed == f"True {folder}/sitecustomize.py []\n".encode()


def test_without_anybody_to_tell_the_hook_is_silent(script: Path) -> None:
    """As when a script goes on after its `exec` was killed."""
    script.write_text("from tqdm import tqdm\nfor _ in tqdm(range(3), file=__import__('sys').stdout): pass")
    path = os.pathsep.join([str(HOOK), environment("")["PYTHONPATH"]])
    for place in (str(script.parent / "nobody"), ""):
        done = subprocess.run(
            [sys.executable, str(script)],
            env=environment(NOBODY, PYTHONPATH=path, BARCAST_BARS=place), capture_output=True, timeout=BOUND_S,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"3/3" in done.stdout


# ── The other end ─────────────────────────────────────────────────────────────


class Heard:
    """A desk, and what came to it."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.gone: list[str] = []
        self.desk = Desk(self.bars.append, self.gone.append)
        self.place = self.desk.environment({})["BARCAST_BARS"]

    def turn(self) -> None:
        for act in list(self.desk.descriptors().values()):
            act()

    def call(self) -> socket.socket:
        caller = socket.socket(socket.AF_UNIX)
        caller.connect(self.place)
        self.turn()
        return caller


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    yield made
    made.desk.close()


def test_what_is_no_bar_is_passed_over(heard: Heard) -> None:
    with heard.call() as caller:
        good = json.dumps({"id": "1-a", "name": "ok", "done": 3}).encode()
        bad = [b"", b"no", b'{"id": 5}', b'{"id": "1-b", "done": -1}', b'{"id": "1-c", "done": 1e400}', b"\xff"]
        caller.sendall(b"\n".join([*bad, good, b'{"id": "1-d", "na']))
        heard.turn()
        caller.sendall(b'me": "cut"}\n')
        heard.turn()
        assert [bar.name for bar in heard.bars] == ["ok", "cut"]
        assert heard.desk.busy
    heard.turn()
    assert heard.gone == ["1-"]


def test_a_line_without_end_is_not_kept(heard: Heard) -> None:
    with heard.call() as caller:
        for _ in range(3):
            caller.sendall(b"x" * BUFFER_BYTES)
            heard.turn()
        caller.sendall(b'\n{"id": "1-a"}\n')
        heard.turn()
        assert [bar.id for bar in heard.bars] == ["1-a"]


def test_so_many_may_come_and_only_their_user_can(heard: Heard) -> None:
    callers = [heard.call() for _ in range(MOST + 1)]
    callers[-1].settimeout(BOUND_S)
    assert callers[-1].recv(1) == b""
    assert Path(heard.place).parent.stat().st_mode & 0o077 == 0
    for caller in callers:
        caller.close()
    heard.desk.close()
    assert not Path(heard.place).parent.exists()


def test_the_way_to_the_desk_goes_before_the_python_path() -> None:
    heard = Heard()
    assert heard.desk.environment({"PYTHONPATH": "/a:/b"})["PYTHONPATH"] == f"{HOOK}:/a:/b"
    assert heard.desk.environment({"PYTHONPATH": ""})["PYTHONPATH"] == str(HOOK)
    heard.desk.close()


def test_the_folder_of_the_hook_holds_nothing_else() -> None:
    names = {path.name for path in HOOK.iterdir()} - {"__pycache__"}
    assert names == {"sitecustomize.py", "barcast_hook.py"}


def test_a_finished_job_of_bars_succeeded(hub: HubProcess, script: Path) -> None:
    job, _ = run(hub, script, "from tqdm import tqdm\nfor _ in tqdm(range(2)): pass")
    assert (job.status, job.fraction) == (Status.SUCCEEDED, 1.0)
