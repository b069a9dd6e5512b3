"""Whether another attempt follows a failed one by itself, and how long it waits. Pure."""

from __future__ import annotations

import hashlib

from hub.state import JobFacts, JobState

MOST_DOUBLINGS = 60  # more overflow, and no limit is above them


def backoff_ms(facts: JobFacts, state: JobState) -> int | None:
    """Milliseconds from a failure of the current attempt to the next one; None where no other follows by itself.

    The wait doubles with each failure up to `backoff_max_s`; half of it is fixed, the other half is jitter ("equal
    jitter": Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015), so that what failed together
    does not come back together.
    """
    if not facts.startable or state.attempt >= state.max_attempts:
        return None
    wait_s = min(facts.backoff_s * 2.0 ** min(failures(facts, state) - 1, MOST_DOUBLINGS), facts.backoff_max_s)
    return round(wait_s * 1000 * (0.5 + 0.5 * chance(facts.id, state.attempt)))


def failures(facts: JobFacts, state: JobState) -> int:
    """How many attempts of this row will have failed, the current one included.

    Interruptions raise both numbers, a retry by hand begins a row of its own: neither counts.
    """
    return max(facts.retries + 1 - (state.max_attempts - state.attempt), 1)


def full_jitter_ms(first_s: float, most_s: float, failures: int, luck: float) -> int:
    """Milliseconds until the next try of what failed ("full jitter", from the same article).

    Args:
        first_s: ceiling of the first wait, doubled with each failure.
        most_s: and no more than this.
        failures: how many there were, 1 or more.
        luck: from 0 to 1.
    """
    return round(min(first_s * 2.0 ** min(failures - 1, MOST_DOUBLINGS), most_s) * 1000 * luck)


def chance(job: str, attempt: int) -> float:
    """A number from 0 to 1 that is the same each time and spread evenly over jobs and attempts."""
    digest = hashlib.blake2s(f"{job}/{attempt}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 0xFFFFFFFF
