"""What importing a file runs."""

import ast

import pytest

from windlass.checks.module import Module


def reached(source: str) -> list[str]:
    """The names that are called while a file is imported, of `a`, `b` and `c`."""
    module = Module("a.py", source.encode(), ast.parse(source))
    return sorted(
        call.func.id
        for scope in module.scopes
        for call in scope.all(ast.Call)
        if isinstance(call.func, ast.Name)
        if call.func.id in ("a", "b", "c")
        if module.running.reaches(scope, call)
    )


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a()", ["a"]),
        ("def f(): a()", []),
        ("def f(): a()\nf()", ["a"]),
        ("async def f(): a()", []),
        ("def f():\n    g()\ndef g(): a()\nif x:\n    f()", ["a"]),
        ("def f():\n    f()\n    a()\nf()", ["a"]),
        ("class A:\n    a()", ["a"]),
        ("class A:\n    def __init__(self): a()\n    def run(self): b()\nA()", ["a"]),
        ("class A:\n    def run(self): b()\nA().run()", ["b"]),
        ("class A:\n    def run(self): b()\nother.run()", []),
        ("class A:\n    def __init_subclass__(cls): a()\nclass B(A): pass", ["a"]),
        ("def f(g):\n    a()\n    return g\n@f\ndef h(): b()", ["a"]),
        ("@dag\ndef f(): a()\nf()", ["a"]),
        ("@task\ndef f(): a()\nf()", []),
        ("@task.bash(env={})\ndef f(): a()\nf()", []),
        ("@dag\ndef f():\n    @task\n    def g(): a()\n    b()\n    g()\nf()", ["b"]),
        ("x = lambda: a()", []),
        ("(lambda: a())()", ["a"]),
        ("list(map(lambda x: a(), []))", ["a"]),
        ("def f(x): a()\nsorted([], key=f)", ["a"]),
        ("if __name__ == '__main__':\n    a()\nelse:\n    b()", ["b"]),
        ("if TYPE_CHECKING:\n    a()", []),
        ("[a() for x in y]", ["a"]),
        ("def f(x=a()): pass", ["a"]),
        ("def __getattr__(name): a()", ["a"]),
    ],
)
def test_what_importing_reaches(source: str, names: list[str]) -> None:
    assert reached(source) == names
