"""How much somebody may still ask for. Pure; `now` in milliseconds."""

from __future__ import annotations

from collections import OrderedDict

CLIENTS_REMEMBERED = 10_000  # the longest unseen is forgotten first


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


class Allowances:
    """An allowance for each client of many.

    Args:
        per_s: how much flows into each.
        most: how much each can save up.
        remembered: how many clients are told apart.
    """

    def __init__(self, per_s: float, most: float, remembered: int = CLIENTS_REMEMBERED) -> None:
        self._per_s = per_s
        self._most = most
        self._remembered = remembered
        self._clients: OrderedDict[str, Allowance] = OrderedDict()

    def wait_s(self, client: str, now: int) -> float:
        """Spend one of this client's; 0 when it was there, otherwise the seconds until it will be."""
        allowance = self._clients.pop(client, None) or Allowance(self._per_s, self._most)
        self._clients[client] = allowance
        if len(self._clients) > self._remembered:
            self._clients.popitem(last=False)
        return 0.0 if allowance.may(1, now) else allowance.wait_s(1)
