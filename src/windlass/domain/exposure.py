"""How a secret may be written somewhere: the forms that are looked for, and what was found."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

MIN_LENGTH = 8
"""A shorter text is found everywhere and proves nothing."""
_LINE_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that is looked for; `name` may be shown, as `credential/company-git`."""

    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Needle:
    """A secret in one of its forms, such as `base64`."""

    name: str
    form: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, order=True)
class Exposure:
    """A place that holds a secret in some form."""

    place: str
    name: str
    form: str


def needles(secret: Secret) -> list[Needle]:
    """The secret in every form that is looked for, each once; none where it is too short.

    Of a text of several lines, such as a private key, each long line but the first is one: a part
    of a key is exposed as well as all of it. The first holds what all keys begin with.

    >>> [one.form for one in needles(Secret("x", "correct horse"))][:3]
    ['plain', 'URL', 'form']
    """
    found: dict[bytes, Needle] = {}
    for part in _parts(secret.text):
        for form, content in _forms(part):
            found.setdefault(content, Needle(secret.name, form, content))
    return list(found.values())


def found_in(content: bytes, wanted: Sequence[Needle], place: str) -> set[Exposure]:
    """Which of them a text holds."""
    return {Exposure(place, one.name, one.form) for one in wanted if one.content in content}


def _parts(text: str) -> list[str]:
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) > 1:
        body = [line for line in lines if line and not line.startswith("-----")]
        return [line for line in body[1:] if len(line) >= _LINE_LENGTH]
    return lines if lines and len(lines[0]) >= MIN_LENGTH else []


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    raw = text.encode()
    yield "plain", raw
    yield "URL", quote(text, safe="").encode()
    yield "form", quote_plus(text).encode()
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "hex", raw.hex().encode()
    for offset in range(3):  # where it begins within three bytes of a longer text
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * offset + raw)
            yield "base64", whole[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
