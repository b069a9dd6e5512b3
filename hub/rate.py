"""How much somebody may still ask for. Pure; `now` in milliseconds."""

from __future__ import annotations


class Allowance:
    """A token bucket: so much a second, with a second's or a minute's worth saved up.

    Args:
        per_s: how much flows in.
        most: how much can be saved up.
    """

    __slots__ = ("_at", "_left", "_most", "_per_s")

    def __init__(self, per_s: float, most: float) -> None:
        self._per_s = per_s
        self._most = most
        self._left = most
        self._at: int | None = None

    def take(self, amount: float, now: int) -> float:
        """Spend; what is overspent has to be waited for.

        Returns:
            seconds until the account is even again; 0 while it is not overdrawn.
        """
        self._flow(now)
        self._left -= amount
        return max(-self._left / self._per_s, 0.0)

    def may(self, amount: float, now: int) -> bool:
        """Spend if there is enough."""
        self._flow(now)
        if self._left < amount:
            return False
        self._left -= amount
        return True

    def wait_s(self, amount: float) -> float:
        """Seconds until so much is there."""
        return max((amount - self._left) / self._per_s, 0.0)

    def _flow(self, now: int) -> None:
        before = now if self._at is None else self._at
        self._at = max(now, before)
        self._left = min(self._left + (self._at - before) / 1000 * self._per_s, self._most)
