"""Waiting for what nobody tells of, such as the state of another's process: it is looked at, now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.workers.fake_hub import BOUND_S

LOOK_S = 0.01  # so that who is looked at has the processor meanwhile


def until(true: Callable[[], object]) -> None:
    """Wait until something is true, for as long as any test waits at most."""
    by_s, never = time.monotonic() + BOUND_S, threading.Event()
    while not true():
        assert time.monotonic() < by_s, "it never was"
        never.wait(LOOK_S)
