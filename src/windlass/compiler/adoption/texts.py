"""Finds the settings of git-sync and of bundles in text: variables, airflow.cfg, YAML and JSON."""

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.compiler.adoption import bundles, gitsync
from windlass.compiler.adoption.bundles import VARIABLE, bundles_in
from windlass.compiler.adoption.found import Group, Setting
from windlass.compiler.documents import MAX_BYTES, read_document
from windlass.compiler.nodes import ListNode, MapNode, Node, ScalarNode, to_json
from windlass.domain.errors import Invalid

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_SECTION = re.compile(r"^\[[A-Za-z0-9_. -]+\]\s*$", re.MULTILINE)
_DOCUMENT = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_OPTION = "dag_bundle_config_list"


@dataclass(slots=True)
class Findings:
    """What one or more texts hold: `groups` of git-sync's settings, items of lists of bundles with
    where each list stands, and variables, which may be connections."""

    groups: list[Group] = field(default_factory=list)
    items: list[tuple[str, Any]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


def find_in_variables(variables: Mapping[str, str], where: str, into: Findings) -> None:
    """Look through environment variables."""
    _from_variables([(name, value, None) for name, value in variables.items()], where, into)


def find_in_flags(text: str, into: Findings) -> None:
    """Look at git-sync's command line."""
    if settings := tuple(gitsync.settings_of_flags(gitsync.split_flags(text))):
        into.groups.append(Group("--git-sync", settings))


def find_in_file(path: str, content: bytes, into: Findings) -> None:
    """Look through a file: KEY=VALUE lines, airflow.cfg, or YAML, of which JSON is a part.

    Raises Invalid ADOPT001 where it can be read as none of them, ADOPT003 for a list of bundles
    that is none.
    """
    if len(content) > MAX_BYTES:
        raise Invalid("ADOPT001", f"{path} has more than {MAX_BYTES >> 20} MiB", "Give a part.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("ADOPT001", f"{path} is no UTF-8 text") from error
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("#")]
    if told and all(_LINE.fullmatch(line) for line in told):
        _from_lines(lines, path, into)
    elif _SECTION.search(text):
        _from_cfg(text, path, into)
    else:
        _from_yaml(text, path, into)


def _from_lines(lines: list[str], path: str, into: Findings) -> None:
    found: list[tuple[str, str, int | None]] = []
    for number, line in enumerate(lines, start=1):
        if parsed := _LINE.fullmatch(line):
            value = parsed[2].strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found.append((parsed[1], value, number))
    _from_variables(found, path, into)


def _from_variables(found: list[tuple[str, str, int | None]], where: str, into: Findings) -> None:
    settings = []
    for name, value, line in found:
        if name == VARIABLE:
            into.items += [(where, item) for item in bundles_in(value)]
        elif setting := gitsync.setting_of_variable(name, value, line):
            settings.append(setting)
        elif name.startswith(bundles.CONNECTION):
            into.variables[name] = value
    if settings:
        into.groups.append(Group(f"{where}, git-sync", tuple(settings)))


def _from_cfg(text: str, path: str, into: Findings) -> None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise Invalid("ADOPT001", f"{path} cannot be read as airflow.cfg") from error
    value = parser.get("dag_processor", _OPTION, fallback="")
    if value.strip():
        items = bundles_in(value.replace("%%", "%"))
        into.items += [(f"{path}, [dag_processor]", item) for item in items]


def _from_yaml(text: str, path: str, into: Findings) -> None:
    starts = [0, *(found.start() for found in _DOCUMENT.finditer(text))]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end].removeprefix("---")
        if not any(line.strip() and line.strip()[0] != "#" for line in part.splitlines()):
            continue
        lines = "\n" * text.count("\n", 0, start)  # so that places are those of the file
        document = read_document(path, (lines + part).encode())
        if document.root is None:
            one = document.findings[0]
            raise Invalid(
                "ADOPT001",
                f"{path}:{one.line or 1}: {one.message}",
                "Of a chart give the values, or what `helm template` prints.",
            )
        _walk(document.root, path, "", into)


def _walk(node: Node, path: str, at: str, into: Findings) -> None:
    match node:
        case ListNode(items=items):
            if all(isinstance(one, MapNode) and one.get("classpath") for one in items):
                into.items += [(_spot(path, at, node), to_json(one)) for one in items]
                return
            for one in items:
                _walk(one, path, at, into)
        case MapNode(entries=entries):
            _container(node, path, at, into)
            for entry in entries:
                below = f"{at}.{entry.key}" if at else entry.key
                if entry.key == "gitSync" and isinstance(entry.value, MapNode):
                    _chart(entry.value, path, below, into)
                elif entry.key == _OPTION and isinstance(entry.value, ScalarNode):
                    where = _spot(path, below, entry.value)
                    into.items += [(where, one) for one in bundles_in(entry.value.text)]
                else:
                    _walk(entry.value, path, below, into)


def _chart(node: MapNode, path: str, at: str, into: Findings) -> None:
    settings = [
        gitsync.setting_of_chart(entry.key, _text(entry.value), entry.place.line)
        for entry in node.entries
        if not _is_empty(entry.value)
    ]
    if any(one.name == "repo" for one in settings):
        into.groups.append(Group(_spot(path, at, node), tuple(settings)))


def _container(node: MapNode, path: str, at: str, into: Findings) -> None:
    """A container of Kubernetes, or a service of Compose, that is a git-sync."""
    settings: list[Setting] = []
    for name, value, line in _environment(node):
        if name == VARIABLE and value is not None:
            into.items += [(_spot(path, at, node), one) for one in bundles_in(value)]
        elif setting := gitsync.setting_of_variable(name, value, line):
            settings.append(setting)
    words = [*_words(node.get("command")), *_words(node.get("args"))]
    image = node.get("image")
    is_git_sync = isinstance(image, ScalarNode) and "git-sync" in image.text
    if is_git_sync or any(word.lstrip("-").startswith("repo=") for word in words):
        settings += gitsync.settings_of_flags(words)
    if node.get("envFrom") is not None and settings:
        settings.append(Setting("env-from", None))
    if any(one.name == "repo" for one in settings):
        into.groups.append(Group(f"{_spot(path, at, node)}, git-sync", tuple(settings)))


def _environment(node: MapNode) -> Iterator[tuple[str, str | None, int]]:
    for found in (node.get("env"), node.get("environment")):
        match found:
            case MapNode(entries=entries):
                for entry in entries:
                    yield entry.key, _text(entry.value), entry.place.line
            case ListNode(items=items):
                for one in items:
                    if isinstance(one, ScalarNode):
                        name, _, value = one.text.partition("=")
                        yield name, value, one.place.line
                    elif isinstance(one, MapNode) and isinstance(one.get("name"), ScalarNode):
                        name_node, value_node = one.get("name"), one.get("value")
                        named = name_node.text if isinstance(name_node, ScalarNode) else ""
                        yield named, _text(value_node) if value_node else None, one.place.line


def _words(node: Node | None) -> list[str]:
    match node:
        case ScalarNode(text=text):
            return gitsync.split_flags(text)
        case ListNode(items=items):
            return [one.text for one in items if isinstance(one, ScalarNode)]
    return []


def _text(node: Node) -> str | None:
    return node.text if isinstance(node, ScalarNode) and node.value is not None else None


def _is_empty(node: Node) -> bool:
    match node:
        case ScalarNode(value=value):
            return value in (None, "")
        case ListNode(items=items):
            return not items
        case MapNode(entries=entries):
            return not entries


def _spot(path: str, at: str, node: Node) -> str:
    return f"{path}:{node.place.line}" + (f" {at}" if at else "")
