"""Which messages of a worker a job refuses, before anything changes. Pure."""

from __future__ import annotations

from msgspec import UNSET

from hub import phases as steps
from hub.errors import Conflict, Invalid, OutOfOrder, Revoked
from hub.protocol import Artifact, AttemptMessage, CancelAck, Finish, Numbered, PhaseStart, Report
from hub.state import JobFacts, JobState
from hub.view import Curve, Phase, Status

MOST_ARTIFACTS = 100  # of one job; a list of more cannot be read


def admit(message: AttemptMessage, facts: JobFacts, state: JobState, history: Curve | None) -> None:
    """Refuse what the types of a message cannot tell to be wrong.

    Raises:
        Revoked: the attempt is over.
        Conflict: right in itself, but not in the status the job is in.
        OutOfOrder: an earlier numbered message is missing.
        Invalid: a field means something that does not exist, or one too many.
    """
    _check_attempt(message.attempt, facts, state)
    if isinstance(message, Numbered) and message.n != state.acked + 1:
        raise OutOfOrder(state.acked + 1, message.n)
    match message:
        case Report():
            _check_phase(message, state)
        case PhaseStart():
            steps.begin(state.phases, state.phase, Phase(name=message.name), history)
        case CancelAck() if state.cancel is None and state.timed_out_at is None:
            raise Conflict("no cancel was asked for")
        case Finish():
            _check_finish(message, facts)
        case Artifact():
            _check_artifact(message, facts, state)


def _check_attempt(attempt: int, facts: JobFacts, state: JobState) -> None:
    if attempt > state.attempt:
        raise Invalid(f"expected attempt {state.attempt}, got {attempt}", "attempt")
    if attempt < state.attempt or state.status.terminal:
        raise Revoked(f"attempt {attempt} of this job is over; the job is {state.status}", state.status)
    if state.status is Status.QUEUED and facts.startable:
        raise Conflict("this attempt has not been opened")


def _check_phase(message: Report, state: JobState) -> None:
    if message.phase is not UNSET and message.phase >= len(state.phases):
        raise Invalid(f"expected the index of one of {len(state.phases)} phases, got {message.phase}", "phase")


def _check_finish(message: Finish, facts: JobFacts) -> None:
    if message.retry_in_s is not None:
        if facts.startable:
            raise Conflict("work that the hub starts is tried again by the hub alone")
        if message.outcome != "failed":
            raise Invalid("expected only with the outcome failed", "retry_in_s")
    if message.forced:
        if facts.startable:
            raise Conflict("work that the hub starts is ended by force by the hub alone")
        if message.outcome != "cancelled":
            raise Invalid("expected only with the outcome cancelled", "forced")


def _check_artifact(message: Artifact, facts: JobFacts, state: JobState) -> None:
    if (message.path is None) == (message.url is None):
        raise Invalid("expected either path or url", "path")
    if message.path is not None and not facts.startable:
        raise Invalid("expected a url; only work that the hub started may attach files", "path")
    if len(state.artifacts) >= MOST_ARTIFACTS and all(one.name != message.name for one in state.artifacts):
        raise Invalid(f"expected at most {MOST_ARTIFACTS} artifacts, got one more", "name")
