from tests.faults.works.acting import script, wait
from workers.rich import Progress

outcome, gate = script()
with Progress() as progress:
    rows = progress.add_task("Rows", total=5)
    for item in range(5):
        progress.advance(rows)
        if item == 2:
            wait(outcome, gate)
