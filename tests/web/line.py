"""One socket of the staged page, and what the page runs before all else so that tests can rely on it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import WebSocketRoute

from tests.web.told import Job

# A page's chance: waits are half of what they may be. And nobody was asked about notices yet, which a browser without
# windows takes for a no.
CALM = """Math.random = () => 0.5;
if (self.Notification) Object.defineProperty(Notification, 'permission', { get: () => 'default' });"""
COUNTED = """{ const Plain = WebSocket; window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    window.heard = 0;
    this.addEventListener('message', () => { window.heard += 1; });
  }
}; }"""  # messages of the newest socket
PLAIN = ("params", "result", "attempts")  # what the feed leaves out


@dataclass
class Line:
    """One open socket.

    Attributes:
        topics: that it subscribed to.
        sent: how many messages.
    """

    route: WebSocketRoute
    topics: set[str] = field(default_factory=set)
    sent: int = 0

    def send(self, message: dict[str, Any]) -> None:
        self.sent += 1
        self.route.send(json.dumps(message))


def feed_form(job: Job) -> Job:
    """Without what the feed leaves out."""
    return {name: value for name, value in job.items() if name not in PLAIN}
