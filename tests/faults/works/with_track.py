from tests.faults.works.acting import script, wait
from workers import track

outcome, gate = script()
for item in track(range(5), unit="rows"):
    if item == 2:
        wait(outcome, gate)
