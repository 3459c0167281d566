"""Whether a commit is signed by somebody whom the control side named, where a policy demands it.

Only the commit that is deployed is looked at: who signs it answers for what it stands on.
"""

from pathlib import Path

from windlass.domain.errors import Unavailable
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.repository import Repository, Revision
from windlass.domain.text import plain
from windlass.git.signatures import ALLOWED_SIGNERS, GPG_KEYS, Signature, Signers, Standing

_SIGN = (
    "Sign it: git commit --amend --no-edit -S (git-commit(1); docs/trust.md), then push it with "
    "--force-with-lease; or put a signed commit on top."
)


def signers_of(folder: Path, repository: Repository) -> Signers:
    """Whose signatures count for the repository: the signers of its namespace where it has a folder
    of its own, else those of all."""
    own = folder / repository.namespace
    return Signers(own if own.is_dir() else folder)


def find_distrust(signers: Signers, git_dir: Path, revision: Revision) -> Finding | None:
    """Why the revision is not trusted; None where it is."""
    try:
        if signers.is_empty:
            return Finding(
                "POL113",
                Severity.CRITICAL,
                FindingType.POLICY,
                "",
                f"no signers are named in {signers.folder}, and the release policy demands signed "
                "commits",
                f"Write {ALLOWED_SIGNERS} or {GPG_KEYS} there (docs/trust.md).",
            )
        found = signers.verify(git_dir, revision.sha)
    except Unavailable as error:
        return Finding(
            "POL113", Severity.CRITICAL, FindingType.POLICY, "", error.message, error.hint
        )
    return None if found.standing is Standing.GOOD else _distrust(found, signers, revision)


def _distrust(found: Signature, signers: Signers, revision: Revision) -> Finding:
    who = plain(f"{revision.author} <{revision.author_email}>")[:200]
    commit = f"the commit {revision.sha[:7]} of {who}"
    by = f" by the key {plain(found.key)}" if found.key else ""
    if found.standing is Standing.NONE:
        return Finding(
            "POL110",
            Severity.CRITICAL,
            FindingType.POLICY,
            "",
            f"{commit} is not signed, and the release policy demands it",
            _SIGN,
        )
    if found.standing is Standing.UNKNOWN:
        return Finding(
            "POL111",
            Severity.CRITICAL,
            FindingType.POLICY,
            "",
            f"{commit} is signed{by}, which is nobody's in {signers.folder}",
            f"If it is one of yours, have its public half added to {ALLOWED_SIGNERS} or "
            f"{GPG_KEYS} there; if not, find out who could push.",
        )
    return Finding(
        "POL112",
        Severity.CRITICAL,
        FindingType.POLICY,
        "",
        f"{commit} has a signature{by} that does not hold: it is not of this commit, or the key "
        "ended or was revoked",
        _SIGN,
    )
