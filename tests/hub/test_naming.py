"""New names for old, and nothing that is only spelled like them."""

from __future__ import annotations

import pytest

from hub.javascript import Lexer
from hub.naming import Naming, ends

NAMES = {name: f"{name}$1" for name in ("a", "b", "get", "set", "async")}


def named(source: str) -> str:
    return "".join(token.gap + token.text for token in Naming(list(Lexer("a.js", source)), NAMES))


@pytest.mark.parametrize(
    ("source", "renamed"),
    [
        ("a = b + a;", "a$1 = b$1 + a$1;"),
        ("x.a?.b; a.b; x.#a;", "x.a?.b; a$1.b; x.#a;"),
        ("f(...a, `${a} a`);", "f(...a$1, `${a$1} a`);"),
        # keys and values
        ("x = { a: b, b: 1, [a]: 2 };", "x = { a: b$1, b: 1, [a$1]: 2 };"),
        ("x = { a, b };", "x = { a:a$1, b:b$1 };"),
        ("x = [a, b]; f(a, b);", "x = [a$1, b$1]; f(a$1, b$1);"),
        ("x = { ...a, c: [a, b] };", "x = { ...a$1, c: [a$1, b$1] };"),
        ("x = { a() { b(); }, get b() { return a; }, async a() {}, *b() {} };",
         "x = { a() { b$1(); }, get b() { return a$1; }, async a() {}, *b() {} };"),
        ("x = () => ({ a });", "x = () => ({ a:a$1 });"),
        ("f`${{ a }}`;", "f`${{ a:a$1 }}`;"),
        # choices
        ("x = c ? a : b;", "x = c ? a$1 : b$1;"),
        ("x = c ? { a } : { b };", "x = c ? { a:a$1 } : { b:b$1 };"),
        ("switch (a) { case b: a(); default: b(); }", "switch (a$1) { case b$1: a$1(); default: b$1(); }"),
        ("switch (1) { case 2: { a = 1; } default: { b = 1; } }",
         "switch (1) { case 2: { a$1 = 1; } default: { b$1 = 1; } }"),
        ("x = { default: { a }, case: 1 }; x.default ? { a } : x.case;",
         "x = { default: { a:a$1 }, case: 1 }; x.default ? { a:a$1 } : x.case;"),
        # what is taken apart
        ("const { a, x: b, c: { b: d } } = e;", "const { a:a$1, x: b$1, c: { b: d } } = e;"),
        ("f(({ a = b }) => a);", "f(({ a:a$1 = b$1 }) => a$1);"),
        ("for (const { a } of b) {}", "for (const { a:a$1 } of b$1) {}"),
        ("for (const a of b) {}", "for (const a$1 of b$1) {}"),
        ("function f({ a }, [b]) {}", "function f({ a:a$1 }, [b$1]) {}"),
        # blocks
        ("if (a) { a = 1; } else { b = 2; }", "if (a$1) { a$1 = 1; } else { b$1 = 2; }"),
        ("x => { a = 1; };", "x => { a$1 = 1; };"),
        ("try { a(); } catch { b(); } finally { a = 3; }", "try { a$1(); } catch { b$1(); } finally { a$1 = 3; }"),
        ("let c = 1, a = 2;", "let c = 1, a$1 = 2;"),
        ("if (a(b)) { c(); }", "if (a$1(b$1)) { c(); }"),
        # functions and classes
        ("function a(b) {} function* b() {}", "function a$1(b$1) {} function* b$1() {}"),
        ("async function a() {} async (a) => a;", "async function a$1() {} async$1 (a$1) => a$1;"),
        ("class a extends b(c) { a() {} }", "class a$1 extends b$1(c) { a() {} }"),
        ("class C { a = a; b; static a = 1; #x = b; static { a = 1; } }",
         "class C { a = a$1; b; static a = 1; #x = b$1; static { a$1 = 1; } }"),
        ("class C extends f(class { a = 1 }) { b = a; }", "class C extends f(class { a = 1 }) { b = a$1; }"),
        ("x = { class: { a } }; y.class = { a };", "x = { class: { a:a$1 } }; y.class = { a:a$1 };"),
        # words that are names at times
        ("set(a); class C { set b(a) {} get #b() {} static async a() {} set(a) {} }",
         "set$1(a$1); class C { set b(a$1) {} get #b() {} static async a() {} set(a$1) {} }"),
        ("x = { set, get: 1 }; for (const set of get) {}", "x = { set:set$1, get: 1 }; for (const set$1 of get$1) {}"),
    ],
)  # fmt: skip
def test_names_are_renamed_and_what_is_spelled_alike_is_not(source: str, renamed: str) -> None:
    assert named(source) == renamed


def test_each_bracket_knows_where_it_ends() -> None:
    assert ends(list(Lexer("a.js", "f([`${a}`]) }"))) == {1: 7, 2: 6, 3: 5}
