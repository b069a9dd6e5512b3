"""JavaScript as tokens: as much of the language as packing its modules takes (ECMA-262, 12: lexical grammar)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from hub.errors import Unpackable

GAP = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
PLAIN = re.compile(
    r"""
    (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<number>0[xXoObB][\da-fA-F_]+n?|\.?\d(?:[eE][+-]|[\w.])*)
  | (?P<private>\#[\w$]+)
  | (?P<word>[^\W\d][\w$]*|\$[\w$]*)
  | (?P<mark>\?\.(?!\d)|\.\.\.|=>|\+\+|--|[{}()\[\];,<>+\-*/%&|^!~?:=.])
    """,
    re.VERBOSE | re.DOTALL,
)
TEMPLATE = re.compile(r"[`}](?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)", re.DOTALL)
PATTERN = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
LINE_ENDS = frozenset("\u2028\u2029")  # which end a comment, too
EXPECTING = """
return typeof case in of delete void throw new else do instanceof yield await
"""
BEFORE_EXPRESSION = frozenset(EXPECTING.split())


class Token(NamedTuple):
    """One word, mark or literal; a template literal is one for each stretch of text in it.

    Attributes:
        kind: `word`, `mark`, `text`, `number`, `private` (`#name`), `template` or `pattern` (a regular expression).
        text: as it stands.
        line: from 1.
        gap: what is left of white space and comments before it: nothing, a space or a line break.
    """

    kind: str
    text: str
    line: int
    gap: str

    @property
    def opens(self) -> bool:
        """Whether something begins that ends further on."""
        return self.kind in ("mark", "template") and self.text[-1] in "([{"

    @property
    def closes(self) -> bool:
        """Whether something ends that began before."""
        return self.kind in ("mark", "template") and self.text[0] in ")]}"


START = Token("mark", ";", 0, "")  # what comes first stands as if behind a statement


class Lexer:
    """The tokens of one text.

    Args:
        name: of the file, for errors.
        text: its content.
    """

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._at = 0
        self._line = 1
        self._last = START
        self._dotted = False  # a dot stands before the last one
        self._inside: list[int] = []  # for each `${` that is open, how many braces are open in it

    def __iter__(self) -> Iterator[Token]:
        """Every token.

        Raises:
            Unpackable: something here is no token.
        """
        while True:
            gap = self._take(GAP.match(self._text, self._at))
            if set(gap) & LINE_ENDS:
                raise Unpackable(self._name, self._line, "expected line feeds only, got U+2028 or U+2029")
            if self._at == len(self._text):
                return
            before = self._last
            self._last = self._next("\n" if "\n" in gap else " " if gap else "")
            self._dotted = before.text in (".", "?.")
            yield self._last

    def _next(self, gap: str) -> Token:
        line, kind, found = self._line, "template", None
        if self._continues_template():
            found = TEMPLATE.match(self._text, self._at)
        elif self._text[self._at] == "/" and self._expects_expression():
            kind, found = "pattern", PATTERN.match(self._text, self._at)
        elif found := PLAIN.match(self._text, self._at):
            kind = found.lastgroup or ""
        token = Token(kind, self._take(found), line, gap)
        self._count(token)
        return token

    def _take(self, found: re.Match[str] | None) -> str:
        if found is None:
            got = self._text[self._at : self._at + 20].partition("\n")[0]
            raise Unpackable(self._name, self._line, f"expected JavaScript, got {got!r}")
        self._at = found.end()
        self._line += found.group().count("\n")
        return found.group()

    def _continues_template(self) -> bool:
        here = self._text[self._at]
        return here == "`" or (here == "}" and self._inside[-1:] == [0])

    def _expects_expression(self) -> bool:
        """Whether a slash begins a regular expression; behind a value it divides."""
        if self._last.kind == "word":
            return self._last.text in BEFORE_EXPRESSION and not self._dotted
        if self._last.kind == "template":
            return self._last.opens
        return self._last.kind == "mark" and self._last.text not in (")", "]", "}", "++", "--")

    def _count(self, token: Token) -> None:
        if token.kind == "template":
            if token.closes:
                self._inside.pop()
            if token.opens:
                self._inside.append(0)
        elif self._inside and token.kind == "mark":
            self._inside[-1] += (token.text == "{") - (token.text == "}")
