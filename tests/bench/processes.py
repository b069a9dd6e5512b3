"""Scripts of this folder in processes of their own, and what the send path's give."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BUDGET_S = 150  # several times what a slow machine takes


@contextlib.contextmanager
def process(script: str, *arguments: object, **pipes: int | IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A script of this folder in a process of its own, which does not outlive the block."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, **pipes) as child:  # type: ignore[call-overload]  # only pipes
        try:
            yield child
        finally:
            child.kill()


def told(child: subprocess.Popen[bytes]) -> IO[bytes]:
    """What a process says; its standard output is a pipe."""
    assert child.stdout is not None
    return child.stdout


def tell(child: subprocess.Popen[bytes], line: bytes) -> None:
    """Say a line to a process whose standard input is a pipe."""
    assert child.stdin is not None
    child.stdin.write(line + b"\n")
    child.stdin.flush()


def send_costs(viewers: int, updates: int, rounds: int, jobs: int = 1) -> list[dict[str, float]]:
    """CPU microseconds per update delivered to one viewer, by the ways of `broadcaster.py`, round by round.

    Args:
        viewers: how many, each way.
        updates: a round.
        rounds: in each of which all ways take their turn.
        jobs: told of in one update.
    """
    from_crowd, to_server = os.pipe()
    arguments = (updates, rounds, jobs)
    with process("broadcaster.py", *arguments, stdin=from_crowd, stdout=subprocess.PIPE) as broadcaster:
        os.close(from_crowd)
        ports = json.loads(told(broadcaster).readline())
        groups = "+".join(f" {port} {viewers} /ws " for port in ports).split()
        with process("crowd.py", *groups, stdin=subprocess.PIPE, stdout=to_server) as crowd:
            os.close(to_server)
            tell(crowd, b"count")
            answer, _ = broadcaster.communicate(timeout=BUDGET_S)
    figures: list[dict[str, float]] = json.loads(answer)
    return figures
