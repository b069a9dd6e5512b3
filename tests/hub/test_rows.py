"""Rows and changes for the store."""

from __future__ import annotations

from hub.rows import ArtifactRow, CheckpointRow, RunRow, Write, fields_of
from hub.view import Outcome
from tests.hub.stored import job_row

CHECKPOINT = CheckpointRow(job="c", attempt=1, at=0, done=None, fraction=None, data=b"null")
ARTIFACT = ArtifactRow(job="a", name="n", path=None, url="https://example.org", bytes=None, media_type=None)
RUN = RunRow(
    kind="k", job="r", attempt=1, status=Outcome.FAILED, started_at=None, finished_at=1, elapsed_s=0.0, stop_s=None,
    phases={}, curve=[],
)  # fmt: skip


def test_a_change_knows_whose_it_is() -> None:
    writes = [
        Write(job=job_row("j")), Write(job_id="i"), Write(checkpoint=CHECKPOINT), Write(run=RUN),
        Write(artifact=ARTIFACT), Write(),
    ]  # fmt: skip
    assert [write.about for write in writes] == ["j", "i", "c", "r", "a", ""]


def test_a_rows_fields_by_name() -> None:
    assert fields_of(CHECKPOINT, "data", "at") == {"job": "c", "attempt": 1, "done": None, "fraction": None}
