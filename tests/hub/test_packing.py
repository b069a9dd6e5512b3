"""Modules of every shape become one script that does the same, run by node."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from hub.app import WEB
from hub.errors import Unpackable
from hub.packing import Read, Script, check, sheet
from hub.page import SCRIPTS


def reading(files: Mapping[str, str]) -> Read:
    def read(file: str) -> str:
        if file not in files:
            raise FileNotFoundError(file)
        return files[file]

    return read


def packed(files: Mapping[str, str], entry: str = "main.js") -> str:
    return Script(reading(files), entry).packed()


def run(script: str) -> str:
    """What a module prints."""
    ended = subprocess.run(["node", "--input-type=module"], input=script, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return ended.stdout


def say(files: Mapping[str, str]) -> list[str]:
    return run(packed(files)).split("\n")[:-1]


def test_modules_run_in_the_order_of_their_imports_each_once() -> None:
    assert say(
        {
            "main.js": "import './b.js';\nimport './deep/c.js';\nconsole.log('main');",
            "b.js": "import './deep/c.js';\nconsole.log('b');",
            "deep/c.js": "import '../d.js';\nconsole.log('c');",
            "d.js": "console.log('d');",
        }
    ) == ["d", "c", "b", "main"]


def test_names_that_modules_share_do_not_meet() -> None:
    assert say(
        {
            "main.js": (
                "import { name as other, greet } from './a.js';\nimport { Twice } from './b.js';\n"
                "const name = 'main', shout = (/** @type {any} */ text) => `${text}!`;\n"
                "for (const { name: inner, size = name } of [{ name }])\n"
                "  console.log(other, inner, size, shout(greet()));\n"
                "console.log(new Twice(2).name, { name, greet }.name, typeof title, globalThis.title);"
            ),
            "a.js": (
                "export const name = 'a';\nfunction shout() { return name; }\n"
                "export function greet() { return shout(); }"
            ),
            "b.js": (
                "import { title } from './c.js';\nconst name = 3;\n"
                "export class Twice {\n  #n;\n  static name = name;\n  constructor(n) { this.#n = n; }\n"
                "  get name() { return this.#n * name + title; }\n}"
            ),
            "c.js": "const hidden = 1;\nexport { hidden as title };",
        }
    ) == ["a main main a!", "7 main undefined undefined"]


def test_what_the_entry_exports_the_script_exports(tmp_path: Path) -> None:
    files = {
        "main.js": "import { a } from './a.js';\nexport { a as first };\nexport function second() { return a + 1; }",
        "a.js": "export const a = 1;",
    }
    (tmp_path / "main.mjs").write_text(packed(files))
    use = f"import {{ first, second }} from '{(tmp_path / 'main.mjs').as_uri()}'; console.log(first, second());"
    assert run(use) == "1 2\n"


def test_texts_templates_patterns_and_private_names_stay_what_they_are() -> None:
    assert say(
        {
            "main.js": (
                "import { first } from './a.js';\n"
                "class A {\n  #a = 'x';\n  static #b() { return 1; }\n  has(o) { return #a in o; }\n"
                "  both() { return this.#a + A.#b(); }\n}\n"
                'const a = new A(), text = `${first} "a" ${`#${first}`} \\` // no`;\n'
                "console.log(text, /[/'\"`]\\/first/u.test('`/first'), a.both(), a.has(a), a.has({}));"
            ),
            "a.js": "export const first = 'one';",
        }
    ) == ['one "a" #one ` // no true x1 true false']


def test_what_is_taken_apart_is_made_before_the_parts() -> None:
    """As it was written: the minifier would take apart before there is anything, and ask in another order."""
    assert say(
        {
            "main.js": (
                "const asked = [];\nconst ask = (n) => { asked.push(n); return { n }; };\n"
                "function f() { const a = ask(1); const { n } = { ...a }; const { m = a } = ask(2); const b = ask(3);\n"
                "  const [c] = [b, a]; return [n, m.n, b.n, c.n, asked.join('')]; }\n"
                "console.log(f().join(' '));"
            )
        }
    ) == ["1 1 3 3 123"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"main.js": "\nimport './x.js';"}, "main.js:2: expected a module, got './x.js'"),
        ({"main.js": "import './a/b.js';", "a/b.js": "import '../../x.js';"}, "a/b.js:1: expected a relative address"),
        ({"main.js": "import 'x';"}, "main.js:1: expected a relative address inside of the page's folder, got 'x'"),
        ({"main.js": "import './a.js';", "a.js": "\nimport './main.js';"}, "a.js:2: expected no circle, got"),
        ({"main.js": "\n\nimport { b } from './a.js';", "a.js": "export const a = 1;"},
         "main.js:3: expected an export of a.js, got 'b'"),
        ({"main.js": "class A {\n  #a() {}\n  b(c) { c?.#a(); } }"}, "main.js:3: expected no ?. before a private name"),
        ({"main.js": "const a = b c;"}, "main.js:1: with all that it imports the minifier refuses it: "),
        ({"main.js": "function f(x) { let a = x(); let { b } = a; return b; }"}, "no destructuring into `let`"),
    ],
)  # fmt: skip
def test_what_cannot_be_packed_is_refused_with_its_file_and_line(files: dict[str, str], says: str) -> None:
    with pytest.raises(Unpackable) as caught:
        packed(files)
    assert says in str(caught.value)


def test_what_is_imported_when_it_is_wanted_is_a_script_beside_it_that_shares_what_both_need(tmp_path: Path) -> None:
    files = {
        "main.js": (
            "import { count } from './shared.js';\nconsole.log('main', count());\n"
            "import('./deep/part.js').then(({ tell, Own }) => console.log(tell(), new Own().name, count()));"
        ),
        "deep/part.js": (
            "import { own } from './own.js';\nimport { count } from '../shared.js';\nconst name = 'part';\n"
            "export const tell = () => `${name} ${count()} ${own}`;\nexport class Own {\n  name = own;\n}"
        ),
        "deep/own.js": "import { count } from '../shared.js';\nexport const own = `own${count()}`;",
        "shared.js": "let times = 0;\nexport function count() { times += 1; return times; }",
    }
    main = Script(reading(files), "main.js")
    (part,) = main.parts()
    assert list(part.modules) == ["deep/own.js", "deep/part.js"]
    (tmp_path / "main.js").write_text(main.packed())
    (tmp_path / "part.js").write_text(part.packed())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert run(f"await import('{(tmp_path / 'main.js').as_uri()}');") == "main 1\npart 3 own2 own2 4\n"


def test_a_part_that_needs_nothing_of_the_whole_stands_alone(tmp_path: Path) -> None:
    files = {"main.js": "import('./part.js').then(({ a }) => console.log(a));", "part.js": "export const a = 7;"}
    main = Script(reading(files), "main.js")
    (tmp_path / "main.mjs").write_text(main.packed().replace("part.js", "part.mjs"))
    (tmp_path / "part.mjs").write_text(main.parts()[0].packed())
    assert run(f"await import('{(tmp_path / 'main.mjs').as_uri()}');") == "7\n"


def test_a_missing_part_is_missing() -> None:
    with pytest.raises(FileNotFoundError):
        packed({"main.js": "import('./part.js');"})


def test_a_missing_entry_is_missing() -> None:
    with pytest.raises(FileNotFoundError):
        packed({})


@pytest.mark.parametrize(
    "declaration", ["let a=1,{b}=c", "const[a]=b,c=d", "f(()=>{let a=g(1,2),[b]=a})", "for(let a=1,{b}=c;;);"]
)
def test_a_list_of_names_and_patterns_is_noticed(declaration: str) -> None:
    with pytest.raises(Unpackable):
        check("a.js", declaration)


def test_lists_of_one_sort_are_let_be() -> None:
    check("a.js", "let a=1,b=[c,{d}],e;const{f}=g,[h]=i;for(let j of k);for(const[l,m]of n);x={let:1};")


def test_style_sheets_become_one_in_order() -> None:
    files = {"a.css": "/* a */ a { color: #ff0000; }\n", "b.css": "a { margin: 0px; }"}
    assert sheet(reading(files), ["a.css", "b.css"]) == "a{color:red}a{margin:0}"


@pytest.mark.parametrize("entry", [entry for entry in SCRIPTS if (WEB / entry).exists()])
def test_every_entry_of_the_page_packs_into_what_node_can_read(entry: str, tmp_path: Path) -> None:
    script = tmp_path / "packed.mjs"
    script.write_text(Script(lambda file: (WEB / file).read_text("utf-8"), entry).packed())
    ended = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
