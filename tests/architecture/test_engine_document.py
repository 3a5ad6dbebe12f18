"""docs/engine.md covers every statement that the engine keeps or changes, and names tests that exist."""

import ast
import re
from functools import cache

from tests.compose import ROOT

TEXT = (ROOT / "docs/engine.md").read_text()
SHORT_NAMES = dict(re.findall(r"`(\w+)`\s+is\s+`(tests/\S+\.py)`", TEXT))
ROWS = re.findall(r"^\| (\S+) \| (.+) \| (`.+`) \|$", TEXT, re.MULTILINE)

KEPT = "30 31 33 39 40 41 45 46 50 51 53 54 55 56 57 58 59 60 63 64 65b 74 80 92 96 97 122 123 125 126 129"
CHANGED = "35 39b 47 49 52 82 89 94 95 99 100 101 109 118 119 127 128"


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


def test_every_statement_is_there_once() -> None:
    numbers = [number for number, _, _ in ROWS if number != "precedence"]
    assert sorted(numbers) == sorted([*KEPT.split(), *CHANGED.split()])


def test_every_statement_says_whether_we_differ() -> None:
    for number, what, _ in ROWS:
        if number != "precedence":
            assert what.startswith("as there" if number in KEPT.split() else "instead:"), number


def test_every_named_test_exists() -> None:
    for number, _, tests in ROWS:
        named = re.findall(r"`(\w+)::(\w+)`", tests)
        assert named, number
        for short_name, test in named:
            assert test in names_in(SHORT_NAMES[short_name]), f"{number}: {short_name}::{test}"


def test_every_test_of_statements_is_listed() -> None:
    assert all(f"statements::{name}`" in TEXT for name in names_in(SHORT_NAMES["statements"]))
