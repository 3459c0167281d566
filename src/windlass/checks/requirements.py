"""Files of requirements: what they ask for, and where they would get it from."""

import re
from collections.abc import Iterator

from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.installed import normalised
from windlass.domain.names import Requirement

MAX_BYTES = 200_000
_FILE = re.compile(r"(?i)(.*[-_.])?requirements([-_.].*)?\.txt|constraints.*\.txt")
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]{0,100})\s*(\[[^\]]{0,200}\])?\s*(\(?[^;@#()]{0,200}\)?)\s*(;.*)?"
)
_SIGNS = re.compile(r"(===|~=|==|!=|<=|>=|<|>).*")
_INDEX = ("--extra-index-url", "--index-url", "-i ", "--trusted-host", "--find-links", "-f ")
_VCS = ("git+", "hg+", "svn+", "bzr+")


def is_requirements(path: str, content: bytes) -> bool:
    """Whether a file is a list of requirements, by its name."""
    return len(content) <= MAX_BYTES and _FILE.fullmatch(path.rpartition("/")[2]) is not None


def check_requirements(path: str, content: bytes) -> list[Finding]:
    """Judge where the packages of a file come from, and whether they are the same tomorrow."""
    if not is_requirements(path, content):
        return []
    return [_judged(path, number, line) for number, line in _lines(content) if _wrong(line)]


def requirements_of(path: str, content: bytes) -> tuple[Requirement, ...]:
    """The packages that the requirements.txt of a DAG root wants; none of any other file."""
    if path != "requirements.txt" or not is_requirements(path, content):
        return ()
    found = (_requirement(number, line) for number, line in _lines(content))
    return tuple(one for one in found if one is not None)


def _lines(content: bytes) -> Iterator[tuple[int, str]]:
    """The lines without comments, those that go on joined to the first."""
    begun, kept = 0, ""
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        begun = begun or number
        if text.endswith("\\"):
            kept += text[:-1] + " "
            continue
        if kept or text:
            yield begun, (kept + text).strip()
        begun, kept = 0, ""


def _wrong(line: str) -> tuple[str, Severity, str, str] | None:
    """Code, severity, message and hint; None where nothing is wrong."""
    lowered = line.lower()
    if lowered.startswith(_INDEX):
        option = re.split(r"[\s=]", line, maxsplit=1)[0]
        return (
            "PKG006",
            Severity.MEDIUM,
            f"{option} names another place to get packages from",
            "Configure the index where Airflow's image is built: whoever owns a name there decides "
            "what is installed.",
        )
    if "http://" in lowered:
        return (
            "PKG006",
            Severity.MEDIUM,
            "a package comes over http, so that anybody on the way may change it",
            "Use https, or a package of an index.",
        )
    if any(sign in lowered for sign in _VCS):
        return (
            "PKG006",
            Severity.MEDIUM,
            "a package comes from a version control system, where a branch or tag may move",
            "Publish it to an index, or name a commit.",
        )
    if line.startswith(("-", "--")) or "://" in line:
        return None
    found = _REQUIREMENT.fullmatch(line)
    if found is None or "==" in line or not _is_open(found[3]):
        return None
    return (
        "PKG007",
        Severity.LOW,
        f"{found[1]!r} is not pinned: the next image may have another version",
        "Write ==, and the version that you tried.",
    )


def _is_open(wants: str) -> bool:
    return not wants.strip(" ()") or _SIGNS.match(wants.strip(" ()")) is not None


def _judged(path: str, number: int, line: str) -> Finding:
    wrong = _wrong(line)
    assert wrong is not None
    code, severity, message, hint = wrong
    return Finding(code, severity, FindingType.DEPENDENCY, path, message, hint, number)


def _requirement(number: int, line: str) -> Requirement | None:
    """None of options, URLs, and what holds for some machines only."""
    if line.startswith("-") or "://" in line or "@" in line:
        return None
    found = _REQUIREMENT.fullmatch(line.partition(" --hash")[0].strip())
    if found is None or found[4] is not None:
        return None
    wants = found[3].strip(" ()")
    return Requirement(normalised(found[1]), wants, number) if _is_open(wants) else None
