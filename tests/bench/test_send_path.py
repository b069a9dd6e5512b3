"""What telling viewers costs, as a ratio taken in one run: absolute figures are the machine's."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VIEWERS = 1_000
UPDATES = 40  # a round: 40,000 deliveries each way
ROUNDS = 7
BUDGET_S = 40


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


def measured(viewers: int, updates: int, rounds: int) -> list[dict[str, float]]:
    """CPU microseconds per delivered update, `fast_us` and `plain_us`, round by round."""
    from_crowd, to_server = os.pipe()
    with process("broadcaster.py", updates, rounds, stdin=from_crowd, stdout=subprocess.PIPE) as broadcaster:
        os.close(from_crowd)
        assert broadcaster.stdout is not None
        told = json.loads(broadcaster.stdout.readline())
        fast, plain = told["ports"]
        group = [viewers, "/ws"]
        with process("crowd.py", fast, *group, "+", plain, *group, stdin=subprocess.PIPE, stdout=to_server) as crowd:
            os.close(to_server)
            assert crowd.stdin is not None
            crowd.stdin.write(b"%d\n" % told["update_bytes"])
            crowd.stdin.flush()
            answer, _ = broadcaster.communicate(timeout=BUDGET_S)
    figures: list[dict[str, float]] = json.loads(answer)
    return figures


def test_a_delivered_update_costs_at_most_0_45_of_one_sent_by_the_plain_loop() -> None:
    rounds = measured(VIEWERS, UPDATES, ROUNDS)
    ratio = statistics.median(figures["fast_us"] / figures["plain_us"] for figures in rounds)
    fast, plain = (statistics.median(figures[way] for figures in rounds) for way in ("fast_us", "plain_us"))
    print(f"\n{VIEWERS} viewers: {fast:.1f} µs of CPU per update delivered, plain loop {plain:.1f} µs: {ratio:.2f}")
    assert ratio <= 0.45
