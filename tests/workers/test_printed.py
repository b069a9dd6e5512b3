"""What a program prints, made into lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.printed import LINE_LENGTH, MOST_PIECES, Printed, Recent, plain

FEED = st.lists(st.sampled_from([b"a", "ä".encode(), b"\n", b"\r", b"\x1b[1;32m", b"\x1b[A", b"\x08", b" ", b"\xff"]))


def printed(*blocks: bytes) -> tuple[list[str], list[str], str]:
    """Pieces, lines, and what is left over."""
    reader = Printed()
    pieces: list[str] = []
    lines: list[str] = []
    for block in blocks:
        more, whole = reader.feed(block)
        pieces += more
        lines += whole
    return pieces, lines, reader.rest


def test_of_a_line_that_is_drawn_over_the_last_counts() -> None:
    assert printed(b"10%\r20%\r30%\r\nnext\n") == (["10%", "20%", "30%", "next"], ["30%", "next"], "")


def test_what_no_line_feed_has_ended_is_the_rest() -> None:
    assert printed(b"one\ntw") == (["one"], ["one"], "tw")
    assert printed(b"10%\r") == (["10%"], [], "10%")


def test_colours_titles_and_links_are_taken_out() -> None:
    text = b"\x1b]0;title\x07\x1b[1;32mgreen\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\x1b(B\x07!\n"
    assert printed(text)[1] == ["green link!"]


def test_moves_of_the_cursor_and_backspaces_begin_anew() -> None:
    assert printed(b"1%\x08\x082%\x1b[1A\x1b[2K3%\x1b7\x1b[24;0f4%\x1b8\n")[0] == ["1%", "2%", "3%", "4%"]


def test_blank_lines_are_left_out() -> None:
    assert printed(b"\n \r\n\x1b[0m\n") == ([], [], "")


def test_a_long_line_keeps_its_end() -> None:
    _, lines, _ = printed(b"x" * 3 * LINE_LENGTH + b"end\n")
    assert lines[0].endswith("xend")
    assert len(lines[0]) == LINE_LENGTH


def test_a_line_without_end_is_bounded() -> None:
    reader = Printed()
    for _ in range(100):
        reader.feed(b"x" * 10_000)
    assert len(reader.rest) == LINE_LENGTH


def test_of_too_many_pieces_at_once_the_newest_are_kept_and_the_others_counted() -> None:
    reader = Printed()
    _, lines = reader.feed(b"".join(b"%d\n" % n for n in range(MOST_PIECES + 50)))
    assert (lines[0], lines[-1], reader.left_out) == ("50", str(MOST_PIECES + 49), 50)


@given(FEED, st.integers(1, 4))
def test_it_does_not_matter_where_the_output_is_cut(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    cut = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert printed(*cut)[1] == printed(whole)[1]


def test_what_was_begun_before_something_is_missing_is_not_completed_by_what_comes() -> None:
    reader = Printed()
    reader.feed("begun ä".encode()[:-1])
    reader.forget()
    assert reader.rest == ""
    assert reader.feed(b"new\n") == (["new"], ["new"])


def test_recent_lines_are_few_and_say_how_many_are_missing() -> None:
    recent = Recent(most=3, interval_s=0.5)
    recent.add([str(n) for n in range(10)], left_out=5)
    assert recent.wait_s(0.0) == 0.0
    assert recent.take(0.0) == ["… 12 lines left out", "7", "8", "9"]
    assert recent.wait_s(0.0) is None
    assert recent.take(0.0) == []


def test_recent_lines_wait_for_their_time_and_all_are_had_at_the_end() -> None:
    recent = Recent(most=3, interval_s=0.5)
    recent.add(["a"])
    assert recent.take(10.0) == ["a"]
    recent.add(["b"])
    assert recent.wait_s(10.25) == 0.25
    assert recent.take(10.1) == []
    assert recent.take(float("inf")) == ["b"]


def test_plain_text_has_no_controls() -> None:
    assert plain("a\tb\x00\x85c  ") == "a\tbc"
