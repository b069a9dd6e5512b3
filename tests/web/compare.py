"""Compares two pictures of the page: what a person would notice counts, how a font is smoothed does not.

Both are averaged over cells of `CELL_PX` squared, so that a letter's edge, drawn a little differently, weighs little
against what the cell holds. Measured, in levels of 255: storing a picture in 256 colours costs up to 4, another
smoothing of the letters 40 in one cell; a bar of another colour differs by 88 in 74 cells, text that moved by two
pixels by 74 in 45, a red figure that turns amber by 38 in 9, a missing cone by 37 in 160. The fonts themselves are the
same everywhere (`fonts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy
from numpy.typing import NDArray
from PIL import Image

CELL_PX = 4
LIMIT = 24  # in any channel
FEWEST = 4  # cells
COLOURS = 256

Cells = NDArray[numpy.int16]


@dataclass(frozen=True)
class Difference:
    """Where two pictures differ.

    Attributes:
        box: left, top, right, bottom in pixels.
        cells: how many differ.
    """

    box: tuple[int, int, int, int]
    cells: int
    why: str

    def __str__(self) -> str:
        left, top, right, bottom = self.box
        return f"{self.why} in {self.cells} places, between ({left}, {top}) and ({right}, {bottom})"


def difference(wanted: Image.Image, seen: Image.Image) -> Difference | None:
    """`None` where nobody would tell them apart."""
    if wanted.size != seen.size:
        return Difference((0, 0, *seen.size), 1, f"{seen.size} instead of {wanted.size} pixels")
    apart = numpy.abs(cells(wanted) - cells(seen)).max(axis=2)
    rows, columns = numpy.nonzero(apart > LIMIT)
    if len(rows) < FEWEST:
        return None
    edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    left, top, right, bottom = (int(edge) * CELL_PX for edge in edges)
    return Difference((left, top, right, bottom), len(rows), f"up to {int(apart.max())} of 255 apart")


def cells(picture: Image.Image) -> Cells:
    """The mean colour of each cell."""
    size = (max(1, picture.width // CELL_PX), max(1, picture.height // CELL_PX))
    return numpy.asarray(picture.convert("RGB").resize(size, Image.Resampling.BOX), dtype=numpy.int16)


def keep(picture: Image.Image, path: Path) -> None:
    """Store it, small: a page has few colours."""
    palette = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    palette.save(path, optimize=True)
