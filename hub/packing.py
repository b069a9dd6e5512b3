"""Packs the page: the modules that an entry reaches become one script, its style sheets one sheet, both minified.

The modules share one scope, in which each name of a module's top level has the module's number behind it; the
minifier shortens them all. A function around the whole keeps them from the page's global names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import minify  # type: ignore[import-untyped]

from hub.errors import Unpackable
from hub.javascript import Lexer, Token
from hub.module import Module, Reader
from hub.naming import Naming

SCRIPT, STYLE = "application/javascript", "text/css"
Read = Callable[[str], str]
"""Gives the text of a file by its path inside of the page's folder."""


class Script:
    """One script out of modules.

    Args:
        read: gives the text of a file.
        entry: the module that reaches all others; what it exports the script exports.

    Attributes:
        modules: by their files, each behind those that it imports.
    """

    def __init__(self, read: Read, entry: str) -> None:
        self.modules: dict[str, Module] = {}
        self._names: dict[str, dict[str, str]] = {}  # of each module's top level and imports, to those in the script
        self._read = read
        self._entry = entry

    def packed(self) -> str:
        """The script.

        Raises:
            Unpackable: a module is missing or uses what is not packed; names its file and line.
            OSError: a module cannot be read.
        """
        self._reach(self._entry, ())
        body = "".join(text for module in self.modules.values() for text in self._written(module))
        entry = self.modules[self._entry]
        if entry.exports:
            names = self._names[self._entry]
            inside = ",".join(names[name] for name in entry.exports.values())
            whole = f"export const [{','.join(entry.exports)}]=(()=>{{{body}\nreturn [{inside}]}})()"
        else:
            whole = f"(()=>{{{body}\n}})()"
        packed = minified(whole, SCRIPT, self._entry)
        check(self._entry, packed)
        return packed

    def _reach(self, file: str, path: tuple[str, ...]) -> None:
        """Read a module, and before it those that it imports."""
        if file in self.modules:
            return
        module = Reader(file, self._read(file)).read()
        for address, line in module.needs.items():
            needed = inside(module, address, line)
            if needed in (*path, file):
                raise Unpackable(file, line, f"expected no circle, got {address!r}")
            try:
                self._reach(needed, (*path, file))
            except FileNotFoundError:
                raise Unpackable(file, line, f"expected a module, got {address!r}") from None
        self.modules[file] = module
        self._names[file] = self._named(module, len(self.modules))

    def _named(self, module: Module, number: int) -> dict[str, str]:
        names = {name: f"{name}${number}" for name in module.names}
        for local, (address, name) in module.imports.items():
            line = module.needs[address]
            exporter = self.modules[inside(module, address, line)]
            if name not in exporter.exports:
                raise Unpackable(module.file, line, f"expected an export of {exporter.file}, got {name!r}")
            names[local] = self._names[exporter.file][exporter.exports[name]]
        return names

    def _written(self, module: Module) -> Iterator[str]:
        yield "\n"
        for token, after in pairwise([*Naming(module.body, self._names[module.file]), Token("end", "", 0, "")]):
            if token.text == "?." and after.kind == "private":  # tdewolff-minify 2.24.12 forgets to rename it
                raise Unpackable(module.file, token.line, f"expected no ?. before a private name, got {after.text!r}")
            yield token.gap + plainly(token, after)


def plainly(token: Token, after: Token) -> str:
    """A token's text, `let` for the `const` of a plain variable.

    So the minifier, which joins neighbouring declarations of one sort, joins none of a variable and of a pattern:
    within such a list version 2.24.12 moves a pattern to the front, before what it is made of.
    """
    return "let" if token.text == "const" and after.kind == "word" else token.text


def inside(module: Module, address: str, line: int) -> str:
    """The path of what a module imports.

    Raises:
        Unpackable: it is no relative address inside of the folder.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(module.file), address))
    if not address.startswith(("./", "../")) or path.startswith("../"):
        raise Unpackable(module.file, line, f"expected a relative address inside of the page's folder, got {address!r}")
    return path


def sheet(read: Read, files: Sequence[str]) -> str:
    """Style sheets as one, in order.

    Raises:
        OSError: one cannot be read.
        Unpackable: the minifier does not understand them.
    """
    return minified("\n".join(read(file) for file in files), STYLE, files[0])


def minified(text: str, media_type: str, file: str) -> str:
    """The same in fewer characters.

    Raises:
        Unpackable: the minifier does not understand it; names the file that led to it.
    """
    try:
        return str(minify.string(media_type, text))
    except minify.MinifyError as error:
        raise Unpackable(file, 1, f"with all that it imports the minifier refuses it: {error}") from None


def check(file: str, packed: str) -> None:
    """Look whether the minifier joined what it would have put in a wrong order.

    Raises:
        Unpackable: it did.
    """
    tokens = list(Lexer(file, packed))
    for place, token in enumerate(tokens):
        if token.text in ("let", "const", "var") and token.kind == "word":
            kinds = set(declared(tokens[place + 1 :]))
            if len(kinds) > 1:
                raise Unpackable(file, 1, "expected no destructuring into `let` beside other variables")


def declared(tokens: Iterable[Token]) -> Iterator[bool]:
    """For each variable of a declaration whether it is a name, not a pattern."""
    depth, begins = 0, True
    for token in tokens:
        if depth == 0 and (token.closes or token.text in (";", "of")):
            return
        if begins:
            yield token.kind == "word"
        begins = depth == 0 and token.text == ","
        depth += token.opens - token.closes
