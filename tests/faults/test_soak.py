"""The soak, in small; and the order of its faults. The full form is `python -m tests.faults.soak`."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

from tests.faults.schedule import KINDS, faults
from tests.faults.soak import soaked
from tests.serving import PATIENCE_S

SEED = 43  # the first faults are: kill the hub, kill a worker, stop the hub, kill a child, cancel
FAULTS = 5
LONGEST_S = 120.0  # never reached


def test_the_same_seed_makes_the_same_faults_in_the_same_order_and_another_seed_makes_others() -> None:
    first, again, other = ([str(fault) for fault in islice(faults(seed), 50)] for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_each_kind_of_fault_comes_once_in_each_round() -> None:
    round_ = [fault.kind for fault in islice(faults(SEED), len(KINDS))]
    assert sorted(round_) == sorted(KINDS)


async def test_whatever_befalls_a_hub_its_promises_hold(tmp_path: Path) -> None:
    figures = await soaked(tmp_path, SEED, LONGEST_S, viewers=8, work=2, within_s=PATIENCE_S, most=FAULTS)
    print(figures)
    assert figures.faults == Counter(fault.kind for fault in islice(faults(SEED), FAULTS))
    assert len(figures.recoveries_s) == FAULTS
    assert figures.jobs >= sum(figures.ends.values()) > 0
