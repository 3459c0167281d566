"""Reads what a fork wrote. It was written by whatever the DAG file made of that process, so that
nothing of it is believed beyond its form."""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from windlass.domain.facts import DagFacts
from windlass.domain.imported import (
    Asked,
    Deed,
    Imported,
    ImportStatus,
    Problem,
    Seen,
    Trouble,
    Use,
)
from windlass.domain.names import Kind
from windlass.domain.tested import FailedTest, SuiteEnd, SuiteResult

_DAG_ID = re.compile(r"[\w.-]{1,250}\Z")  # validate_key in airflow's node.py
_MAX_DAGS = 5000
_MAX_ROWS = 200
_MAX_USES = 300
_MAX_PATHS = 20_000
_MAX_TEXT = 500
_KINDS = frozenset({"process", "network", "delete", "write", "read", "native", "code"})
_ASKED = frozenset({"connection", "variable", "environment"})
_REFUSALS = frozenset({"process", "network", "delete", "write"})
_ERRNO = re.compile(r"\[Errno (1|13|30|38|11)\]")  # EPERM, EACCES, EROFS, ENOSYS, EAGAIN
_OUTSIDE = re.compile(r"\[Errno 2\][^']*'/(?!dag/)")
_OF_THE_CODE = frozenset(
    {"ModuleNotFoundError", "ImportError", "SyntaxError", "IndentationError", "NameError"}
)
_OF_A_VALUE = frozenset(
    {
        *("KeyError", "TypeError", "ValueError", "AttributeError", "IndexError"),
        *("JSONDecodeError", "AirflowNotFoundException", "AirflowRuntimeError", "ScannerError"),
    }
)
_ARGUMENTS = re.compile(r"(keyword|positional) argument|missing \d+ required")
_NO_DATABASE = re.compile(r"unable to open database file|no such table")
_PACKAGES = re.compile(r"/[^\s'\"()]*/(?:site|dist)-packages/")
_SECRET_URI = re.compile(r"(\w+://[^\s/:@]*:)[^\s@]+@")
_SECRET_NAMED = re.compile(
    r"(?i)((?:passw(?:or)?d|pwd|secret|token|api_?key|credential)\w*['\"]?\s*[=:]\s*)\S+"
)
_SECRET_FORM = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{20,}|glpat-[\w-]{20}|xox[abps]-[\w-]{10,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|-----BEGIN [A-Z ]+-----\S*"
)


class _Bad(Exception):
    """The answer has not the form that ours has."""


def read_answer(
    path: str, content: bytes, memory_mb: int, values: Mapping[str, Mapping[str, str]]
) -> Imported | None:
    """What an import gave that was answered by `values`; None where the content is no answer."""
    try:
        row = _dict(json.loads(content))
        return _imported(path, row, memory_mb, values)
    except (ValueError, KeyError, RecursionError, _Bad):
        return None


def _imported(
    path: str, row: dict[str, Any], memory_mb: int, values: Mapping[str, Mapping[str, str]]
) -> Imported:
    asked = tuple(_asked(one) for one in _list(row["asked"], _MAX_ROWS))
    missed = frozenset(a.name for a in asked if a.name not in values.get(a.kind, {}))
    deeds = tuple(_deed(one) for one in _list(row["events"], _MAX_ROWS))
    dags = [_dag(one) for one in _list(row["dags"], _MAX_DAGS)]
    problems = tuple(_problem(path, one, missed, deeds) for one in _list(row["errors"], _MAX_ROWS))
    status = ImportStatus.OK
    if problems:
        is_open = all(p.trouble in (Trouble.VALUE, Trouble.REFUSED) for p in problems)
        status = ImportStatus.INDETERMINATE if is_open else ImportStatus.FAILED
    return Imported(
        status=status,
        dag_ids=tuple(sorted({dag_id for dag_id, _, _ in dags})),  # Airflow has them in no order
        seen=Seen(
            tuple(facts for _, _, facts in sorted(dags, key=lambda dag: dag[0]) if facts),
            (
                *(_use(one) for one in _list(row["uses"], _MAX_USES)),
                *_uses_at_import(asked, missed),
            ),
            tuple(_text(one, _MAX_TEXT) for one in _list(row["operators"], _MAX_ROWS)),
        ),
        problems=problems,
        deeds=deeds,
        asked=asked,
        unstable=tuple(_unstable(one) for one in _list(row["unstable"], _MAX_ROWS)),
        seconds=round(_number(row["seconds"]), 3),
        memory_mb=memory_mb,
        needs=None if row["is_blind"] is not False else dict.fromkeys(_needs(path, row), ""),
        serialized=_packed(dags),
    )


def _needs(path: str, row: dict[str, Any]) -> Iterator[str]:
    yield f"f:{path}"
    for opened in _list(row["opened"], _MAX_PATHS):
        if "__pycache__/" not in _text(opened, 4096):
            yield f"f:{opened}"
    for listed in _list(row["listed"], _MAX_PATHS):
        yield f"l:{_text(listed, 4096)}"
    for searched in _list(row["searched"], _MAX_PATHS):
        folder, module = (_text(part, 4096) for part in _list(searched, 2))
        yield f"n:{folder}:{module}"


def _dag(row: Any) -> tuple[str, dict[str, Any], DagFacts | None]:
    dag_id, data, facts = _list(row, 3)
    if not _DAG_ID.match(_text(dag_id, 250)):
        raise _Bad
    return dag_id, _dict(data), None if facts is None else _facts(dag_id, facts)


def _facts(dag_id: str, row: Any) -> DagFacts:
    _, line, tags, owners, retries, schedule = _list(row, 6)
    return DagFacts(
        dag_id,
        _line(line),
        tuple(_text(tag, _MAX_TEXT) for tag in _list(tags, _MAX_ROWS)),
        tuple(_text(owner, _MAX_TEXT) for owner in _list(owners, _MAX_ROWS)),
        int(_number(retries)),
        None if schedule is None else _text(schedule, _MAX_TEXT),
    )


def _use(row: Any) -> Use:
    kind, name, has_default, path, line, last = _list(row, 6)
    if kind not in tuple(Kind) or not _text(name, 250).isprintable():
        raise _Bad
    return Use(kind, name, has_default is True, _path(path), _line(line), _line(last))


def _uses_at_import(asked: tuple[Asked, ...], missed: frozenset[str]) -> Iterator[Use]:
    """What the file itself asked for: where its import ends well, it goes on without what it was
    not given."""
    for a in asked:
        if a.kind != "environment":
            yield Use(a.kind, a.name, a.name in missed, a.path, a.line, a.line)


def _packed(dags: list[tuple[str, dict[str, Any], DagFacts | None]]) -> bytes:
    """DAGs as compressed JSON: dag_id → what Airflow makes of it."""
    if not dags:
        return b""
    return zlib.compress(
        json.dumps(
            {dag_id: data for dag_id, data, _ in dags}, sort_keys=True, separators=(",", ":")
        ).encode(),
        level=6,
    )


def _problem(path: str, row: Any, missed: frozenset[str], deeds: tuple[Deed, ...]) -> Problem:
    error = _dict(row)
    kind, message = _text(error["type"], 200), _text(error["message"], 4000)
    frames = [_frame(one) for one in _list(error["frames"], 100)]
    place, line, inner = _place(path, frames)
    trouble = _trouble(kind, message, _text(error["stage"], 20), missed, deeds)
    words = f"{kind}: {message}" if message else kind
    if inner:
        words += f" (raised at {inner})"
    return Problem(trouble, clean(words), place, line)


def _trouble(
    kind: str, message: str, stage: str, missed: frozenset[str], deeds: tuple[Deed, ...]
) -> Trouble:
    """What kind of trouble an error was: something that only Airflow has may have been missing.

    `missed` are the names of values that were asked for and are not known here.
    """
    if kind == "MemoryError":
        return Trouble.LIMIT
    if stage != "import":
        return Trouble.AIRFLOW
    if kind in _OF_THE_CODE or _ARGUMENTS.search(message):
        return Trouble.ERROR
    if missed and (kind in _OF_A_VALUE or any(name in message for name in missed)):
        return Trouble.VALUE
    is_refusal = any(sign.search(message) for sign in (_ERRNO, _OUTSIDE, _NO_DATABASE))
    if is_refusal or kind == "AirflowConfigException":
        return Trouble.REFUSED
    return Trouble.REFUSED if any(d.kind in _REFUSALS for d in deeds) else Trouble.ERROR


def _place(path: str, frames: list[tuple[str, int, str]]) -> tuple[str, int | None, str]:
    """The file whose own import failed, its last line on the way, and where it failed inside of
    another file."""
    if not frames:
        return path, None, ""
    start = max((n for n, frame in enumerate(frames) if frame[2] == "<module>"), default=0)
    owner = frames[start][0]
    line = [frame[1] for frame in frames[start:] if frame[0] == owner][-1]
    last = frames[-1]
    return owner, line, "" if last[0] == owner else f"{last[0]}:{last[1]}"


def clean(text: str) -> str:
    """A message without paths of this machine and without what looks like a secret.

    >>> clean("cannot reach postgres://me:hunter2@db/x from /dag/etl.py")
    'cannot reach postgres://me:***@db/x from etl.py'
    """
    text = _PACKAGES.sub("", text.replace("/dag/", ""))
    text = _SECRET_URI.sub(r"\1***@", text)
    text = _SECRET_NAMED.sub(r"\1***", text)
    text = _SECRET_FORM.sub("***", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"


def _frame(row: Any) -> tuple[str, int, str]:
    path, line, name = _list(row, 3)
    return _path(path), _line(line), _text(name, 1000)


def _deed(row: Any) -> Deed:
    kind, detail, path, line = _list(row, 4)
    if kind not in _KINDS:
        raise _Bad
    return Deed(kind, clean(_text(detail, 1000)), _path(path), _line(line))


def _asked(row: Any) -> Asked:
    kind, name, path, line = _list(row, 4)
    if kind not in _ASKED:
        raise _Bad
    return Asked(kind, clean(_text(name, 1000))[:250], _path(path), _line(line))


def _unstable(row: Any) -> tuple[int, str]:
    line, message = _list(row, 2)
    return _line(line), clean(_text(message, 4000))


def _path(value: Any) -> str:
    """A path below the DAG root."""
    text = _text(value, 4096)
    if not text or text.startswith("/") or ".." in text.split("/") or not text.isprintable():
        raise _Bad
    return text


def _line(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 10_000_000:
        raise _Bad
    return max(value, 1)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1e6:
        raise _Bad
    return float(value)


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise _Bad
    return value


def _list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise _Bad
    return value


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Bad
    return value


def read_tested(content: bytes, token: str, tier: str) -> SuiteResult | None:
    """What a run of tests gave; None where the content is no answer to the request of that token.

    pytest's own exit code and what was counted must both say that all passed.
    """
    try:
        row = _dict(json.loads(content))
        if row.get("token") != token:
            return None
        if "missing" in row:
            why = clean(_text(row["missing"], 4000))
            return SuiteResult(SuiteEnd.MISSING, why=why, tier=tier)
        return _tested(row, tier)
    except (ValueError, KeyError, RecursionError, _Bad):
        return None


def _tested(row: dict[str, Any], tier: str) -> SuiteResult:
    failures = [_failed_test(one, named=True) for one in _list(row["failed"], _MAX_ROWS)]
    failures += [_failed_test(one, named=False) for one in _list(row["uncollected"], _MAX_ROWS)]
    counts = {name: int(_number(number)) for name, number in _dict(row["counts"]).items()}
    code = int(_number(row["code"]))
    end = SuiteEnd.PASSED
    why = ""
    if failures or counts["failed"]:
        end = SuiteEnd.FAILED
    elif code == 5 or (code == 0 and not counts["passed"] + counts["skipped"]):
        end = SuiteEnd.NONE
    elif code:
        said = clean(_text(row["said"], 4000)) or f"pytest ended with {code}"
        end, why = SuiteEnd.REFUSED, said
    return SuiteResult(
        end,
        counts["passed"],
        counts["skipped"],
        counts["failed"],
        counts["deselected"],
        tuple(failures),
        why,
        round(_number(row["seconds"]), 1),
        tier,
    )


def _failed_test(row: Any, *, named: bool) -> FailedTest:
    name, path, line, message = _list(row, 4)
    told = clean(_text(name, 1000))
    return FailedTest(told if named else "", _path(path), _line(line), clean(_text(message, 4000)))
