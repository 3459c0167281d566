"""What an expression of literals evaluates to, without evaluating Python: `"sys" + "tem"`.

Bounded in depth, steps and size, whatever a file holds.
"""

import ast
import base64
import binascii
import codecs
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

Value = str | bytes | int | list[Any]

MAX_LENGTH = 100_000
_MAX_DEPTH = 40
_MAX_STEPS = 20_000
_LITERALS, _LONG = (str, bytes, int), (str, bytes, list)
_SHOWN, _TEXTS = (str, int), (str, bytes)

_DECODERS: dict[str, Callable[[Any], bytes]] = {
    "base64.b64decode": base64.b64decode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.a85decode": base64.a85decode,
    "base64.b85decode": base64.b85decode,
    "base64.decodebytes": base64.decodebytes,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.unhexlify,
    "binascii.a2b_base64": binascii.a2b_base64,
    "bytes.fromhex": bytes.fromhex,
}
DECODING = frozenset(
    {*_DECODERS, "codecs.decode", "zlib.decompress", "bz2.decompress", "lzma.decompress"}
)
"""Functions that turn unreadable text into readable text."""
_PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "os.path.join"})
_CODECS = frozenset({"rot13", "rot_13", "hex", "hex_codec", "base64", "base64_codec"})
_TEXT_CODECS = frozenset({"utf8", "utf-8", "ascii", "latin1", "latin-1", "unicode_escape"})
_WIDE = re.compile(r"\d{4}|\*|\{[^{}]*\{")  # a width in a format may make any length


class Folder:
    """Folds expressions of one file. `texts` are its names that stand for one expression each;
    `resolve` gives the dotted name of what is called."""

    def __init__(
        self, texts: Mapping[str, ast.expr], resolve: Callable[[ast.expr], str | None]
    ) -> None:
        self._texts = texts
        self._resolve = resolve
        self._steps = 0

    def expression(self, name: str) -> ast.expr | None:
        """The one expression that a name stands for."""
        return self._texts.get(name)

    def text(self, node: ast.AST | None) -> str | None:
        """The text that an expression stands for; bytes count as text. None where it is unknown."""
        value = self.value(node)
        if isinstance(value, bytes):
            return value.decode("latin-1")
        return value if isinstance(value, str) else None

    def value(self, node: ast.AST | None, depth: int = 0) -> Value | None:
        """The value of an expression; None where only running the file tells it."""
        if isinstance(node, ast.Constant):
            constant = node.value
            return constant if isinstance(constant, _LITERALS) else None
        fold = self._FOLDS.get(type(node))
        self._steps += 1
        if fold is None or depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
            return None
        try:
            value: Value | None = fold(self, node, depth + 1)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
            return None  # as it would fail in Python: then it stands for nothing
        if isinstance(value, _LONG) and len(value) > MAX_LENGTH:
            return None
        return value

    def _name(self, node: ast.Name, depth: int) -> Value | None:
        return self.value(self._texts.get(node.id), depth)

    def _binary(self, node: ast.BinOp, depth: int) -> Value | None:
        if isinstance(node.op, ast.Add):
            return self._sum(node, depth)
        left, right = self.value(node.left, depth), self._operand(node.right, depth)
        if isinstance(node.op, ast.Mod) and isinstance(left, str) and right is not None:
            return None if _WIDE.search(left) else left % right
        if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
            return _path([left, right])
        if isinstance(left, int) and isinstance(right, int):
            return _arithmetic(node.op, left, right)
        return None

    def _sum(self, node: ast.BinOp, depth: int) -> Value | None:
        """A chain of `+`, which Python nests as deeply as it is long."""
        parts: list[ast.expr] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):
            parts.append(left.right)
            left = left.left
        values = [self.value(part, depth) for part in (left, *reversed(parts))]
        if all(isinstance(value, str) for value in values):
            return "".join(values)  # type: ignore[arg-type]  # as the line above says
        if all(isinstance(value, bytes) for value in values):
            return b"".join(values)  # type: ignore[arg-type]  # as above
        if all(isinstance(value, int) for value in values):
            return sum(values)  # type: ignore[arg-type]  # as above
        return None

    def _operand(self, node: ast.expr, depth: int) -> Any:
        """The right side of `%`: a value, or a tuple of values."""
        if not isinstance(node, ast.Tuple):
            return self.value(node, depth)
        values = tuple(self.value(one, depth) for one in node.elts)
        return None if None in values else values

    def _joined(self, node: ast.JoinedStr, depth: int) -> Value | None:
        parts = []
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            value = self.value(inner, depth)
            if not isinstance(value, _SHOWN):
                return None
            parts.append(str(value))
        return "".join(parts)

    def _list(self, node: ast.List | ast.Tuple, depth: int) -> Value | None:
        values = [self.value(one, depth) for one in node.elts[:MAX_LENGTH]]
        return None if None in values else values

    def _subscript(self, node: ast.Subscript, depth: int) -> Value | None:
        value = self.value(node.value, depth)
        if not isinstance(value, _LONG):
            return None
        if isinstance(node.slice, ast.Slice):
            bounds = (node.slice.lower, node.slice.upper, node.slice.step)
            return value[slice(*(None if b is None else self._int(b, depth) for b in bounds))]
        found: Value = value[self._int(node.slice, depth)]
        return found

    def _unary(self, node: ast.UnaryOp, depth: int) -> Value | None:
        value = self.value(node.operand, depth)
        return -value if isinstance(node.op, ast.USub) and isinstance(value, int) else None

    def _int(self, node: ast.expr, depth: int) -> int:
        value = self.value(node, depth)
        if not isinstance(value, int):
            raise TypeError
        return value

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, depth: int) -> Value | None:
        """`chr(x) for x in [...]`, and the same with an operation upon `x`."""
        (loop,) = node.generators
        values = self.value(loop.iter, depth)
        if loop.ifs or not isinstance(loop.target, ast.Name) or values is None:
            return None
        if isinstance(values, int):
            return None
        texts: dict[str, ast.expr] = dict(self._texts)
        found: list[Any] = []
        for value in values[:1000]:
            texts[loop.target.id] = ast.Constant(value)
            inner = Folder(texts, self._resolve)
            inner._steps = self._steps
            found.append(inner.value(node.elt, depth))
            self._steps = inner._steps
        return None if None in found else found

    def _call(self, node: ast.Call, depth: int) -> Value | None:
        function = node.func
        if isinstance(function, ast.Attribute):
            owner = self.value(function.value, depth)
            if isinstance(owner, _TEXTS):
                return self._method(owner, function.attr, node, depth)
        name = self._resolve(function)
        if name == "pathlib.Path.home":
            return "~"
        arguments = [self.value(one, depth) for one in node.args]
        if not name or not arguments or None in arguments:
            return self._mapped(node, name, depth)
        first: Any = arguments[0]
        if name in _PATHS:
            return _path(arguments)
        if name == "codecs.decode":
            return _decode(first, str(arguments[1])) if len(arguments) > 1 else None
        return _built(name, first)

    def _mapped(self, node: ast.Call, name: str | None, depth: int) -> Value | None:
        """`map(chr, [...])`."""
        if name != "map" or len(node.args) != 2 or self._resolve(node.args[0]) != "chr":
            return None
        values = self.value(node.args[1], depth)
        return [chr(value) for value in values] if isinstance(values, bytes | list) else None

    def _method(self, owner: str | bytes, name: str, node: ast.Call, depth: int) -> Value | None:
        arguments: list[Any] = [self.value(one, depth) for one in node.args]
        if None in arguments or node.keywords:
            return None
        if isinstance(owner, bytes):
            if name == "decode":
                return _decode(owner, str(arguments[0]) if arguments else "utf-8")
            return None
        return _changed(owner, name, arguments)

    _FOLDS: ClassVar[dict[type, Callable[..., Value | None]]] = {
        ast.Name: _name,
        ast.BinOp: _binary,
        ast.JoinedStr: _joined,
        ast.List: _list,
        ast.Tuple: _list,
        ast.Subscript: _subscript,
        ast.UnaryOp: _unary,
        ast.ListComp: _comprehension,
        ast.GeneratorExp: _comprehension,
        ast.Call: _call,
    }


def _path(parts: list[Any]) -> str | None:
    """A path of some parts, of which a later one may begin anew."""
    if not all(isinstance(part, str) for part in parts):
        return None
    start = max((at for at, part in enumerate(parts) if part.startswith("/")), default=0)
    return "/".join([part.rstrip("/") if len(part) > 1 else part for part in parts[start:]])


def _built(name: str, first: Any) -> Value | None:
    """What a function makes of one value."""
    if name in _DECODERS:
        return _DECODERS[name](first)
    if name == "chr":
        return chr(first)
    if name == "os.path.expanduser":
        return str(first)
    if name in ("bytes", "bytearray") and isinstance(first, list):
        return bytes(first)
    if name == "str":
        return _decode(first, "utf-8") if isinstance(first, bytes) else str(first)
    if name in ("list", "tuple", "reversed") and isinstance(first, str | bytes | list):
        return list(first)[::-1] if name == "reversed" else list(first)
    return None


def _changed(owner: str, name: str, arguments: list[Any]) -> Value | None:
    """What a method of a text makes of it."""
    if name == "join":
        (parts,) = arguments
        return owner.join(parts) if len(owner) * len(parts) <= MAX_LENGTH else None
    if name == "format":
        return None if _WIDE.search(owner) else owner.format(*arguments)
    if name == "replace":
        old, new = arguments
        return owner.replace(old, new) if len(owner) * len(new) <= MAX_LENGTH * 10 else None
    if name == "split":
        return list(owner.split(*arguments))
    if name == "joinpath":
        return _path([owner, *arguments])
    if name == "encode":
        return owner.encode("utf-8", "replace")
    if name in ("lower", "upper", "strip", "swapcase", "title"):
        return str(getattr(owner, name)(*arguments))
    return None


def _arithmetic(operator: ast.operator, left: int, right: int) -> int | None:
    if max(left.bit_length(), right.bit_length()) > 64:
        return None
    if isinstance(operator, ast.Sub):
        return left - right
    return left ^ right if isinstance(operator, ast.BitXor) else None


def _decode(value: Any, codec: str) -> str:
    """Decoded by one of the codecs that hide nothing but text."""
    name = codec.lower().replace(" ", "")
    if name not in _CODECS | _TEXT_CODECS:
        raise LookupError
    raw = value.encode("latin-1") if isinstance(value, str) and "rot" not in name else value
    if "rot" in name and isinstance(raw, bytes):
        raw = raw.decode("latin-1")
    decoded: Any = codecs.decode(raw, name)
    return decoded.decode("latin-1") if isinstance(decoded, bytes) else str(decoded)
