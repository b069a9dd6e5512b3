"""What went wrong with single files while the job as a whole goes on."""

from typing import Any, Literal

from workers import Job

SHOWN = 100  # entries written per job: its log keeps the newest 1,000, and the others matter, too


class Complaints:
    """Counts every error; logs the first `SHOWN` and, at the end, how many more there were.

    Args:
        job: whose log and counter `errors` are used.
        level: of each entry.
    """

    def __init__(self, job: Job, level: Literal["warning", "error"]) -> None:
        self.job = job
        self.level = level
        self.count = 0
        job.count("errors", 0)

    def add(self, text: str, data: dict[str, Any] | None = None) -> None:
        """One more error."""
        self.count += 1
        self.job.count("errors")
        if self.count <= SHOWN:
            self.job.log(text, level=self.level, data=data)

    def add_unreadable(self, error: OSError) -> None:
        """One more file or folder that the system does not let us read."""
        name = shown(error.filename or "a file")
        self.add(f"{name}: {error.strerror or error}", {"file": name})

    def close(self) -> None:
        """Say how many were counted without an entry of their own."""
        if self.count > SHOWN:
            self.job.log(f"{self.count - SHOWN:,} more errors were counted, not logged", level=self.level)


def shown(name: object) -> str:
    """A file name as text; bytes in it that are not UTF-8 become `\\xNN`."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
