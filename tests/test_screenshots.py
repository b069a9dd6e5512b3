"""The README's pictures can be made again."""

from __future__ import annotations

from pathlib import Path

import numpy
from PIL import Image

from tests import screenshots

NAMES = [f"{name}-{theme}" for name in ("jobs", "job") for theme in screenshots.THEMES]


async def test_both_pages_are_taken_in_both_themes(tmp_path: Path) -> None:
    await screenshots.make(tmp_path, beside=["csv-report"], earlier=0, records=50_000)
    for name in NAMES:
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width == screenshots.WIDTH
            grey = numpy.asarray(picture.convert("L")).mean()
        assert (grey > 128) == name.endswith("-light")


def test_the_readme_shows_them() -> None:
    text = (screenshots.FOLDER.parent / "README.md").read_text()
    for name in NAMES:
        assert f".pictures/{name}.png" in text
        assert (screenshots.FOLDER / f"{name}.png").exists()
