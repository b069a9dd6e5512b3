"""Texts that are read from right to left turn nothing beside them: each stands in a `<bdi>`, or in its own isolate."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.web.conftest import Staging
from tests.web.scenes import Scene, one_job
from tests.web.told import IMPORTS, ME, NOW, entry, phase

HEBREW = "עברית"
# Texts on the page with Hebrew in them that are neither in a <bdi> nor between isolates. Some elements are no
# places for markup, and a field's text is its own.
LOOSE = """(word) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const loose = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.includes(word) || node.parentElement.closest('bdi, option, pre, textarea, [role=status]')) continue;
    const before = node.data.slice(0, node.data.indexOf(word));
    if (!/\\u2068[^\\u2069]*$/.test(before)) loose.push(node.parentElement.outerHTML);
  }
  return loose;
}"""


def turned(state: str) -> Scene:
    """Everything from outside is Hebrew."""
    names = {"title": f"{HEBREW} 1", "kind": HEBREW, "worker": HEBREW, "by": HEBREW, "message": f"{HEBREW} (2)"}
    phases = [{**phase(0, HEBREW, HEBREW, 1, 2), "typical": None}, {**phase(2, f"{HEBREW} 3", HEBREW, 1, 2)}]
    known = IMPORTS[state]()
    more: dict[str, Any] = {
        "phases": phases, "phase": 1, "unit": HEBREW, "counters": {HEBREW: 3, "errors": 1}, "tags": {HEBREW: HEBREW},
        "params": {HEBREW: HEBREW}, "artifacts": [{"name": HEBREW, "url": "https://example.org/", "bytes": 1,
                                                   "media_type": None}],
    }  # fmt: skip
    if known["error"]:
        more["error"] = {"type": "ValueError", "message": HEBREW}
    if known["cancel"]:
        more["cancel"] = {**known["cancel"], "by": HEBREW}
    if known["pause"]:
        more["pause"] = {"at": NOW, "by": HEBREW}
    scene = one_job(state, **names, **more)
    scene.samples = [{**point, "phase": 1} for point in scene.samples]  # in this unit, so that the rate is drawn
    scene.log = [
        entry(1, "14:26:55", "started", f"Started on {HEBREW}"),
        entry(2, "14:26:55", "phase", f"Phase {HEBREW}", data={"phase": 0, "name": HEBREW}),
        entry(3, "14:27:55", "phase", f"Phase {HEBREW}", data={"phase": 1, "name": HEBREW}),
        entry(4, "14:28:55", "cancel_acknowledged", f"The work is stopping: {HEBREW}"),
        entry(5, "14:29:55", "entry", HEBREW, "warning", {"from": "output", "logger": HEBREW}),
    ]
    return scene


@pytest.mark.parametrize(
    "state", ["running", "requested", "stopping", "paused", "stalled", "lost", "waiting", "failed", "cancelled", "done"]
)
async def test_what_comes_from_outside_is_kept_apart(state: str, staged: Staging) -> None:
    for path in ("/", f"/jobs/{ME}"):
        stage = await staged(turned(state), path)
        await stage.page.evaluate("customElements.whenDefined('start-dialog').then(() => 0)")  # then all is loaded
        await expect(stage.page.get_by_text(HEBREW).nth(3)).to_be_attached()
        if path != "/" and state != "waiting":  # an attempt that has not begun has no rate
            await expect(stage.page.locator("job-timeline .rate")).to_contain_text("average")  # the last to be drawn
        assert await stage.page.evaluate(LOOSE, HEBREW) == []
