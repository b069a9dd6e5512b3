import asyncio

from tests.faults.works.acting import script, wait_on_loop
from workers import Job


async def main(outcome: str, gate: str) -> None:
    async with Job.open() as job:
        for item in range(5):
            job.advance()
            if item == 2:
                await wait_on_loop(outcome, gate)


asyncio.run(main(*script()))
