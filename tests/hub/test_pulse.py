"""How late the loop calls."""

from __future__ import annotations

import asyncio

from hub.pulse import RECENT_S, Pulse


async def test_a_loop_that_was_held_up_is_seen_to_be_late() -> None:
    pulse = Pulse(0.001)
    pulse.begin()
    loop, late = asyncio.get_running_loop(), asyncio.Event()
    busy_until = loop.time() + 0.06
    while loop.time() < busy_until:
        pass  # holds up the loop itself: that is the fault
    loop.call_at(busy_until, late.set)  # behind the pulse, which was due before
    await late.wait()
    pulse.stop()
    assert pulse.worst_s >= 0.05
    assert pulse.lag.sum >= 0.05


async def test_what_was_the_worst_is_forgotten_after_two_minutes() -> None:
    pulse, began = Pulse(1.0), asyncio.get_running_loop().time()
    pulse.felt(3.0, began + 1)
    pulse.felt(0.1, began + RECENT_S + 1)
    assert pulse.worst_s == 3.0
    pulse.felt(0.2, began + 2 * RECENT_S + 2)
    assert pulse.worst_s == 0.2
    assert pulse.lag.count == 3


async def test_a_pulse_that_never_began_can_be_stopped() -> None:
    Pulse(1.0).stop()
