"""The page of promises names tests that exist, and all of this folder."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.pages import Page

HERE = Path(__file__)
PAGE = Page("tests/faults/README.md")
NAMED = set(re.findall(r"`([tT]est\w+)`", PAGE.text))
FILES = re.findall(r"`(tests/\w+/test_\w+\.py)`", PAGE.text)


def found_in(paths: list[Path]) -> set[str]:
    """The names of the tests in these files."""
    return {name for path in paths for node in ast.walk(ast.parse(path.read_text())) for name in names(node)}


def names(node: ast.AST) -> list[str]:
    """What a definition or an assignment calls a test."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("Test"):
            return [name]
    return []


def test_each_test_that_is_named_exists() -> None:
    assert NAMED - found_in(list(HERE.parents[1].rglob("test_*.py"))) == set()
    assert [path for path in FILES if not (HERE.parents[2] / path).exists()] == []


def test_each_test_of_a_fault_is_named() -> None:
    assert found_in([path for path in HERE.parent.glob("test_*.py") if path != HERE]) - NAMED == set()


def test_each_promise_has_a_test_that_breaks_it() -> None:
    promises = re.findall(r"^## \d\. .*?(?=^## )", PAGE.text, re.MULTILINE | re.DOTALL)
    assert [promise[3] for promise in promises] == list("123456789")
    assert [promise for promise in promises if not re.search(r"`[tT]est\w+`", promise)] == []
