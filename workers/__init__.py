"""The side that does the work: jobs are plain functions, and any script can report.

from workers import Job, job

@job("import-orders", title="Import {path.name}")
def import_orders(job: Job, path: Path) -> dict: ...
"""

from __future__ import annotations

from hub.view import Phase
from workers.job import Job
from workers.kinds import job
from workers.outside import track
from workers.started import Child, ChildCancelled, ChildFailed, ChildrenFailed
from workers.stopping import Cancelled

__all__ = [
    "Cancelled",
    "Child",
    "ChildCancelled",
    "ChildFailed",
    "ChildrenFailed",
    "Job",
    "Phase",
    "job",
    "track",
]
