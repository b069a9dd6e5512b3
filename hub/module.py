"""One ES module: what it imports, what it exports, what it names at its top level, and the rest of it.

Of the language's ways (ECMA-262, 16.2) it takes the few that the page uses, and refuses the others by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from string import digits
from typing import NoReturn

from hub.errors import Unpackable
from hub.javascript import START, Lexer, Token

DECLARES = frozenset(("const", "let", "class", "function", "async"))


@dataclass
class Module:
    """A module that was read.

    Attributes:
        file: its path inside of the page's folder.
        imports: local name to the module's address, as it stands, and the name there.
        needs: the address of each module that it imports from, and the line, in order.
        exports: the name outside to the name inside.
        names: what its top level declares.
        parts: the address of each module that it imports when it is wanted, and the line.
        body: its tokens, without imports and exports.
    """

    file: str
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    needs: dict[str, int] = field(default_factory=dict)
    exports: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    parts: dict[str, int] = field(default_factory=dict)
    body: list[Token] = field(default_factory=list)


class Reader:
    """Reads one module, statement by statement.

    Args:
        file: its path inside of the page's folder.
        text: its content.
    """

    def __init__(self, file: str, text: str) -> None:
        self._module = Module(file)
        self._tokens = list(Lexer(file, text))
        self._place = 0
        lines = self._tokens[-1].line if self._tokens else 1
        self._end = Token("end", "", lines, "")

    def read(self) -> Module:
        """The module.

        Raises:
            Unpackable: it uses what is not packed.
        """
        depth, before = 0, START
        while self._here.text:
            before = self._statement() if depth == 0 and before.text in (";", "}") else self._keep()
            depth += before.opens - before.closes
        self._check_exports()
        return self._module

    def _statement(self) -> Token:
        """Take the beginning of a statement; the last token of that."""
        if self._here.text == "import" and self._next.text != "(":
            return self._import()
        if self._here.text == "export":
            return self._export()
        return self._declaration() if self._here.text in DECLARES else self._keep()

    def _check_exports(self) -> None:
        for name in self._module.exports.values():
            if name not in self._module.names and name not in self._module.imports:
                self._refuse("exports of what is declared", name)

    # ── Imports and exports ───────────────────────────────────────────────────

    def _import(self) -> Token:
        line = self._skip().line
        pairs: list[tuple[str, str]] = []
        if self._here.text == "{":
            pairs = list(self._pairs())
            self._expect("from")
        if self._here.kind != "text":
            self._refuse("import './file.js' or import { name } from './file.js'")
        address = self._skip().text[1:-1]
        self._module.needs.setdefault(address, line)
        self._module.imports |= {local: (address, name) for name, local in pairs}
        return self._expect(";")

    def _export(self) -> Token:
        self._skip()
        if self._here.text == "{":
            self._module.exports |= {outside: inside for inside, outside in self._pairs()}
            return self._expect(";")
        if self._here.text not in DECLARES or self._here.text == "let":  # what is told once cannot change
            self._refuse("export { name } or export of a declaration that stays")
        known = set(self._module.names)
        last = self._declaration()
        self._module.exports |= {name: name for name in self._module.names - known}
        return last

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """The names in braces, and what they are called on the other side."""
        self._expect("{")
        while self._here.text != "}":
            name = alias = self._name()
            if self._here.text == "as":
                self._skip()
                alias = self._name()
            yield name, alias
            if self._here.text != "}":
                self._expect(",")
        self._expect("}")

    # ── Declarations ──────────────────────────────────────────────────────────

    def _declaration(self) -> Token:
        """Take a declaration up to its name; of variables all of it."""
        kind = self._keep()
        if kind.text == "async":
            if self._here.text != "function":
                return kind
            self._keep()
        if self._here.text == "*":
            self._keep()
        last = self._declared()
        return self._variables() if kind.text in ("const", "let") else last

    def _declared(self) -> Token:
        self._module.names.add(self._name())
        self._place -= 1
        return self._keep()

    def _variables(self) -> Token:
        """The rest of `const a = 1, b = 2;`."""
        depth = 0
        while self._here.text and not (depth == 0 and self._here.text == ";"):
            token = self._keep()
            depth += token.opens - token.closes
            if depth == 0 and token.text == ",":
                self._declared()
        return self._keep() if self._here.text else self._refuse("';'")

    # ── Tokens ────────────────────────────────────────────────────────────────

    @property
    def _here(self) -> Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else self._end

    @property
    def _next(self) -> Token:
        return self._tokens[self._place + 1] if self._place + 1 < len(self._tokens) else self._end

    def _keep(self) -> Token:
        """The token here, which goes into the body."""
        token, before = self._skip(), self._before
        if token.kind == "word" and token.text in ("import", "export"):
            is_else = before.text in (".", "?.") or self._here.text in (":", ".")  # `import.meta` is one of these
            if not is_else:
                self._wanted(token)
        if token.kind == "word" and token.text.rstrip(digits).endswith(
            "$"
        ):  # as names of different modules are told apart
            self._refuse("no $ at the end of a name", token.text)
        self._module.body.append(token)
        return token

    def _wanted(self, token: Token) -> None:
        """Note `import('./file.js')`, of which the word was taken."""
        if token.text != "import" or self._here.text != "(" or self._next.kind != "text":
            self._refuse("imports and exports at the top level only, or import('./file.js')", token.text)
        self._module.parts[self._next.text[1:-1]] = token.line

    @property
    def _before(self) -> Token:
        return self._module.body[-1] if self._module.body else START

    def _skip(self) -> Token:
        token = self._here
        self._place += 1
        return token

    def _expect(self, text: str) -> Token:
        if self._here.text != text:
            self._refuse(repr(text))
        return self._skip()

    def _name(self) -> str:
        if self._here.kind != "word" or self._here.text == "default":
            self._refuse("a name")
        return self._skip().text

    def _refuse(self, expected: str, got: str | None = None) -> NoReturn:
        got = self._here.text[:40] if got is None else got
        raise Unpackable(self._module.file, self._here.line, f"expected {expected}, got {got!r}")
