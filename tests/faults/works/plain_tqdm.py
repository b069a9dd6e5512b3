import signal

from tqdm import tqdm

from tests.faults.works.acting import script, wait

outcome, gate = script()
if outcome == "ignored":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for item in tqdm(range(5), mininterval=0):
    if item == 3:
        wait(outcome, gate)
