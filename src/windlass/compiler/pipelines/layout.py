"""Lays out a syntax tree as text: what fits stays on one line, what does not is one item a line.

Parsing the text gives the tree again. Only the nodes that `code.py` and `emit.py` make are known.
"""

import ast
from collections.abc import Iterator, Mapping

from windlass.compiler.pipelines.code import section

WIDTH = 100
_INDENT = "    "
_OPERATORS: dict[type[ast.operator], str] = {ast.BitOr: "|", ast.BitAnd: "&", ast.RShift: ">>"}


def lay_out(
    statements: list[ast.stmt], comments: Mapping[ast.stmt, str], depth: int = 0
) -> list[tuple[str, ast.stmt]]:
    """The lines of statements, each with the statement that it belongs to; `comments` stand above
    theirs. Blocks are set apart by an empty line, lines of one kind are not."""
    lines: list[tuple[str, ast.stmt]] = []
    indent = _INDENT * depth
    before: ast.stmt | None = None
    for statement in statements:
        apart = statement in comments or isinstance(statement, ast.With)
        if before is not None and (apart or _kind(before) != _kind(statement)):
            lines.append(("", statement))
        if statement in comments:
            lines.append((f"{indent}# {comments[statement]}", statement))
        text = _statement(statement, depth)
        lines += ((line, statement) for line in text.split("\n"))
        if isinstance(statement, ast.With):
            lines += lay_out(statement.body, comments, depth + 1)
        before = statement
    return lines


def _kind(statement: ast.stmt) -> tuple[type, int]:
    """Imports of one section are of one kind."""
    module = statement.module or "" if isinstance(statement, ast.ImportFrom) else ""
    return type(statement), section(module)


def _statement(node: ast.stmt, depth: int) -> str:
    indent = _INDENT * depth
    match node:
        case ast.ImportFrom(module=module, names=names):
            listed = [f"{one.name} as {one.asname}" if one.asname else one.name for one in names]
            line = f"from {module} import {', '.join(listed)}"
            if len(line) <= WIDTH:
                return line
            return f"from {module} import {_bracketed('(', listed, ')', 0)}"
        case ast.Assign(targets=[ast.Name(id=target)], value=value):
            return f"{indent}{target} = {_text(value, depth, len(target) + 3)}"
        case ast.Expr(value=value):
            return indent + _text(value, depth, 0)
        case ast.With(items=[ast.withitem(context_expr=context, optional_vars=ast.Name(id=own))]):
            return f"{indent}with {_text(context, depth, len(own) + 10)} as {own}:"
        case ast.With(items=[ast.withitem(context_expr=context)]):
            return f"{indent}with {_text(context, depth, 6)}:"
    raise TypeError(type(node))


def _text(node: ast.expr, depth: int, beside: int) -> str:
    """An expression that begins at `depth` and shares its line with `beside` other characters."""
    flat = _flat(node)
    if len(_INDENT) * depth + beside + len(flat) <= WIDTH:
        return flat
    match node:
        case ast.Call(func=function, args=args, keywords=words):
            items = [_item("", one, depth) for one in args]
            items += [_item(f"{one.arg}=", one.value, depth) for one in words]
            return _bracketed(f"{_flat(function)}(", items, ")", depth) if items else flat
        case ast.List(elts=elements) if elements:
            return _bracketed("[", [_item("", one, depth) for one in elements], "]", depth)
        case ast.Dict(keys=keys, values=values) if keys:
            pairs = zip(keys, values, strict=True)
            items = [_item(f"{_flat(key)}: ", one, depth) for key, one in pairs if key]
            return _bracketed("{", items, "}", depth)
        case ast.BinOp(op=ast.RShift(), left=left, right=right):
            after = f" >> {_flat(right)}"
            return _text(left, depth, beside + len(after)) + after
        case ast.BinOp():
            inner = _INDENT * (depth + 1)
            parts = f"\n{inner}{_OPERATORS[type(node.op)]} ".join(_operands(node))
            return f"(\n{inner}{parts}\n{_INDENT * depth})"
        case ast.Constant(value=str(value)) if "\n" in value or len(flat) > WIDTH:
            return _long_text(value, depth)
    return flat


def _item(lead: str, node: ast.expr, depth: int) -> str:
    return lead + _text(node, depth + 1, len(lead) + 1)


def _bracketed(opening: str, items: list[str], closing: str, depth: int) -> str:
    inner = "".join(f"{_INDENT * (depth + 1)}{item},\n" for item in items)
    return f"{opening}\n{inner}{_INDENT * depth}{closing}"


def _operands(node: ast.BinOp) -> list[str]:
    """Those of a chain of one operator, `a | b | c`."""
    if isinstance(node.left, ast.BinOp) and type(node.left.op) is type(node.op):
        return [*_operands(node.left), _flat(node.right)]
    return [_flat(node.left), _flat(node.right)]


def _long_text(value: str, depth: int) -> str:
    """Adjacent literals, which Python reads as one: a line of the text each, or a piece of one."""
    room = WIDTH - len(_INDENT) * (depth + 1) - 2
    pieces = [one for line in value.splitlines(keepends=True) for one in _pieces(line, room)]
    inner = "".join(f"{_INDENT * (depth + 1)}{_flat(ast.Constant(one))}\n" for one in pieces)
    return f"(\n{inner}{_INDENT * depth})"


def _pieces(line: str, room: int) -> Iterator[str]:
    """A line in pieces of at most `room` characters, parted after a space where there is one."""
    while len(line) > room:
        at = line.rfind(" ", 0, room) + 1 or room
        yield line[:at]
        line = line[at:]
    yield line


def _flat(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(value)):
            return _quoted(value)
        case ast.Constant(value=value):
            return repr(value)
        case ast.Name(id=own):
            return own
        case ast.Attribute(value=value, attr=own):
            return f"{_flat(value)}.{own}"
        case ast.UnaryOp(operand=operand):
            return f"-{_flat(operand)}"
        case ast.Call(func=function, args=args, keywords=words):
            given = [*map(_flat, args), *(f"{one.arg}={_flat(one.value)}" for one in words)]
            return f"{_flat(function)}({', '.join(given)})"
    return _flat_container(node)


def _flat_container(node: ast.expr) -> str:
    match node:
        case ast.List(elts=elements):
            return f"[{', '.join(map(_flat, elements))}]"
        case ast.Tuple(elts=elements):
            return f"({', '.join(map(_flat, elements))}{',' if len(elements) == 1 else ''})"
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return f"{{{', '.join(f'{_flat(key)}: {_flat(one)}' for key, one in pairs if key)}}}"
        case ast.Lambda(args=ast.arguments(args=[ast.arg(arg=own)]), body=body):
            return f"lambda {own}: {_flat(body)}"
        case ast.BoolOp(op=ast.And(), values=values):
            return " and ".join(map(_flat, values))
        case ast.BinOp(op=operator):
            return f" {_OPERATORS[type(operator)]} ".join(_operands(node))
    raise TypeError(type(node))


def _quoted(value: str) -> str:
    """A literal of Python, in double quotes where those need no escapes. `repr` escapes all that
    is not printable; what is left of it cannot end the literal."""
    made = repr(value)
    if made.startswith("'") and '"' not in value:
        return f'"{made[1:-1]}"'
    return made
