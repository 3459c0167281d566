"""Commits that must be signed by somebody whom the control side named: ssh and OpenPGP."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.sshserver import fingerprint, make_key
from windlass.domain.policy import Policy, Requirements
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.register import Registration

FILES: dict[str, str | None] = {"a.py": "x = 1\n"}
# A commit of FILES, signed by a key that was made for this and thrown away.
GPG_COMMIT = """\
tree 4e71d83239356f2f4ca6efe3ccd6ffd93adf4750
author Bob <b@x.example> 1795824000 +0000
committer Bob <b@x.example> 1795824000 +0000
gpgsig -----BEGIN PGP SIGNATURE-----
\x20
 iHUEABYIAB0WIQRVFJ8a80dc2tzMIIsJkVyGfGCUMgUCawoxJQAKCRAJkVyGfGCU
 MkL0AQCVSjZPAX/bSZCQxx9oGVfVA+HgiQMZHK3Os9LYSpFFJwD/S07ecnrdv64k
 Px9iIsD74EIdnsp6ys9g0ZFdcTMEzQE=
 =FXMz
 -----END PGP SIGNATURE-----

signed
"""
GPG_FINGERPRINT = "55149F1AF3475CDADCCC208B09915C867C609432"
GPG_KEY = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawowexYJKwYBBAHaRw8BAQdAYzvKJcR9pM7VNgzcXynNDa4YE81llCRQ7C+r
aUb3z/W0EUJvYiA8YkB4LmV4YW1wbGU+iJAEExYIADgWIQRVFJ8a80dc2tzMIIsJ
kVyGfGCUMgUCawowewIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRAJkVyG
fGCUMnjvAP9hxaSiJOGqaborCw5rb1Dn81A5Ej9tnStZvXQ50/Vl7QD9HARwPk6b
PFCKZwiDDNI6f78gV2r2PMuLBXWvYiGsFQw=
=s45E
-----END PGP PUBLIC KEY BLOCK-----
"""
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")


@pytest.fixture
def signers(room: Path) -> Path:
    folder = room / "signers"
    folder.mkdir()
    return folder


@pytest.fixture
def demanding(context: Context, signers: Path) -> Context:
    policy = Policy(require=Requirements(verified_commits=True))
    return replace(context, policy=policy, signers=signers)


@pytest.fixture
def key(room: Path, origin: Origin) -> Path:
    """Alice's key, with which she signs."""
    make_key(room / "alice")
    origin.git("config", "gpg.format", "ssh")
    origin.git("config", "user.signingkey", str(room / "alice"))
    return room / "alice"


def allow(signers: Path, key: Path, options: str = "") -> None:
    public = key.with_suffix(".pub").read_text()
    (signers / "allowed_signers").write_text(f"alice@x.example {options}{public}")


def pushed(origin: Origin, *, signed: bool = True) -> str:
    origin.git("config", "commit.gpgsign", "true" if signed else "false")
    return origin.push("a commit", FILES)


def pushed_gpg(origin: Origin, commit: str) -> None:
    origin.push("the files", FILES)
    command = ["git", "-C", str(origin.clone), "hash-object", "-t", "commit", "-w", "--stdin"]
    made = subprocess.run(command, check=True, capture_output=True, input=commit.encode())
    sha = made.stdout.decode().strip()
    origin.git("push", "--quiet", "--force", "origin", f"{sha}:refs/heads/main")


def verdict(context: Context, repository: Repository) -> list[str]:
    """What denies the head: code and message; nothing where it was released."""
    run_sync(context, repository)
    facts = status_of(context).facts
    return [] if facts.allowed else [f"{one.code} {one.message}" for one in facts.findings]


def test_a_commit_of_a_signer_is_released(
    demanding: Context, registration: Registration, origin: Origin, key: Path, signers: Path
) -> None:
    allow(signers, key)
    pushed(origin)

    assert verdict(demanding, register(demanding, registration)) == []


def test_an_unsigned_commit_is_denied_and_its_author_named(
    demanding: Context, registration: Registration, origin: Origin, key: Path, signers: Path
) -> None:
    allow(signers, key)
    sha = pushed(origin, signed=False)
    author = origin.git("log", "-1", "--format=%an <%ae>")

    assert verdict(demanding, register(demanding, registration)) == [
        f"POL110 the commit {sha[:7]} of {author} is not signed, and the release policy demands it"
    ]


def test_a_commit_by_an_unknown_key_waits_until_that_is_one_of_a_signer(
    demanding: Context, registration: Registration, origin: Origin, key: Path, signers: Path
) -> None:
    room = key.parent
    make_key(room / "bob")
    allow(signers, room / "bob")
    pushed(origin)
    repository = register(demanding, registration)
    before = demanding.inputs_of(repository)

    (denied,) = verdict(demanding, repository)
    allow(signers, key)

    assert denied.startswith("POL111 the commit ")
    assert f"is signed by the key {fingerprint(key)}, which is nobody's in {signers}" in denied
    assert demanding.inputs_of(repository) != before  # so it is judged again by itself
    assert verdict(demanding, repository) == []


def test_a_key_whose_time_is_over_signs_nothing(
    demanding: Context, registration: Registration, origin: Origin, key: Path, signers: Path
) -> None:
    allow(signers, key, 'valid-before="20200101" ')
    pushed(origin)

    (denied,) = verdict(demanding, register(demanding, registration))

    assert denied.startswith("POL111 ")


def test_where_nobody_is_named_nothing_is_released(
    demanding: Context, registration: Registration, origin: Origin, key: Path, signers: Path
) -> None:
    pushed(origin)

    (denied,) = verdict(demanding, register(demanding, registration))

    assert denied == (
        f"POL113 no signers are named in {signers}, and the release policy demands signed commits"
    )


def test_a_namespace_may_have_signers_of_its_own(
    demanding: Context, registration: Registration, origin: Origin, key: Path, signers: Path
) -> None:
    room = key.parent
    make_key(room / "bob")
    own = signers / "dags"
    own.mkdir()
    allow(signers, key)
    allow(own, room / "bob")
    pushed(origin)

    (denied,) = verdict(demanding, register(demanding, registration))

    assert denied.startswith("POL111 ")
    assert str(own) in denied


def test_without_a_policy_nobody_looks(
    context: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", FILES)

    assert verdict(context, register(context, registration)) == []


@needs_gpg
def test_openpgp_signatures_count_too(
    demanding: Context, registration: Registration, origin: Origin, signers: Path
) -> None:
    (signers / "gpg-keys.asc").write_text(GPG_KEY)
    pushed_gpg(origin, GPG_COMMIT)

    assert verdict(demanding, register(demanding, registration)) == []


@needs_gpg
@pytest.mark.parametrize(
    "case",
    [
        ("", GPG_COMMIT, "POL111"),
        (GPG_KEY, GPG_COMMIT.replace("\n\nsigned", "\n\nchanged"), "POL112"),
    ],
)
def test_openpgp_signatures_that_do_not_count_are_told_apart(
    demanding: Context, registration: Registration, origin: Origin, case: tuple[str, str, str]
) -> None:
    keys, commit, code = case
    signers = demanding.signers
    assert signers is not None
    (signers / "gpg-keys.asc").write_text(keys)
    (signers / "allowed_signers").write_text("# nobody\n")
    pushed_gpg(origin, commit)

    (denied,) = verdict(demanding, register(demanding, registration))

    assert denied.startswith(code)
    assert GPG_FINGERPRINT[-16:] in denied


def test_signers_that_cannot_be_read_let_nothing_pass_and_say_so(
    demanding: Context, registration: Registration, origin: Origin, key: Path, signers: Path
) -> None:
    (signers / "allowed_signers").mkdir()
    pushed(origin)

    run_sync(demanding, register(demanding, registration))

    failure = status_of(demanding).facts.failure
    assert failure is not None
    assert (failure.code, failure.message) == (
        "GIT030",
        f"the signers in {signers}/allowed_signers cannot be read: Is a directory",
    )
