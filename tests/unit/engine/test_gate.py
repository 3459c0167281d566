"""What is decided of a tree that nobody committed, where its imports cannot be made."""

from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.errors import EngineFailed
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.options import Options, VerdictMode
from windlass.domain.policy import Denied, Policy
from windlass.engine.build import Build
from windlass.engine.gate import NoVersions, decide_build
from windlass.engine.imports import ImportedTree
from windlass.engine.ruling import Rules

BAD = Finding("SYN001", Severity.CRITICAL, FindingType.SYNTAX, "bad.py", "it is none")


def cannot_import(*_: object) -> ImportedTree:
    raise EngineFailed("IMP101", "this host confines too little", "See doctor.")


def test_a_mixture_that_cannot_be_imported_is_denied_and_says_why() -> None:
    files = {p: FileEntry(p, 0o444, p, p, 1) for p in ("bad.py", "good.py")}
    built = Build(Artifact(files), (BAD,), reimport=cannot_import)
    rules = Rules(Policy(), Options(verdict_mode=VerdictMode.PER_FILE))

    verdict = decide_build(rules, built, {}, NoVersions()).verdict

    told = [(f.code, f.place, f.message) for f in verdict.findings if f.code != "SYN001"]
    assert isinstance(verdict, Denied)
    assert told == [("IMP010", "(tree)", "this host confines too little")]
