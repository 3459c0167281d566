"""What is not compiled since nothing of it can fail: it never is what Python refuses."""

import ast

import pytest

from windlass.checks.compiling import surely_compiles
from windlass.checks.module import Module

REFUSED = r"""
return 1
class A:\n    return 1
def f():\n    class A:\n        return 1
yield 1
await x
async def f():\n    yield 1\n    return 2
def f():\n    async with a: pass
def f():\n    return [x async for x in y]
break
continue
if x:\n    break
for x in y:\n    def f():\n        break
f(a=1, a=2)
class A(a=1, a=2): pass
def f(a, a): pass
def f(a, *, a): pass
def f(a, **a): pass
lambda a, *a: 1
def f(a):\n    global a
def f():\n    x = 1\n    global x
nonlocal x
def f():\n    nonlocal x
def f():\n    from os import *
x = 1\nfrom __future__ import annotations
from __future__ import braces
from __future__ import nothing
try: pass\nexcept: pass\nexcept ValueError: pass
__debug__ = 1
f(__debug__=1)
def f(__debug__): pass
x.__debug__ = 1
*a = b
a = *b
*a, *b = c
*a
[(x := 1) for x in y]
[x for x in (y := z)]
class A:\n    [(x := 1) for y in z]
x: (yield 1)
match x:\n    case a: pass\n    case 1: pass
match x:\n    case a | b: pass
match x:\n    case [a, a]: pass
match x:\n    case {1: a, 1: b}: pass
match x:\n    case A(a=b, a=c): pass
try: pass\nexcept* ValueError:\n    return
for x in y:\n    try: pass\n    except* ValueError:\n        break
""".strip().split("\n")
NESTED = "".join(f"{' ' * n}while x:\n" for n in range(21)) + " " * 21 + "pass\n"
WIDE = f"with {', '.join(['a'] * 21)}: pass"
GUARDED = "".join(f"{' ' * n}try:\n" for n in range(21)) + " " * 21 + "pass\n"
GUARDED += "".join(f"{' ' * n}finally: pass\n" for n in range(20, -1, -1))


@pytest.mark.parametrize("line", [*REFUSED, NESTED, WIDE, GUARDED])
def test_what_python_parses_and_refuses_to_compile_is_compiled(line: str) -> None:
    text = line.replace("\\n", "\n")
    tree = ast.parse(text)
    with pytest.raises(SyntaxError):
        compile(tree, "<checked>", "exec", dont_inherit=True)

    assert not surely_compiles(Module("a.py", text.encode(), tree))


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"""Words."""\nfrom __future__ import annotations\nimport os',
        "def f(a, b=1, *c, d, **e):\n    return [a for b in c if d]",
        "with DAG('x', tags=[]) as dag:\n    a >> b",
        "try:\n    import x\nexcept ImportError as e:\n    raise y from e\nfinally:\n    del z",
        "class A(B, metaclass=C):\n    x: int = 1\n    def f(self):\n        return lambda: 1",
    ],
)
def test_ordinary_code_is_not_compiled(text: str) -> None:
    assert surely_compiles(Module("a.py", text.encode(), ast.parse(text)))
