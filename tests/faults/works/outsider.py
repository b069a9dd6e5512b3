"""A worker that the hub did not start, in a process of its own: counts for some seconds."""

from __future__ import annotations

import sys
import time

from workers import Job

with Job.open("outsider", total=int(sys.argv[1])) as job:
    for number in job.track(range(int(sys.argv[1]))):
        job.log(f"line {number}")
        time.sleep(0.05)
