from tests.faults.works.acting import script, wait
from workers import Job

outcome, gate = script()
with Job.open() as job:
    for item in job.track(range(5)):
        if item == 2:
            wait(outcome, gate)
