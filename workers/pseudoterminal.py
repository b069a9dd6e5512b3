"""Start a command in a terminal of its own, or with pipes, so that all it prints passes through here unchanged."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import termios
import tty
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from workers.standard import STDERR, STDIN, STDOUT

ROWS, COLUMNS = 24, 80  # where there is no terminal to take them from
OPOST, LFLAGS, CONTROL = 1, 3, 6  # places in what tcgetattr returns
IGNORED_BY_PYTHON = tuple(
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)
)  # which no other program expects to be ignored
PAGERS = ("PAGER", "GIT_PAGER", "SYSTEMD_PAGER", "MANPAGER")  # on a terminal they wait for keys: not where nobody types
Attributes = list[Any]  # of termios: numbers, and a list of control characters


class Started(Struct):
    """A command that runs.

    Attributes:
        pid: its process, head of a process group of that number.
        outputs: where its output is read, and the descriptor of ours that each passes on to.
        keyboard: where what is typed is written; None where it has our stdin itself.
    """

    pid: int
    outputs: dict[int, int]
    keyboard: int | None = None


# ── Our own terminal ──────────────────────────────────────────────────────────


def foreground() -> bool:
    """Whether stdin is a terminal that is ours to read."""
    try:
        return os.isatty(STDIN) and os.tcgetpgrp(STDIN) == os.getpgrp()
    except OSError:
        return False


class Raw:
    """Our terminal while every key pressed is passed on as it is.

    Attributes:
        on: whether it is so now.
    """

    def __init__(self) -> None:
        self.on = False
        self._earlier: Attributes | None = None

    def enter(self) -> None:
        """From here on."""
        if not self.on:
            self._earlier = termios.tcgetattr(STDIN)
            tty.setraw(STDIN, termios.TCSADRAIN)  # what was typed already is not lost
            self.on = True

    def leave(self) -> None:
        """As it was before."""
        if self.on and self._earlier is not None:
            self.on = False
            with contextlib.suppress(termios.error):  # it may have been closed
                termios.tcsetattr(STDIN, termios.TCSADRAIN, self._earlier)


def size() -> tuple[int, int]:
    """Rows and columns of our terminal, 24 and 80 where there is none."""
    for descriptor in (STDOUT, STDIN, STDERR):
        with contextlib.suppress(OSError):
            found = os.get_terminal_size(descriptor)
            if found.lines and found.columns:
                return found.lines, found.columns
    return ROWS, COLUMNS


def resize(descriptor: int) -> None:
    """Make another terminal as large as ours; its programs are told by SIGWINCH."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", *size(), 0, 0))


def is_suspend(keys: bytes, keyboard: int) -> bool:
    """Whether these keys, typed into a terminal, are the one that suspends what runs in it (Ctrl-Z)."""
    attributes = termios.tcgetattr(keyboard)
    signals = bool(attributes[LFLAGS] & termios.ISIG)
    return signals and keys == attributes[CONTROL][termios.VSUSP]


def default_stop(pid: int) -> bool:
    """Whether a process does on SIGTSTP what the system does by default; False where that cannot be told.

    From `SigIgn` and `SigCgt` of `/proc/PID/status` (proc(5)): bit masks, signal 1 the lowest bit.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigIgn:", "SigCgt:"))]
    except (OSError, ValueError, IndexError):
        return False
    return bool(masks) and not any(mask >> (signal.SIGTSTP - 1) & 1 for mask in masks)


# ── Starting ──────────────────────────────────────────────────────────────────


def start(command: Sequence[str], environment: Mapping[str, str], *, terminal: bool) -> Started:
    """Start a command, with our stdout and stderr between it and the world.

    Where both of ours are one and the same, so are the command's; else each is kept apart.

    Args:
        command: program and arguments; found on PATH.
        environment: its variables.
        terminal: in a pseudo-terminal, which then is its session's own; else with pipes.

    Raises:
        OSError: the system could not start it.
    """
    together = os.path.sameopenfile(STDOUT, STDERR)
    with contextlib.ExitStack() as ends:
        if terminal:
            return _in_terminal(command, environment, together, ends)
        return _with_pipes(command, environment, together, ends)


def _in_terminal(
    command: Sequence[str], environment: Mapping[str, str], together: bool, ends: contextlib.ExitStack
) -> Started:
    typed = foreground()
    if not typed:
        environment = {**environment, **dict.fromkeys(PAGERS, "cat")}
    master, slave = _open(STDOUT, ends, typed=typed)
    outputs = {master: STDOUT}
    # The first terminal that a session without one opens becomes its controlling terminal.
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, STDOUT, os.ttyname(slave), os.O_RDWR, 0)
    ]
    if os.isatty(STDIN):
        actions.append((os.POSIX_SPAWN_DUP2, STDOUT, STDIN))
    if together:
        actions.append((os.POSIX_SPAWN_DUP2, STDOUT, STDERR))
    else:
        other, slave_of_other = _open(STDERR, ends, typed=typed)
        outputs[other] = STDERR
        actions.append((os.POSIX_SPAWN_DUP2, slave_of_other, STDERR))
    pid = _spawn(command, environment, outputs, file_actions=actions, setsid=True)
    return Started(pid, outputs, master if typed else None)


def _open(target: int, ends: contextlib.ExitStack, *, typed: bool) -> tuple[int, int]:
    """A pseudo-terminal whose output goes to one of ours.

    Lines end with a carriage return (OPOST) only where our own terminal does not see to that, being raw.
    """
    master, slave = pty.openpty()
    ends.callback(os.close, slave)
    resize(slave)
    if os.isatty(STDIN):
        termios.tcsetattr(slave, termios.TCSANOW, termios.tcgetattr(STDIN))
    attributes = termios.tcgetattr(slave)
    if not (typed and os.isatty(target)):
        attributes[OPOST] &= ~termios.OPOST
    if not typed:
        _answer_nothing(attributes)
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    os.set_blocking(master, False)
    return master, slave


def _answer_nothing(attributes: Attributes) -> None:
    """Nobody types: who asks at the terminal, for a password say, finds the end of the input at once (termios(3))."""
    attributes[LFLAGS] &= ~(termios.ICANON | termios.ECHO)
    attributes[CONTROL][termios.VMIN] = attributes[CONTROL][termios.VTIME] = 0


def _with_pipes(
    command: Sequence[str], environment: Mapping[str, str], together: bool, ends: contextlib.ExitStack
) -> Started:
    outputs: dict[int, int] = {}
    actions = []
    for target in (STDOUT,) if together else (STDOUT, STDERR):
        ours, its = os.pipe()
        ends.callback(os.close, its)
        os.set_blocking(ours, False)
        outputs[ours] = target
        actions.append((os.POSIX_SPAWN_DUP2, its, target))
    if together:
        actions.append((os.POSIX_SPAWN_DUP2, STDOUT, STDERR))
    pid = _spawn(command, environment, outputs, file_actions=actions, setpgroup=0)
    if foreground():
        hand_over(pid)
    return Started(pid, outputs)


def _spawn(command: Sequence[str], environment: Mapping[str, str], outputs: dict[int, int], **how: object) -> int:
    try:
        return os.posix_spawnp(command[0], command, environment, setsigdef=IGNORED_BY_PYTHON, **how)  # type: ignore[arg-type]  # its options, by name
    except BaseException:
        for descriptor in outputs:
            os.close(descriptor)
        raise


def hand_over(group: int) -> None:
    """Give our terminal to another process group, as a shell does; one that tried to read before is woken.

    The signal that this sends to whoever is not in the foreground (SIGTTOU) is not ours to mind.
    """
    earlier = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(STDIN, group)
            os.killpg(group, signal.SIGCONT)
    finally:
        signal.signal(signal.SIGTTOU, earlier)
