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

    What a module imports only when it is wanted is a script of its own, a part of this one. It stands beside this one
    under its file's name, and takes from this one what both need.

    Args:
        read: gives the text of a file.
        entry: the module that reaches all others; what it exports the script exports.
        whole: of which this is a part.

    Attributes:
        entry: as given.
        modules: by their files, each behind those that it imports; without those of the whole.
        names: by file, those of a module's top level and its imports, to those in the script.
        taken: names of the whole that are used here.
    """

    def __init__(self, read: Read, entry: str, whole: Script | None = None) -> None:
        self.modules: dict[str, Module] = {}
        self.taken: set[str] = set()
        self.names: dict[str, dict[str, str]] = {}
        self.entry = entry
        self._read = read
        self._whole = whole
        self._reach(entry, ())

    def parts(self) -> list[Script]:
        """What is imported when it is wanted.

        Raises:
            Unpackable, OSError: as :meth:`packed`.
        """
        wanted = {
            inside(module, address, line) for module in self.modules.values() for address, line in module.parts.items()
        }
        return [Script(self._read, file, self) for file in sorted(wanted)]

    def packed(self) -> str:
        """The script.

        Raises:
            Unpackable: a module is missing or uses what is not packed; names its file and line.
            OSError: a module cannot be read.
        """
        given = {name: name for part in self.parts() for name in sorted(part.taken)}
        names = self.names[self.entry]
        given |= {outside: names[name] for outside, name in self.modules[self.entry].exports.items()}
        taken = ",".join(sorted(self.taken))
        body = "".join(text for module in self.modules.values() for text in self._written(module))
        whole = f"(({taken})=>{{{body}\nreturn [{','.join(given.values())}]}})({taken})"
        if given:
            whole = f"export const [{','.join(given)}]={whole}"
        if self._whole and taken:
            whole = f"import{{{taken}}}from{address_of(self._whole.entry)!r};{whole}"
        packed = minified(whole, SCRIPT, self.entry)
        check(self.entry, packed)
        return packed

    def _reach(self, file: str, path: tuple[str, ...]) -> None:
        """Read a module, and before it those that it imports."""
        if self.holder_of(file):
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
        before = len(self._whole.modules) if self._whole else 0
        self.names[file] = self._named(module, before + len(self.modules))

    def holder_of(self, file: str) -> Script | None:
        """The script that a module is in."""
        if file in self.modules:
            return self
        return self._whole.holder_of(file) if self._whole else None

    def _named(self, module: Module, number: int) -> dict[str, str]:
        names = {name: f"{name}${number}" for name in module.names}
        for local, (address, name) in module.imports.items():
            line = module.needs[address]
            names[local] = self._imported(module, inside(module, address, line), name, line)
        return names

    def _imported(self, module: Module, file: str, name: str, line: int) -> str:
        holder = self.holder_of(file)
        assert holder is not None  # it was reached before the module that imports it
        exports = holder.modules[file].exports
        if name not in exports:
            raise Unpackable(module.file, line, f"expected an export of {file}, got {name!r}")
        found = holder.names[file][exports[name]]
        if holder is not self:
            self.taken.add(found)
        return found

    def _written(self, module: Module) -> Iterator[str]:
        yield "\n"
        for token, after in pairwise([*Naming(module.body, self.names[module.file]), Token("end", "", 0, "")]):
            if token.text == "?." and after.kind == "private":  # tdewolff-minify 2.24.12 forgets to rename it
                raise Unpackable(module.file, token.line, f"expected no ?. before a private name, got {after.text!r}")
            is_part = token.kind == "text" and token.text[1:-1] in module.parts
            yield token.gap + (repr(address_of(token.text[1:-1])) if is_part else plainly(token, after))


def address_of(file: str) -> str:
    """A script's address as another script names it: they stand side by side."""
    return f"./{posixpath.basename(file)}"


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
