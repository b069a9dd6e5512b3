"""`csv-report`: from a file as people have them to a report that a browser can be trusted with."""

import csv
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from workers.examples import csv_report
from workers.examples.csv_report import SHIPPED

HEAD = ["date", "region", "department", "amount", "units"]
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "]]> & ' \" \x00\x1b\u202e", "{0.__class__}"]
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "caption", "thead", "tbody", "tr"}
TAGS |= {"th", "td", "div", "figure", "figcaption", "svg", "text", "line", "polyline", "polygon", "rect"}


def write(path: Path, rows: Iterable[list[Any]], head: list[str] = HEAD) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def steady(regions: list[str], months: int = 12) -> list[list[Any]]:
    """Ten sales a month for each region, each month a little more."""
    return [
        [f"2025-{month:02}-{day:02}", region, "Parts", 100 + month + day, 10]
        for month in range(1, months + 1)
        for region in regions
        for day in range(1, 11)
    ]


class Tags(HTMLParser):
    """The tags and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_shipped_file_gives_ten_stages_named_after_what_is_in_it(play: Any) -> None:
    story = play(csv_report, resamples=20)
    assert [phase.name for phase in story.phases] == [
        "Read the file",
        "Check 1,200 rows",
        "Add up 36 months",
        "Try the forecast on 9 series",
        "Forecast 4 regions",
        "Forecast 5 departments",
        "Search 1,192 sales for outliers",
        "Draw 11 charts",
        "Write the report",
        "Check the report",
    ]
    assert {phase.name: phase.total for phase in story.phases}["Forecast 5 departments"] == 100


def test_the_shipped_file_has_bad_rows_and_outliers_and_they_are_found(play: Any) -> None:
    story = play(csv_report, resamples=20)
    assert story.result["left_out"] == story.counters["left out"] == len(story.entries) - 1 == 8
    assert story.result["outliers"] == 6
    assert story.result["rows"] == len(SHIPPED.read_text().splitlines()) - 1 == 1_200


def test_the_report_is_well_formed_and_holds_every_chart(play: Any) -> None:
    story = play(csv_report, resamples=20)
    (report,) = story.attached
    root = ElementTree.parse(report).getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}svg"))) == 11
    assert Tags(report.read_text()).tags <= TAGS


def test_hostile_text_stays_text(play: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "<b>&'.csv", [*steady(HOSTILE), ["<i>", "x", "y", "<u>", "1"]])
    story = play(csv_report, file=source, resamples=20)
    text = story.attached[0].read_text()
    root = ElementTree.fromstring(text)
    seen = Tags(text)
    assert seen.tags <= TAGS
    assert not [name for name in seen.attributes if name.startswith("on") or name in {"src", "href"}]
    assert HOSTILE[0] in [cell.text for cell in root.iter("td")]
    assert "<script" not in text


def test_the_report_loads_nothing_from_elsewhere(play: Any) -> None:
    text = play(csv_report, resamples=20).attached[0].read_text()
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in text


def test_the_same_file_gives_the_same_report(play: Any) -> None:
    first, second = (play(csv_report, resamples=20).attached[0].read_text() for _ in range(2))
    assert first == second


def test_stages_are_named_anew_with_every_finding(play: Any, tmp_path: Path) -> None:
    story = play(csv_report, file=write(tmp_path / "one.csv", steady(["North"])), resamples=20)
    assert [plan[0] for plan in story.planned][:2] == ["Check 120 rows", "Add up 12 months"]
    assert "Forecast the regions" in story.planned[0]
    assert "Forecast 1 region" in story.planned[-1]
    assert story.result["regions"] == ["North"]


def test_a_price_ten_times_too_high_is_an_outlier_in_the_report(play: Any, tmp_path: Path) -> None:
    rows = steady(["North"])
    rows[17][3] = 5_000
    story = play(csv_report, file=write(tmp_path / "typo.csv", rows), resamples=20)
    assert story.counters["outliers"] == 1
    assert "5,000.00" in story.attached[0].read_text()


def test_rows_that_are_left_out_do_not_flood_the_log(play: Any, tmp_path: Path) -> None:
    rows = [*steady(["North"]), *([["never", "", "", "", ""]] * 200)]
    story = play(csv_report, file=write(tmp_path / "bad.csv", rows), resamples=20)
    assert story.result["left_out"] == 200
    assert len(story.entries) == 51


def test_a_cancel_attaches_nothing(play: Any, at_phase: Any) -> None:
    story = play(csv_report, cancel_at=at_phase("Forecast 5 departments"), resamples=20)
    assert story.cancelled
    assert story.attached == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "x.csv has no column date or region or department or amount or units"),
        (b"date,region,amount,units\n", "x.csv has no column department"),
        (b"date,region,department,amount,units\n", "good rows of 0 months, expected 8 to 600"),
        (b"date,region,department,amount,units\n\xff\xfe,a,b,1,1\n", "x.csv is not UTF-8 text"),
        (b'date,region,department,amount,units\n"' + b"x" * 200_000, "x.csv, line 1: field larger than field limit"),
    ],
)
def test_a_file_of_something_else_is_said_by_the_parameters_name(
    play: Any, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"^file: {said}"):
        play(csv_report, file=tmp_path / "x.csv")


def test_a_file_that_is_not_there_is_said_by_the_parameters_name(play: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^file: .*nowhere is not a file"):
        play(csv_report, file=tmp_path / "nowhere")
