"""Five tasks on a real cluster inside this process; two of them wait at the gate."""

import sys
from pathlib import Path

from distributed import Client, LocalCluster

from tests.faults.works.acting import script, wait
from workers.dask import follow


def task(number: int, outcome: str, gate: str) -> int:
    if number == 3:
        wait(outcome, gate)
    return number


if __name__ == "__main__":
    settings = {"processes": False, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "protocol": "tcp"}
    with LocalCluster(n_workers=1, threads_per_worker=2, **settings) as cluster, Client(cluster) as client:
        follow(client.map(task, range(5), *([part] * 5 for part in script())), kind=Path(sys.argv[0]).stem).wait()
