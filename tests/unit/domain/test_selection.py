"""Mode per_file: what is deployed of a head with bad files, over random histories."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import file_entry
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.ownership import files_by_dag_id, ownership_findings
from windlass.domain.policy import Allowed, Denied, Policy
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import CommitSha, RepositoryId
from windlass.domain.selection import Selection, Version, decide_per_file, select
from windlass.domain.served import Served

BAD = "bad"
TAKEN = {"taken": "finance"}
Texts = Mapping[str, str]


def dag(dag_id: str, version: int = 1) -> str:
    return f"from airflow.sdk import DAG\nd = DAG('{dag_id}')\nV = {version}\n"


class History:
    """Pushes one tree after the other, as a repository in mode per_file would deploy them."""

    def __init__(self) -> None:
        self.artifacts: dict[ReleaseId, Artifact] = {}
        self.served: Served | None = None

    @property
    def files(self) -> Texts:
        """What is served, as digests by path."""
        return {p: e.digest for p, e in self.artifact.files.items()}

    @property
    def artifact(self) -> Artifact:
        return self.artifacts[self.served.release.id] if self.served else EMPTY

    def push(self, texts: Texts) -> Allowed | Denied:
        good = {p: text for p, text in texts.items() if text != BAD}
        head = Artifact({p: file_entry(p, text) for p, text in good.items()})
        findings = tuple(broken(path) for path in sorted(texts.keys() - good.keys()))
        served = files_by_dag_id(self.artifact)

        def judge_tree(tree: Selection) -> list[Finding]:
            return ownership_findings(tree.artifact, TAKEN, served=served, last=tree.kept)

        bad = texts.keys() - good.keys()
        selected = select(head, bad, self.find, judge_tree, Policy())
        verdict = decide_per_file(findings, selected, Policy(), validated=True)
        if isinstance(verdict, Allowed):
            self.release(selected[0], verdict)
        return verdict

    def find(self, paths: Collection[str]) -> dict[str, Version]:
        if self.served is None:
            return {}
        return {p: v for p in paths if (v := self.served.last_good(p, self.artifacts))}

    def release(self, selection: Selection, verdict: Allowed) -> None:
        number = ReleaseId(len(self.artifacts) + 1)
        omitted = {
            p: r or (v.release_id if (v := self.find([p]).get(p)) else None)
            for p, r in verdict.omitted.items()
        }
        self.artifacts[number] = selection.artifact
        self.served = Served(a_release(number), verdict.kept, omitted, (), None)


def broken(path: str) -> Finding:
    return Finding("SYN001", Severity.CRITICAL, FindingType.SYNTAX, path, "broken")


def a_release(number: ReleaseId) -> Release:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Release(number, RepositoryId(1), "d", CommitSha("c"), None, "alice", "push", at)


def pushed(*trees: Texts) -> tuple[History, Allowed | Denied]:
    history = History()
    *_, last = [history.push(tree) for tree in trees]
    return history, last


def test_a_bad_file_keeps_its_last_good_version_and_the_others_are_at_the_head() -> None:
    history, verdict = pushed(
        {"a.py": dag("a"), "b.py": dag("b")}, {"a.py": BAD, "b.py": dag("b", 2)}
    )

    assert history.files == {
        "a.py": file_entry("a.py", dag("a")).digest,
        "b.py": file_entry("b.py", dag("b", 2)).digest,
    }
    assert verdict == Allowed((broken("a.py"),), kept={"a.py": ReleaseId(1)})


def test_a_bad_file_without_a_good_version_is_left_out() -> None:
    history, verdict = pushed({"a.py": BAD, "b.py": dag("b")})

    assert set(history.files) == {"b.py"}
    assert verdict == Allowed((broken("a.py"),), omitted={"a.py": None})


def test_a_head_of_which_nothing_is_left_is_denied() -> None:
    _, verdict = pushed({"a.py": BAD})

    assert verdict == Denied((broken("a.py"),), (broken("a.py"),))


def test_a_version_is_kept_from_the_release_that_brought_it() -> None:
    _, verdict = pushed({"a.py": dag("a")}, {"a.py": BAD, "b.py": "1"}, {"a.py": BAD, "b.py": "2"})

    assert isinstance(verdict, Allowed)
    assert verdict.kept == {"a.py": 1}


def test_the_next_good_version_ends_it() -> None:
    history, verdict = pushed({"a.py": dag("a")}, {"a.py": BAD}, {"a.py": dag("a", 2)})

    assert history.files == {"a.py": file_entry("a.py", dag("a", 2)).digest}
    assert verdict == Allowed(())


def test_a_deleted_file_is_deleted_and_does_not_come_back_bad() -> None:
    a, b = dag("a"), dag("b")
    history, verdict = pushed({"a.py": a, "b.py": b}, {"b.py": b}, {"a.py": BAD, "b.py": b})

    assert set(history.files) == {"b.py"}
    assert isinstance(verdict, Allowed)
    assert verdict.omitted == {"a.py": None}


def test_a_renamed_file_is_judged_by_its_new_name() -> None:
    history, _ = pushed({"a.py": dag("a"), "x": "1"}, {"new.py": BAD, "x": "1"})

    assert set(history.files) == {"x"}


def test_a_dag_that_moved_to_a_good_file_is_not_kept_in_the_bad_one() -> None:
    history, verdict = pushed({"a.py": dag("a")}, {"a.py": BAD, "new.py": dag("a")})

    assert set(history.files) == {"new.py"}
    assert isinstance(verdict, Allowed)
    assert verdict.omitted == {"a.py": 1}
    assert [f.message[:24] for f in verdict.findings] == ["broken", "its version of release #"]


def test_a_version_that_had_to_give_way_comes_back_when_there_is_room() -> None:
    history, verdict = pushed(
        {"a.py": dag("a")}, {"a.py": BAD, "new.py": dag("a")}, {"a.py": BAD, "new.py": "1"}
    )

    assert history.files["a.py"] == file_entry("a.py", dag("a")).digest
    assert isinstance(verdict, Allowed)
    assert verdict.kept == {"a.py": 1}


def test_of_two_files_with_one_id_the_one_that_had_it_stays() -> None:
    history, verdict = pushed({"z.py": dag("z")}, {"z.py": dag("z", 2), "a.py": dag("z")})

    assert history.files == {"z.py": file_entry("z.py", dag("z", 2)).digest}
    assert isinstance(verdict, Allowed)
    assert [(f.code, f.path) for f in verdict.findings] == [("STR002", "a.py")]


def test_a_finding_about_the_whole_tree_denies_it() -> None:
    too_large = Finding("INT008", Severity.HIGH, FindingType.INTAKE, "", "too large")

    selected = select(EMPTY, (), lambda _: {}, lambda _: [too_large], Policy())

    assert selected == (Selection(EMPTY), (too_large,), False)


CONTENTS = st.sampled_from([BAD, dag("a"), dag("b"), dag("b", 2), dag("taken"), "X = 1\n"])
TREES = st.dictionaries(st.sampled_from(["a.py", "b.py", "c.py", "d.py"]), CONTENTS, max_size=4)


@given(st.lists(TREES, min_size=1, max_size=6))
def test_whatever_is_pushed_what_is_served_was_allowed_and_good_files_are_at_the_head(
    trees: list[Texts],
) -> None:
    history = History()
    for texts in trees:
        verdict = history.push(texts)
        if isinstance(verdict, Denied):
            continue
        artifact = history.artifact
        at_head = {p for p in texts if p not in verdict.kept and p not in verdict.omitted}

        assert ownership_findings(artifact, TAKEN) == []
        assert set(artifact.files) == at_head | set(verdict.kept)
        assert not set(artifact.files) & set(verdict.omitted)
        assert all(artifact.files[p] == file_entry(p, texts[p]) for p in at_head)
        denied = {f.path for f in verdict.findings if Policy().denies(f)}
        assert set(verdict.kept) | set(verdict.omitted) == denied
        assert all(
            history.artifacts[r].files[p] == artifact.files[p] for p, r in verdict.kept.items()
        )


@given(st.lists(TREES, min_size=1, max_size=4))
def test_the_same_push_again_serves_the_same(trees: list[Texts]) -> None:
    history, first = pushed(*trees)
    files = history.files

    second = history.push(trees[-1])

    assert history.files == files
    assert type(second) is type(first)
