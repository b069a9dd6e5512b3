"""Seven kinds of job that do real work on the files of this machine; importing this module registers them all.

Each is meant to be copied: one plain function, its parameters typed and described in the signature.
"""

from workers.examples.archive_folder import archive_folder
from workers.examples.check_python import check_python
from workers.examples.csv_report import csv_report
from workers.examples.hash_tree import hash_tree
from workers.examples.ingest_samples import ingest_samples
from workers.examples.refresh_all import refresh_all
from workers.examples.refresh_snapshot import refresh_snapshot

__all__ = [
    "archive_folder",
    "check_python",
    "csv_report",
    "hash_tree",
    "ingest_samples",
    "refresh_all",
    "refresh_snapshot",
]
