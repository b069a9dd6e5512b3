"""Gives names in a module others, by its tokens; properties, keys and methods of the same spelling stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hub.javascript import START, Token

BEFORE_BLOCK = frozenset((")", ";", "{", "}", "=>", "else", "do", "try", "finally", "catch", "static"))
MODIFIERS = frozenset(("get", "set", "async"))
OPERATORS = frozenset(("of", "in", "instanceof"))


class Naming:
    """One pass over the tokens of a module.

    Args:
        tokens: of a module whose statements end in semicolons, without labels.
        names: old to new. A local variable of an old name gets the new one, too: it hides the same thing as before.
    """

    def __init__(self, tokens: Sequence[Token], names: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._names = names
        self._ends = ends(tokens)
        self._inside = ["block"]  # what is open here: `block`, `class`, `object` (or a pattern), `group`
        self._class_at: list[int] = []  # depths at which the next brace is a class's
        self._case = False  # between `case` and its colon
        self._colon_ends = False  # the last token was that colon

    def __iter__(self) -> Iterator[Token]:
        for place, token in enumerate(self._tokens):
            yield self._renamed(place, token)
            self._follow(place, token)

    def _at(self, place: int) -> Token:
        return self._tokens[place] if 0 <= place < len(self._tokens) else START

    # ── What a word is ────────────────────────────────────────────────────────

    def _renamed(self, place: int, token: Token) -> Token:
        new = self._names.get(token.text) if token.kind == "word" else None
        if new is None or self._is_property(place, token):
            return token
        if self._is_short(place):  # `{size}` says what is found and where it goes in one word
            new = f"{token.text}:{new}"
        return token._replace(text=new)

    def _is_property(self, place: int, token: Token) -> bool:
        before, after = self._at(place - 1), self._at(place + 1)
        if before.text in (".", "?."):
            return True
        if after.text == ":":
            return before.text in ("{", ",")
        if after.text == "(":
            return self._is_method(place)
        if token.text in MODIFIERS and after.kind in ("word", "private"):
            return after.text not in OPERATORS
        in_class = self._inside[-1] == "class"
        return in_class and before.text in ("{", "}", ";", "static") and after.text in ("=", ";")

    def _is_method(self, place: int) -> bool:
        """A name with parameters and a body, but no function's own."""
        before = self._at(place - 1).text
        if before == "extends" or "function" in (before, before == "*" and self._at(place - 2).text):
            return False
        return self._at(self._ends[place + 1] + 1).text == "{"

    def _is_short(self, place: int) -> bool:
        before, after = self._at(place - 1).text, self._at(place + 1).text
        return self._inside[-1] == "object" and before in ("{", ",") and after in (",", "}", "=")

    # ── Where it stands ───────────────────────────────────────────────────────

    def _follow(self, place: int, token: Token) -> None:
        is_dotted = self._at(place - 1).text in (".", "?.")
        if token.closes:
            self._inside.pop()
        if token.opens:
            self._inside.append(self._opened(place, token))
        elif token.kind == "word" and token.text == "class" and not (is_dotted or self._at(place + 1).text == ":"):
            self._class_at.append(len(self._inside))
        begins = token.text in ("case", "default") and not is_dotted and self._inside[-1] != "object"
        self._colon_ends = token.text == ":" and self._case
        self._case = begins or (self._case and token.text != ":")

    def _opened(self, place: int, token: Token) -> str:
        if token.text != "{":
            return "group"
        if self._class_at[-1:] == [len(self._inside)]:
            self._class_at.pop()
            return "class"
        return "block" if self._colon_ends or self._at(place - 1).text in BEFORE_BLOCK else "object"


def ends(tokens: Sequence[Token]) -> dict[int, int]:
    """The place where each bracket that opens at a place is closed."""
    opened: list[int] = []
    found = {}
    for place, token in enumerate(tokens):
        if token.closes and opened:
            found[opened.pop()] = place
        if token.opens:
            opened.append(place)
    return found
