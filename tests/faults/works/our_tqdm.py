from tests.faults.works.acting import script, wait
from workers.tqdm import tqdm

outcome, gate = script()
for item in tqdm(range(5), mininterval=0):
    if item == 3:
        wait(outcome, gate)
