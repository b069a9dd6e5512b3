"""Tells `barcast exec` of the bars of tqdm and rich in a Python program that knows nothing of it.

Nothing is imported for the program: its own import of tqdm or rich is what adds the hooks, on the class, so that
whoever took `tqdm.auto` or made a subclass is seen as well. A bar is told when it is drawn, not at its steps; a thread
looks now and then at those that are open, so that one which stands still is told as it stands. Nothing in here may
break a program.

Runs on Python 3.7 and later, with the standard library alone: the program's Python need not be ours.
"""

from __future__ import annotations

import _thread  # the module `threading` would be one more that the program did not ask for
import contextlib
import functools
import importlib
import itertools
import os
import sys
import time
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from socket import socket
    from types import ModuleType
    from typing import Any

PLACE = "BARCAST_BARS"  # where the socket is that bars are told to
INTERVAL_S = 0.05
LOOK_S = 0.2  # between two looks at the bars that are open
SEND_S = 0.5  # whoever runs us reads all the time; if not, it is told no more
TASKS = 100  # of one rich.progress.Progress
NAME_LENGTH = 200
MOST = 2**53 - 1  # that a page can count exactly (ECMAScript, Number.MAX_SAFE_INTEGER)


# ── Telling ───────────────────────────────────────────────────────────────────


class Line:
    """The way to whoever runs this program; each process that a fork makes has one of its own."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.lock = _thread.RLock()
        self._pid = 0
        self._socket: socket | None = None

    def tell(self, **bar: Any) -> None:
        """Tell how a bar stands; never fails."""
        try:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._socket = self._dial()
            if self._socket is not None:
                bar["id"] = f"{self._pid}-{bar['id']}"
                text = importlib.import_module("json").dumps(bar)  # not before there is a bar: most programs have none
                self._socket.sendall(text.encode() + b"\n")
        except Exception:  # noqa: BLE001  # a program does not end because nobody hears of its bars
            self._socket = None

    def _dial(self) -> socket:
        module: Any = importlib.import_module("socket")
        made: socket = module.socket(module.AF_UNIX, module.SOCK_STREAM)
        made.settimeout(SEND_S)
        made.connect(self.place)
        return made


line = Line(os.environ.get(PLACE, ""))
numbers = itertools.count(1)


class Watch:
    """Looks at what is open, in a thread for as long as something is: what stands still is drawn no more."""

    def __init__(self) -> None:
        self._looks: dict[int, Callable[[], Any]] = {}
        self._running = False

    def add(self, shown: Any, tell: Callable[[Any], None]) -> None:
        """Look at this, until it is let go of or forgotten."""
        key = id(shown)
        if key not in self._looks:
            known = weakref.ref(shown, lambda _: self._looks.pop(key, None))
            self._looks[key] = lambda: tell(known())
        if not self._running:
            self._running = True
            _thread.start_new_thread(self._run, ())

    def drop(self, shown: Any) -> None:
        """It is over."""
        self._looks.pop(id(shown), None)

    def has(self, shown: Any) -> bool:
        """Whether it is looked at."""
        return id(shown) in self._looks

    def _run(self) -> None:
        while self._running:
            time.sleep(LOOK_S)
            for look in list(self._looks.values()):
                look()
            with line.lock:
                self._running = bool(self._looks)


def number(value: Any) -> int | float | None:
    """A plain number; None for what is none, or negative, or beyond what the hub counts."""
    try:
        plain = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not 0 <= plain <= MOST:
        return None
    return int(plain) if plain == int(plain) else plain


def harmless(function: Callable[..., None]) -> Callable[..., None]:
    """The function, but without its exceptions."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> None:
        with contextlib.suppress(Exception):
            function(*args, **options)

    return call


def in_turn(function: Callable[..., None]) -> Callable[..., None]:
    """The same, and in one thread at a time: how a bar stood must not be told after its end."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> None:
        lock = line.lock
        mine = lock.acquire(timeout=SEND_S)  # whoever has it sends something, or waits for a lock that we have
        try:
            harmless(function)(*args, **options)
        finally:
            if mine:
                lock.release()

    return call


watch = Watch()


def renew() -> None:
    """In a forked process: the thread stayed behind, and may have had the lock."""
    global watch
    line.lock, watch = _thread.RLock(), Watch()


# ── tqdm ──────────────────────────────────────────────────────────────────────


class Silent:
    """Takes what a bar draws that asked not to be drawn where there is no terminal."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Nothing."""
        return len(text)

    def flush(self) -> None:
        """Nothing."""

    def isatty(self) -> bool:
        """It is none."""
        return False


@in_turn
def tell_tqdm(bar: Any, over: bool = False) -> None:
    """How a bar of tqdm stands that is drawn."""
    now = time.monotonic()
    if getattr(bar, "disable", True) or (not over and now < getattr(bar, "barcast_due", 0.0)):
        return
    bar.barcast_due = now + INTERVAL_S
    bar.barcast_told = tqdm_bar(bar, over)
    if over:
        watch.drop(bar)
    else:
        watch.add(bar, look_at_tqdm)
    line.tell(**bar.barcast_told)


@in_turn
def look_at_tqdm(bar: Any) -> None:
    """How a bar of tqdm stands, where that was not told; a loop counts steps that the bar itself is told of later."""
    if not watch.has(bar):
        return
    stands = tqdm_bar(bar, over=False)
    loop = getattr(bar, "barcast_loop", None)
    steps = number(loop.f_locals.get("n")) if loop is not None else None
    if steps is not None and steps > (stands["done"] or 0):
        stands["done"] = steps
    if stands != bar.barcast_told:
        bar.barcast_told = stands
        line.tell(**stands)


def tqdm_bar(bar: Any, over: bool) -> dict[str, Any]:
    """A bar, as it is told."""
    if not hasattr(bar, "barcast_id"):
        bar.barcast_id = next(numbers)
    unit = str(bar.unit).strip()[:NAME_LENGTH]
    return {
        "id": f"t{bar.barcast_id}", "name": str(bar.desc or "").rstrip(": ")[:NAME_LENGTH], "done": number(bar.n),
        "total": number(bar.total), "unit": None if unit in ("", "it") else unit, "over": over,
    }  # fmt: skip


def drawn_nowhere(options: dict[str, Any]) -> None:
    """A bar with `disable=None` that is on no terminal counts all the same, and draws nothing."""
    if options.get("disable", False) is None:
        file = options.get("file") or sys.stderr
        if not (hasattr(file, "isatty") and file.isatty()):
            options.update(disable=False, file=Silent())


def hook_tqdm(module: ModuleType) -> None:
    """Have all bars of tqdm tell."""
    kind: Any = module.tqdm
    begin, iterate, refresh, close = kind.__init__, kind.__iter__, kind.refresh, kind.close

    @functools.wraps(begin)
    def init(self: Any, *args: Any, **options: Any) -> None:
        harmless(drawn_nowhere)(options)
        begin(self, *args, **options)

    @functools.wraps(iterate)
    def iterated(self: Any) -> Any:
        loop = iterate(self)
        if not getattr(self, "disable", True):
            # Its frame, not the generator: that is closed as soon as nobody goes through it any more.
            self.barcast_loop = getattr(loop, "gi_frame", None)
        return loop

    @functools.wraps(refresh)
    def refreshed(self: Any, *args: Any, **options: Any) -> Any:
        tell_tqdm(self)
        return refresh(self, *args, **options)

    @functools.wraps(close)
    def closed(self: Any) -> None:
        tell_tqdm(self, over=True)
        self.barcast_loop = None
        close(self)

    kind.__init__, kind.__iter__, kind.refresh, kind.close = init, iterated, refreshed, closed


# ── rich ──────────────────────────────────────────────────────────────────────

AT_ONCE = frozenset({"add_task", "start_task", "stop_task", "reset", "remove_task", "stop"})
SOMETIMES = frozenset({"update", "advance", "get_renderable"})  # the last is called when it is drawn


@in_turn
def tell_rich(progress: Any, at_once: bool, over: bool) -> None:
    """How the tasks of a `rich.progress.Progress` stand, those that changed."""
    now = time.monotonic()
    if progress.disable or (not at_once and now < getattr(progress, "barcast_due", 0.0)):
        return
    progress.barcast_due = now + INTERVAL_S
    if over:
        watch.drop(progress)
    else:
        watch.add(progress, look_at_rich)
    if not hasattr(progress, "barcast_id"):
        progress.barcast_id, progress.barcast_told = next(numbers), {}
    told = progress.barcast_told
    tasks = {task.id: task for task in progress.tasks[:TASKS] if task.visible}
    for key in set(told) - set(tasks):
        told_last = dict(told.pop(key), over=True)
        line.tell(**told_last)
    for key, task in tasks.items():
        bar = rich_bar(f"r{progress.barcast_id}.{key}", task, over)
        if told.get(key) != bar:
            told[key] = bar
            line.tell(**bar)


@in_turn
def look_at_rich(progress: Any) -> None:
    """How tasks stand that nobody draws by themselves."""
    if watch.has(progress):
        tell_rich(progress, at_once=False, over=False)


def rich_bar(name: str, task: Any, over: bool) -> dict[str, Any]:
    """A task, as it is told."""
    return {
        "id": name, "name": shown(str(task.description)).strip()[:NAME_LENGTH],
        "done": number(task.completed), "total": number(task.total), "unit": None,
        "over": over or task.finished,
    }  # fmt: skip


def shown(text: str) -> str:
    """A description as it is drawn; one that is no markup is drawn as it is, by a column that takes it so."""
    markup: Any = importlib.import_module("rich.markup")
    try:
        return str(markup.render(text).plain)
    except markup.MarkupError:
        return text


def hook_rich(module: ModuleType) -> None:
    """Have all progress displays of rich tell."""
    kind: Any = module.Progress
    for name in AT_ONCE | SOMETIMES:
        setattr(kind, name, told_after(getattr(kind, name), name))


def told_after(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A method that tells after it has done what it does."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        result = method(self, *args, **options)
        tell_rich(self, at_once=name in AT_ONCE, over=name == "stop")
        return result

    return call


# ── Noticing the imports ──────────────────────────────────────────────────────

HOOKS: dict[str, Callable[[ModuleType], None]] = {"tqdm.std": hook_tqdm, "rich.progress": hook_rich}


class Watcher:
    """Stands first among the finders of modules, and adds its hook to one that is found by another."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The specification of a module that is to be hooked, None for others."""
        if name not in HOOKS:
            return None
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        specs = (finder.find_spec(name, path, target) for finder in others)
        found: ModuleSpec | None = next((spec for spec in specs if spec is not None), None)
        if found is not None and found.loader is not None:
            harmless(hook_into)(found.loader, HOOKS[name])
        return found


def hook_into(loader: Any, hook: Callable[[ModuleType], None]) -> None:
    """Have a loader call the hook once it has run the module."""
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module
        run(module)
        harmless(hook)(module)

    loader.exec_module = exec_module


def install() -> None:
    """Begin to watch; what is imported already is hooked at once."""
    for name, hook in HOOKS.items():
        if name in sys.modules:
            harmless(hook)(sys.modules[name])
    watcher: Any = Watcher()
    sys.meta_path.insert(0, watcher)


def begin() -> None:
    """Tell of bars, where there is somebody to tell."""
    if line.place:
        os.register_at_fork(after_in_child=renew)
        harmless(install)()
