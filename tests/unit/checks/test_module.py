"""The walk of a parsed file: every node once, in the scope whose code it is."""

import ast
import inspect
from pathlib import Path

import pytest

from windlass import checks
from windlass.checks.module import Module

OPERATORS = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.alias)
OWN = sorted(Path(inspect.getfile(checks)).parent.glob("*.py"))


def module(source: str) -> Module:
    return Module("a.py", source.encode(), ast.parse(source))


def names(source: str) -> list[list[str]]:
    """The names in each scope, sorted."""
    return [sorted(name.id for name in scope.all(ast.Name)) for scope in module(source).scopes]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_every_node_is_met_once(path: Path) -> None:
    read = module(path.read_text("utf-8"))
    everything = [node for node in ast.walk(read.tree) if not isinstance(node, OPERATORS)]

    met = [node for scope in read.scopes for nodes in scope.nodes.values() for node in nodes]

    assert sorted(map(id, met)) == sorted(map(id, everything))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\nclass B(c):\n    d", [["a", "c", "d"]]),
        ("def f(x: a = b) -> c:\n    d", [["a", "b", "c"], ["d"]]),
        ("@a\nasync def f():\n    b\n    def g(x=c): d", [["a"], ["b", "c"], ["d"]]),
        ("x = lambda y=a: b", [["a", "x"], ["b"]]),
        ("match a:\n    case None | True: b", [["a", "b"]]),
    ],
)
def test_a_scope_has_what_runs_when_its_code_runs(source: str, expected: list[list[str]]) -> None:
    assert names(source) == expected


def test_a_method_knows_its_class() -> None:
    scopes = module("class A:\n    def f(self):\n        def g(): pass\n").scopes

    assert [scope.owner and scope.owner.name for scope in scopes] == [None, "A", None]
