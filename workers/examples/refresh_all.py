"""`refresh-all`: a `refresh-snapshot` for each of several folders of CSV files, each of them a job of its own."""

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from workers import Job, job
from workers.examples.places import existing_folder, scratch
from workers.examples.refresh_snapshot import TABLES

SAMPLES = {"North": 30_000, "South": 60_000, "West": 90_000}  # records to generate, where no folder is given
MOST = 1_000  # folders; each is a job


@job(
    "refresh-all",
    title="Refresh all snapshots",
    runs_in="thread",  # it only waits: a thread of the hub costs next to nothing
    cancel_note="cancels the refreshes that have not ended, and each of those rolls back; the others stay",
)
def refresh_all(
    job: Job,
    folder: Annotated[
        Path | None,
        Meta(
            description=f"Folder of folders with {', '.join(table.file for table in TABLES)} each; "
            "empty: three are generated"
        ),
    ] = None,
    databases: Annotated[
        Path | None,
        Meta(description="Where each gets a SQLite database of its name; empty: in a folder of yours"),
    ] = None,
    batch: Annotated[int, Meta(description="Records written at once", ge=1, le=100_000)] = 10_000,
) -> dict[str, Any]:
    """Load a database from each of several folders of CSV files, as many at once as this hub runs jobs.

    One that fails keeps none of the others from being refreshed; at the end it is told which did.
    """
    target = existing_folder(databases, "databases") if databases else scratch("refresh-all")
    sources = folders(folder) if folder else SAMPLES
    for name, source in sources.items():
        job.start(
            "refresh-snapshot",
            title=f"Refresh {name}",
            database=target / f"{name}.db",
            batch=batch,
            **({"records": source} if isinstance(source, int) else {"folder": source}),
        )
    job.message(f"{len(sources)} snapshots")
    results = job.wait()
    records = sum(sum(result["records"].values()) for result in results)
    job.message(f"{records:,} records in {len(sources)} snapshots")
    return {"databases": str(target), "snapshots": list(sources), "records": records}


def folders(folder: Path) -> dict[str, Path]:
    """The folders to load from, by name.

    Raises:
        FileNotFoundError: there is none with such files.
        ValueError: there are more than `MOST`.
    """
    found = sorted(existing_folder(folder, "folder").iterdir())
    sources = {one.name: one for one in found if any((one / table.file).is_file() for table in TABLES)}
    if not sources:
        raise FileNotFoundError(f"folder: {folder} has no folder with {', '.join(table.file for table in TABLES)}")
    if len(sources) > MOST:
        raise ValueError(f"folder: {folder} holds more than {MOST:,} folders")
    return sources
