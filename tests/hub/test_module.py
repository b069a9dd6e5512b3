"""What a module says at its top level; what is not packed is refused with its file and line."""

from __future__ import annotations

import pytest

from hub.errors import Unpackable
from hub.module import Module, Reader


def read(source: str) -> Module:
    return Reader("a.js", source).read()


def body(module: Module) -> str:
    return "".join(token.gap + token.text for token in module.body).strip()


def test_imports_are_taken_out_with_their_names() -> None:
    module = read("import './x.js';\nimport { a, b as c, } from './y.js';\nimport {\n  d,\n} from './x.js';\nf(a);")
    assert module.needs == {"./x.js": 1, "./y.js": 2}
    assert module.imports == {"a": ("./y.js", "a"), "c": ("./y.js", "b"), "d": ("./x.js", "d")}
    assert body(module) == "f(a);"


def test_every_form_of_export_is_a_declaration_or_a_list() -> None:
    module = read(
        "export const a = 1, b = [2, 3];\nlet c;\nexport function d() {}\nexport async function e() {}\n"
        "export function* f() {}\nexport class G extends a {}\nconst h = 1;\nexport { h, a as i };\nexport {};"
    )
    assert module.exports == {**{name: name for name in "abdefGh"}, "i": "a"}
    assert module.names == set("abcdefGh")
    assert "export" not in body(module)


def test_an_import_may_be_exported() -> None:
    module = read("import { a } from './b.js';\nexport { a as b };")
    assert (module.exports, module.names) == ({"b": "a"}, set())


def test_only_the_top_level_is_declared_to_others() -> None:
    module = read(
        "const a = () => { const b = 1, c = 2; };\nlet d = f(e, g), h = class I {};\nif (a) { function j() {} }\n"
        "async () => {};\nclass K { const = 1; }\nfunction l() { class M {} }"
    )
    assert module.names == {"a", "d", "h", "K", "l"}


def test_what_is_only_spelled_like_an_import_is_none() -> None:
    source = "/** @type {import('./x.js').X} */\nx = { import: 1, export: 2 };\nx.import = x?.export + import.meta.url;"
    assert read(source).needs == {}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("\nimport a from './x.js';", "a.js:2: expected import './file.js' or import { name } from"),
        ("import * as a from './x.js';", "got '*'"),
        ("import { default as a } from './x.js';", "expected a name, got 'default'"),
        ("import { a b } from './x.js';", "expected ',', got 'b'"),
        ("import { a } './x.js';", "expected 'from'"),
        ("import './x.js' f();", "expected ';', got 'f'"),
        ("f();\n\nexport default 1;", "a.js:3: expected export { name } or export of a declaration that"),
        ("export let a = 1;", "expected export { name } or export of a declaration that stays, got 'let'"),
        ("export * from './x.js';", "got '*'"),
        ("export { a } from './x.js';", "expected ';', got 'from'"),
        ("export { a };", "expected exports of what is declared, got 'a'"),
        ("export const { a } = b;", "expected a name, got '{'"),
        ("const a = 1, [b] = c;", "expected a name, got '['"),
        ("const a = 1", "expected ';', got ''"),
        ("f();\nconst a = () => import(address);", "a.js:2: expected imports and exports at the top level only, or im"),
        ("{ export { a }; }", "or import('./file.js'), got 'export'"),
        ("{ import", "or import('./file.js'), got 'import'"),
        ("const a$1 = 1;", "expected no $ at the end of a name, got 'a$1'"),
        ("f(a$);", "expected no $ at the end of a name, got 'a$'"),
        ("import {", "expected a name, got ''"),
        ("", None),
    ],
)  # fmt: skip
def test_what_is_not_packed_is_refused(source: str, says: str | None) -> None:
    if says is None:
        assert read(source).body == []
        return
    with pytest.raises(Unpackable) as caught:
        read(source)
    assert says in str(caught.value)


def test_what_is_imported_when_it_is_wanted_is_a_part() -> None:
    module = read("const later = () =>\n  import('./x.js');")
    assert (module.parts, module.needs) == ({"./x.js": 2}, {})
    assert "".join(token.text for token in module.body) == "constlater=()=>import('./x.js');"
