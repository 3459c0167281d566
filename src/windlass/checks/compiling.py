"""Whether what Python could parse it can surely compile too, so that nobody has to try.

Compiling takes as long as parsing, and finds what a grammar does not say: a `return` outside of a
function, a keyword given twice. Such faults need something of which most files have nothing; a file
that has any is compiled, as is every file of a Python that is newer than this list.
"""

import ast
import sys

from windlass.checks.module import Module

_KNOWN = (3, 13)  # the newest Python whose compile.c, symtable.c and future.c were read for it
_MAX_BLOCKS = 20  # CO_MAXBLOCKS: "too many statically nested blocks"
_PLAIN = frozenset(
    {
        *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Import),
        *(ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Return, ast.If, ast.For, ast.While),
        *(ast.With, ast.withitem, ast.Try, ast.ExceptHandler, ast.Raise, ast.Assert, ast.Pass),
        *(ast.Delete, ast.Lambda, ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.JoinedStr),
        *(ast.FormattedValue, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Subscript, ast.Slice),
        *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.ListComp, ast.SetComp),
        *(ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.arguments, ast.arg, ast.keyword),
    }
)


def surely_compiles(module: Module) -> bool:
    """Whether no rule of the compiler can be broken; False where it has to be asked.

    >>> tree = ast.parse("def f(x):\\n    return x\\nf(x=1, y=2)")
    >>> surely_compiles(Module("a.py", b"", tree))
    True
    """
    return (
        sys.version_info[:2] <= _KNOWN
        and module.content.isascii()
        and b"__debug__" not in module.content
        and all(_PLAIN.issuperset(scope.nodes) for scope in module.scopes)
        and _blocks(module) <= _MAX_BLOCKS
        and not module.top.all(ast.Return)
        and not any(scope.all(ast.Return) and scope.all(ast.ClassDef) for scope in module.scopes)
        and not _has_twins(module)
        and not any(one.type is None for one in module.all(ast.ExceptHandler))
        and not any(one.is_async for one in module.all(ast.comprehension))
        and not _has_odd_import(module)
    )


def _blocks(module: Module) -> int:
    """How many blocks there are, at the most, inside of each other."""
    found = sum(len(one.items) for one in module.all(ast.With))
    found += len(module.all(ast.For)) + len(module.all(ast.While))
    return found + 4 * len(module.all(ast.Try))  # itself, its `finally`, and a name of an error


def _has_twins(module: Module) -> bool:
    """Whether a keyword is given twice, or two arguments of a function have one name."""
    given_to = [call.keywords for call in module.all(ast.Call)]
    given_to += [made.keywords for made in module.all(ast.ClassDef)]
    for keywords in given_to:
        if len(keywords) > 1:
            names = [one.arg for one in keywords if one.arg]
            if len(set(names)) < len(names):
                return True
    for given in module.all(ast.arguments):
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        every += [one for one in (given.vararg, given.kwarg) if one is not None]
        if len({one.arg for one in every}) < len(every):
            return True
    return False


def _has_odd_import(module: Module) -> bool:
    """Whether there is an `import *`, or one from the future that is not where those belong."""
    body = module.tree.body
    start = 1 if body and _is_text(body[0]) else 0  # the docstring of the file
    first = body[start] if len(body) > start else None
    for one in module.all(ast.ImportFrom):
        if one.names[0].name == "*":
            return True
        if one.module == "__future__":
            is_usual = one is first and [a.name for a in one.names] == ["annotations"]
            if one.level or not is_usual:
                return True
    return False


def _is_text(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
