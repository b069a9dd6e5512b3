"""JavaScript as tokens: what looks alike is told apart by what stands before it."""

from __future__ import annotations

import pytest

from hub.errors import Unpackable
from hub.javascript import Lexer


def texts(source: str) -> list[str]:
    return [token.text for token in Lexer("a.js", source)]


def kinds(source: str) -> list[str]:
    return [token.kind for token in Lexer("a.js", source)]


def test_words_private_names_numbers_and_marks_are_told_apart() -> None:
    assert texts("this.#on?.(1_000, .5, 1e-3, 0xff, 2n, ...größe") == [
        "this", ".", "#on", "?.", "(", "1_000", ",", ".5", ",", "1e-3", ",", "0xff", ",", "2n", ",", "...", "größe",
    ]  # fmt: skip
    assert kinds("a.#b = 1") == ["word", "mark", "private", "mark", "number"]


def test_hexadecimal_numbers_have_no_exponent() -> None:
    assert texts("0xe+off-0xfE-1e-3") == ["0xe", "+", "off", "-", "0xfE", "-", "1e-3"]


@pytest.mark.parametrize("end", ["\u2028", "\u2029"])
def test_line_ends_that_look_like_spaces_are_refused(end: str) -> None:
    with pytest.raises(Unpackable, match=r"a\.js:1: expected line feeds only"):
        texts(f"// comment{end}f();")


def test_a_question_before_a_fraction_chains_nothing() -> None:
    assert texts("a?.5:b") == ["a", "?", ".5", ":", "b"]


def test_texts_end_at_their_own_quotes() -> None:
    assert texts(r"""f('it\'s "x"', "a'\"", '//', '')""")[2::2] == [r"""'it\'s "x"'""", r'''"a'\""''', "'//'", "''"]


@pytest.mark.parametrize(
    "before",
    ["", "return ", "x = ", "(", "typeof ", "[", "a && ", "`${", "{ ", "case "],
)
def test_a_slash_where_a_value_is_due_begins_a_pattern(before: str) -> None:
    source = before + r"/[/]\/['\"`]/gu.test(a)" + ("}`" if before == "`${" else "")
    assert r"/[/]\/['\"`]/gu" in texts(source)


@pytest.mark.parametrize("before", ["a", "1", ")", "]", "this.#a", "'a'", "`a`", "}", "i++", "i--", "o.of", "o?.in"])
def test_a_slash_behind_a_value_divides(before: str) -> None:
    assert texts(f"{before} / 2 / b")[-4:] == ["/", "2", "/", "b"]


def test_a_template_is_a_token_for_each_stretch_of_text() -> None:
    source = "`a ${b + `c${{ d: 1 }.d}` + '}'} $ \\` \\${ ${e}` + f"
    assert texts(source) == [
        "`a ${", "b", "+", "`c${", "{", "d", ":", "1", "}", ".", "d", "}`", "+", "'}'", "} $ \\` \\${ ${", "e", "}`",
        "+", "f",
    ]  # fmt: skip


def test_comments_and_space_are_a_gap_and_lines_are_counted() -> None:
    first, second, third, fourth = Lexer("a.js", "/** import('x')\n */ a // b\n  c /* d */ e\n`\n`")
    assert [(token.text, token.gap, token.line) for token in (first, second, third)] == [
        ("a", "\n", 2), ("c", "\n", 3), ("e", " ", 3),
    ]  # fmt: skip
    assert fourth.line == 4


@pytest.mark.parametrize("source", ["a\n  'open", "a\n`b", "a\n(/[/", "a\n\\", "a\n1 + @b \u0001"])
def test_what_is_no_token_is_refused_with_its_file_and_line(source: str) -> None:
    with pytest.raises(Unpackable, match=r"^a\.js:2: expected JavaScript, got") as caught:
        texts(source)
    assert (caught.value.file, caught.value.line) == ("a.js", 2)
