"""What both tools name alike: an address without its login, a ref, a folder, a period."""

import re
from urllib.parse import urlsplit

from windlass.domain.errors import Invalid
from windlass.domain.paths import check_path
from windlass.domain.ref import Ref, RefKind, check_ref
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import MAX_INTERVAL_S

_BRANCHES = ("main", "master", "dev", "develop", "trunk")
_SHA = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def without_login(url: str) -> tuple[str, bool]:
    """The address as Windlass takes it, and whether a user or a password stood in it. Raises
    Invalid GIT001 for one that cannot be used; it quotes none that may hold a secret.

    >>> without_login("https://ada:pw@git.example/team/dags.git")
    ('https://git.example/team/dags.git', True)
    """
    held = False
    try:
        parts = urlsplit(url.strip())
        if parts.scheme in ("http", "https") and "@" in parts.netloc:
            url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
            held = True
    except ValueError:
        pass  # said by what follows
    return str(parse_remote_url(url)), held


def ref_named(text: str) -> Ref | None:
    """What a name stands for that may be a branch, a tag or a commit; None for HEAD. Invalid
    REPO003 where git could have none of that name.

    >>> str(ref_named("refs/tags/v1")), str(ref_named("main")), ref_named("HEAD")
    ('tag v1', 'main', None)
    """
    if text == "HEAD":
        return None
    if _SHA.fullmatch(text):
        return check_ref(RefKind.COMMIT, text)
    for prefix, kind in (("refs/heads/", RefKind.BRANCH), ("refs/tags/", RefKind.TAG)):
        if text.startswith(prefix):
            return check_ref(kind, text.removeprefix(prefix))
    return check_ref(RefKind.BRANCH, text)


def may_be_tag(found: Ref, named: str) -> bool:
    """Whether what was taken for a branch may as well be a tag.

    >>> may_be_tag(Ref(RefKind.BRANCH, "v1"), "v1"), may_be_tag(Ref(RefKind.BRANCH, "main"), "main")
    (True, False)
    """
    is_bare = found.kind is RefKind.BRANCH and not named.startswith("refs/")
    return is_bare and named not in _BRANCHES


def folder_named(text: str | None) -> str:
    """A folder below the repository; Invalid REPO003 where it cannot be one.

    >>> folder_named("/dags/"), folder_named(None)
    ('dags', '.')
    """
    bare = (text or "").strip().strip("/").removeprefix("./")
    return check_path(bare) if bare and bare != "." else "."


def seconds_of(text: str) -> int:
    """A period such as Go writes it, or a number of seconds, in whole seconds from 1 to a day.

    >>> seconds_of("1m30s"), seconds_of("500ms"), seconds_of("300")
    (90, 1, 300)
    """
    parts = _PART.findall(text)
    if parts and "".join("".join(one) for one in parts) == text.strip():
        total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    elif re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text.strip()):
        total = float(text)
    else:
        raise Invalid("ADOPT004", "its period cannot be read", "For example 30s, or 1m30s.")
    return int(min(max(total, 1), MAX_INTERVAL_S))
