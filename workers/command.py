"""Runs any command as a job: passes through what it prints and what is typed, tells the hub how far it is.

Without a hub the command runs as it would alone, and its exit status is ours in every case.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from msgspec import Struct

from hub.view import Failure
from workers.address import Address
from workers.desk import Desk
from workers.order import ENVIRONMENT, mark
from workers.outside import Session, opening
from workers.patterns import Patterns
from workers.process import tree
from workers.pseudoterminal import Raw, default_stop, foreground, hand_over, is_suspend, resize, start
from workers.relay import Relay
from workers.stack import bounded
from workers.standard import complain, hold
from workers.steering import BY_SIGNAL, Steering, report_end
from workers.teller import Teller

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as shells say it (POSIX, Shell Command Language, 2.8.2)
PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
INTERPRETERS = ("python", "bash", "sh", "node", "ruby", "perl")


class Order(Struct, kw_only=True):
    """What to run, and how.

    Attributes:
        command: program and arguments.
        title: what the job is called; None for the command line.
        kind: name under which such runs are grouped; None for the program's name, or its script's.
        patterns: regular expressions that read progress, instead of those known.
        grace_s: seconds from SIGTERM to SIGKILL after a cancel; None for the hub's.
        terminal: whether the command has a pseudo-terminal, or pipes.
    """

    command: list[str]
    title: str | None = None
    kind: str | None = None
    patterns: Sequence[str] = ()
    grace_s: float | None = None
    terminal: bool = True


def run(order: Order, *, address: Address | None = None, token: str | None = None) -> int:
    """Run a command as a job, to its end. Call it in the main thread: it takes the signals meanwhile.

    Args:
        order: what to run.
        address: where the hub is; None for `BARCAST_URL`, or the default address.
        token: for its Authorization header; None for `BARCAST_TOKEN`.

    Returns:
        the command's exit status; 128 and the signal's number where one killed it, 127 where it was not found,
        126 where it could not be run.

    Raises:
        Invalid: a pattern is none, or the hub would not take the title or the kind.
    """
    hold(stdin=os.O_RDWR, others=os.O_RDWR)
    patterns = Patterns(order.patterns)
    title = order.title or shlex.join(order.command)
    introduction = opening(order.kind or kind_of(order.command), title=title)
    marked = mark(f"exec-{secrets.token_hex(8)}", 1)
    with contextlib.ExitStack() as leaving:
        running = Running(order, marked)
        leaving.callback(running.close)
        try:
            running.start()
        except OSError as error:
            session = Session(introduction, address=address, token=token)
            return not_started(session, order.command[0], error)
        session = Session(introduction, address=address, token=token, blocking=False)
        session.attempt.stack = running.processes
        return running.follow(session, patterns)


def kind_of(command: Sequence[str]) -> str:
    """What such runs are called: the program's name; of an interpreter's run the script's, or the module's."""
    program, *arguments = command
    program = Path(program).name
    if program.startswith(INTERPRETERS):
        match arguments:
            case ["-m", module, *_]:
                return module
            case [script, *_] if not script.startswith("-"):
                return Path(script).stem
    return program


def not_started(session: Session, program: str, error: OSError) -> int:
    """Say that a command could not be started, here and on the hub; the exit status."""
    missing = isinstance(error, FileNotFoundError)
    text = f"{program}: {'command not found' if missing else error.strerror}"
    complain(text)
    session.fail(Failure(type="NotStarted", message=text))
    return NOT_FOUND if missing else NOT_EXECUTABLE


class Running:
    """A command, from its start to its end.

    Args:
        order: what to run.
        marked: value of `BARCAST_JOB` that all its processes carry.
    """

    def __init__(self, order: Order, marked: str) -> None:
        self._order = order
        self._marked = marked
        self._handlers: dict[int, Any] = {}
        self._raw = Raw()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._desk = self._open_desk()
        self._typed = self._handed_over = False
        self._exited = False

    def _open_desk(self) -> Desk | None:
        with contextlib.suppress(OSError):  # no temporary folder: the bars are read from what is printed
            return Desk(lambda bar: self._teller.show(bar), lambda prefix: self._teller.gone(prefix))
        return None

    def processes(self) -> str:
        """In place of a stack, which only the command's own code could tell: what runs of it."""
        lines = ["A command in processes of its own; where it is in its code is not known here. They are:"]
        for one in sorted(tree(None, self._marked), key=lambda process: process.pid):
            with contextlib.suppress(psutil.Error):
                lines.append(f"  {one.pid} {one.name()}, {one.status()}")
        return bounded("\n".join(lines) + "\n")

    def start(self) -> None:
        """Start it.

        Raises:
            OSError: the system cannot.
        """
        # Not by `_catch`: where that is ignored (as some who start us have it), nobody is told, and no status is kept.
        self._handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, self._child_changed)
        self._woken_before = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)  # just before a wait, too
        environment = {**os.environ, ENVIRONMENT: self._marked}
        environment.pop("BARCAST_BARS", None)  # of a command around this one: each has bars of its own
        if self._desk is not None:
            environment = self._desk.environment(environment)
        self._handed_over = not self._order.terminal and foreground()
        self._started = start(self._order.command, environment, terminal=self._order.terminal)

    def follow(self, session: Session, patterns: Patterns) -> int:
        """Pass everything on until it ends, and report the end; its exit status."""
        self._session = session
        self._teller = Teller(session.attempt, patterns)
        self._steering = Steering(self._started.pid, session, self._marked, self._order.grace_s, self._wake)
        self._relay = Relay(self._started, self._heard, self._keys, self._broke)
        self._catch_all()
        self._arrange()
        self._child_changed()
        while not self._exited:
            self._turn()
        return self._end()

    # ── Passing on ────────────────────────────────────────────────────────────

    def _turn(self) -> None:
        now = time.monotonic()
        waits = [self._teller.wait_s(now), self._steering.wait_s(now)]
        others = {self._woken: self._clear, **(self._desk.descriptors() if self._desk else {})}
        wait_s = min((wait for wait in waits if wait is not None), default=None)
        self._relay.turn(others, wait_s, typing=self._raw.on)
        now = time.monotonic()
        if self._desk is not None and self._teller.wait_s(now) == 0.0:
            self._desk.hear_all()
        self._teller.turn(now, bars=self._bars)
        self._steering.kill_if_overdue(now)

    @property
    def _bars(self) -> bool:
        return self._desk is not None and self._desk.busy

    def _heard(self, stream: int, block: bytes) -> None:
        self._teller.printed(stream, block, time.monotonic())

    def _keys(self, keys: bytes) -> bytes:
        """What is typed. Ctrl-Z suspends us with the command where the command itself leaves that to the system."""
        keyboard = self._started.keyboard
        if keyboard is not None and is_suspend(keys, keyboard) and default_stop(self._started.pid):
            self._suspend()
            return b""
        return keys

    def _broke(self) -> None:
        """Nobody reads what it prints: it is to feel that, as it would alone."""
        self._steering.send(signal.SIGPIPE)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"\0")

    def _clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    # ── Signals ───────────────────────────────────────────────────────────────

    def _catch(self, name: str, act: Any) -> None:
        """Take a signal, unless we were started with it ignored (`nohup`): then the command ignores it, too."""
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._handlers[number] = signal.signal(number, act)

    def _catch_all(self) -> None:
        for name in PASSED_ON:
            self._catch(name, lambda number, _frame: self._steering.pass_on(number))
        self._catch("SIGWINCH", lambda _number, _frame: self._resize())
        self._catch("SIGTSTP", lambda _number, _frame: self._suspend())
        self._catch("SIGCONT", lambda _number, _frame: self._arrange())

    def _child_changed(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """It has ended; or it was stopped at our own terminal, and we are with it."""
        self._wake()
        if not hasattr(self, "_started") or self._exited:
            return
        options = os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        found = os.waitid(os.P_PID, self._started.pid, options)
        if found is None:
            return
        if found.si_code != os.CLD_STOPPED:
            self._exited = True
        elif self._handed_over and found.si_status in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            self._suspend()

    def _resize(self) -> None:
        if self._order.terminal:
            for terminal in self._relay.terminals:
                resize(terminal)

    def _arrange(self) -> None:
        """Our terminal as it has to be while the command runs in the foreground."""
        if self._started.keyboard is not None and foreground():
            self._raw.enter()
        self._resize()
        self._wake()

    def _suspend(self) -> None:
        """Stop, with the command, until somebody continues us."""
        self._steering.send(signal.SIGSTOP)
        self._raw.leave()
        if self._handed_over:
            hand_over(os.getpgrp())
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.killpg(0, signal.SIGTSTP)  # here we stand still
        signal.signal(signal.SIGTSTP, ours)
        self._arrange()
        if self._handed_over and foreground():
            hand_over(self._started.pid)
        if not self._steering.paused:
            self._steering.send(signal.SIGCONT)

    # ── The end ───────────────────────────────────────────────────────────────

    def _end(self) -> int:
        self._relay.drain(patiently=self._steering.cancelled_at is None)
        if self._desk is not None:
            self._desk.hear_all()
        self._teller.finish(time.monotonic(), bars=self._bars)
        status = self._steering.collect()
        self.close()
        with contextlib.suppress(KeyboardInterrupt):  # while the end is on its way
            report_end(self._session, self._steering, status, self._teller.last_line)
        return BY_SIGNAL - status if status < 0 else status

    def close(self) -> None:
        """Leave everything as it was; again and again, if need be."""
        self._raw.leave()
        if self._handed_over:
            self._handed_over = False
            hand_over(os.getpgrp())
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._handlers:
            signal.set_wakeup_fd(self._woken_before)
        self._handlers.clear()
        if self._desk is not None:
            self._desk.close()
