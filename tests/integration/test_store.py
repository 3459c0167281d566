"""The store on a real file system: what is shared, what is fresh, and what a failure leaves."""

import errno
import gzip
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.unit.examples import file_entry
from windlass.artifacts.store import Store
from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.dependents import changes_between
from windlass.domain.errors import AppError, Conflict, Unavailable
from windlass.domain.release import ReleaseId

UUID = "00000000-0000-0000-0000-000000000001"
ONE, TWO, THREE = ReleaseId(1), ReleaseId(2), ReleaseId(3)
DAG = "import airflow.sdk as s\nx = s.DAG('x')\n"


@pytest.fixture
def store(room: Path) -> Store:
    store = Store(room / "store")
    store.prepare({"default": UUID})
    return store


@dataclass(frozen=True)
class Tree:
    """What to release: path → text. `run` is a script; `evil` is what it gives as content."""

    files: Mapping[str, str]
    evil: bytes | None = None

    @cached_property
    def artifact(self) -> Artifact:
        return Artifact(
            {
                path: file_entry(path, text, mode=0o555 if path == "run" else 0o444)
                for path, text in self.files.items()
            }
        )

    def write(
        self, store: Store, release: ReleaseId, base: tuple[ReleaseId, Artifact] | None = None
    ) -> Path:
        changes = changes_between(base[1] if base else EMPTY, self.artifact)
        store.write_release(release, self.artifact, changes, base, self.content)
        return store.tree(release)

    def content(self, entry: FileEntry) -> bytes:
        return self.files[entry.path].encode() if self.evil is None else self.evil


def texts(tree: Path) -> dict[str, str]:
    return {str(p.relative_to(tree)): p.read_text() for p in tree.rglob("*") if p.is_file()}


def listed(release: Path) -> list[dict[str, Any]]:
    """The files that a manifest lists, read as docs/contract/store.md tells readers to."""
    root = json.loads(gzip.decompress((release / "manifest.json.gz").read_bytes()))
    files = []
    for chunk in root["chunks"]:
        content = (release / "chunks" / f"{chunk['digest']}.json.gz").read_bytes()
        assert hashlib.sha256(content).hexdigest() == chunk["digest"]
        found = json.loads(gzip.decompress(content))["files"]
        assert (len(found), found[0]["path"]) == (chunk["files"], chunk["first"])
        files += found
    assert (root["format"], root["files"]) == (2, len(files))
    return files


def everything(store: Store) -> set[str]:
    return {str(path.relative_to(store.root)) for path in store.root.rglob("*")}


def modes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): f"{path.stat().st_mode & 0o7777:04o}"
        for path in folder.rglob("*")
    }


@contextmanager
def files_at_most(size_bytes: int) -> Iterator[None]:
    """A disk that is full: no file may grow beyond so many bytes (EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def refusal(kind: type[AppError], code: str, call: Callable[..., object], *given: object) -> str:
    with pytest.raises(kind) as refused:
        call(*given)
    assert refused.value.code == code
    return refused.value.message


FIRST = Tree(
    {"uses.py": "import helper\n" + DAG, "other.py": DAG, "helper.py": "X = 1", "sql/load": "1"}
)


def test_a_release_is_its_files_and_its_manifest(store: Store) -> None:
    tree = FIRST.write(store, ONE)

    assert texts(tree) == {
        "uses.py": "import helper\n" + DAG,
        "other.py": DAG,
        "helper.py": "X = 1",
        "sql/load": "1",
    }
    assert {path.name for path in tree.parent.iterdir()} == {"chunks", "manifest.json.gz", "tree"}
    assert [entry["path"] for entry in listed(tree.parent)] == sorted(FIRST.files)


def test_a_release_lists_its_files_in_chunks_that_releases_share(store: Store) -> None:
    files = {f"sql/{number:03d}.sql": "1" for number in range(600)}
    before, after = Tree(files), Tree({**files, "sql/300.sql": "2"})
    first = before.write(store, ONE).parent

    second = after.write(store, TWO, (ONE, before.artifact)).parent

    shared = [(first / "chunks" / path.name).exists() for path in (second / "chunks").iterdir()]
    assert shared.count(False) == 1 < len(shared)
    assert [(row["path"], row["digest"]) for row in listed(second)] == [
        (path, entry.digest) for path, entry in sorted(after.artifact.files.items())
    ]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_every_account_may_read_and_none_may_write_whatever_the_umask(
    room: Path, mask: int
) -> None:
    with umask(mask):
        store = Store(room / "store")
        store.prepare({"default": UUID})
        Tree({"run": "#!/bin/sh", "t/u/a.py": DAG}).write(store, ONE)
        store.write_pointer("default", "one", ONE)

    found = {path.removeprefix("store/"): mode for path, mode in modes(room).items()}
    (chunk,) = store.tree(ONE).with_name("chunks").iterdir()
    folders = ["store", "environments", "environments/default", "environments/default/bundles"]
    folders += ["releases", "releases/1", "releases/1/chunks"]
    folders += [*(f"releases/1/tree{f}" for f in ("", "/t", "/t/u"))]
    assert found == dict.fromkeys(folders, "0755") | {
        "store.json": "0644",
        "environments/default/bundles/one": "0644",
        "releases/1/manifest.json.gz": "0444",
        f"releases/1/chunks/{chunk.name}": "0444",
        "releases/1/tree/run": "0555",
        "releases/1/tree/t/u/a.py": "0444",
    }


def test_unchanged_files_are_shared_and_those_to_parse_again_are_new(store: Store) -> None:
    first = FIRST.write(store, ONE)
    changed, began_ns = Tree({**FIRST.files, "helper.py": "X = 2"}), time.time_ns()

    second = changed.write(store, TWO, (ONE, FIRST.artifact))

    names = ["uses.py", "other.py", "helper.py", "sql/load"]
    assert [(second / n).samefile(first / n) for n in names] == [False, True, False, True]
    fresh = [(second / n).stat().st_mtime_ns >= began_ns for n in names]
    assert fresh == [True, False, True, False]


def test_a_file_that_became_a_script_is_not_shared(store: Store) -> None:
    before = Artifact({"run": file_entry("run", "x", mode=0o444)})
    store.write_release(ONE, before, changes_between(EMPTY, before), None, lambda _: b"x")

    second = Tree({"run": "x"}).write(store, TWO, (ONE, before))

    assert (modes(store.tree(ONE)), modes(second)) == ({"run": "0444"}, {"run": "0555"})


def test_new_files_are_newer_than_the_base_even_if_the_clock_went_back(store: Store) -> None:
    chain = [Tree({"a.py": DAG}), Tree({"a.py": DAG + "#"}), Tree({"a.py": DAG})]
    first = chain[0].write(store, ONE)
    tomorrow = time.time_ns() + 86_400_000_000_000
    os.utime(first.parent / "manifest.json.gz", ns=(tomorrow, tomorrow))

    second = chain[1].write(store, TWO, (ONE, chain[0].artifact))
    third = chain[2].write(store, THREE, (TWO, chain[1].artifact))

    stamps = [tomorrow, *((tree / "a.py").stat().st_mtime_ns for tree in (second, third))]
    assert stamps == sorted(set(stamps))


def test_a_file_that_the_base_lost_is_written_afresh(store: Store) -> None:
    first = FIRST.write(store, ONE)
    (first / "sql/load").unlink()

    second = FIRST.write(store, TWO, (ONE, FIRST.artifact))

    assert texts(second)["sql/load"] == "1"


@pytest.mark.parametrize("code", ["EMLINK", "EXDEV", "EPERM", "ENOTSUP"])
def test_where_files_cannot_be_linked_they_are_copied_with_their_time(
    store: Store, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without links cannot be had cheaply, so os.link plays one."""
    first = FIRST.write(store, ONE)
    monkeypatch.setattr(os, "link", _failing(getattr(errno, code)))

    second = FIRST.write(store, TWO, (ONE, FIRST.artifact))

    assert (texts(second), modes(second)) == (texts(first), modes(first))
    for name in texts(first):
        assert not (second / name).samefile(first / name)
        assert (second / name).stat().st_mtime_ns == (first / name).stat().st_mtime_ns


def test_any_other_failure_to_link_is_told_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    FIRST.write(store, ONE)
    before = everything(store)
    monkeypatch.setattr(os, "link", _failing(errno.EIO))

    refusal(Unavailable, "STORE003", FIRST.write, store, TWO, (ONE, FIRST.artifact))

    assert everything(store) == before


def _failing(code: int) -> object:
    def link(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return link


def test_content_that_is_not_what_the_manifest_says_is_refused_and_leaves_nothing(
    store: Store,
) -> None:
    before = everything(store)

    message = refusal(Conflict, "STORE002", Tree({"a.py": DAG}, evil=b"x").write, store, ONE)

    assert message == "the content of 'a.py' is not what the manifest says"
    assert everything(store) == before


def test_a_file_that_somebody_changed_is_not_read_back(store: Store) -> None:
    tree = Tree({"a.py": DAG})
    path = tree.write(store, ONE) / "a.py"
    entry = tree.artifact.files["a.py"]
    assert store.read_file(ONE, entry) == DAG.encode()
    path.chmod(0o644)
    path.write_text("evil")

    refusal(Conflict, "STORE002", store.read_file, ONE, entry)


@pytest.mark.parametrize("size", [0, 100])
def test_a_full_disk_is_told_and_leaves_nothing_behind(store: Store, size: int) -> None:
    big = Tree({"a.py": DAG, "z": "x" * 1000})
    before = everything(store)

    with files_at_most(size):
        message = refusal(Unavailable, "STORE003", big.write, store, ONE)

    assert message == f"the store {store.root} cannot be used: File too large"
    assert everything(store) == before


def test_a_full_disk_leaves_the_pointer_as_it_was(store: Store) -> None:
    store.write_pointer("default", "one", ONE)
    before = everything(store)

    with files_at_most(0):
        refusal(Unavailable, "STORE003", store.write_pointer, "default", "one", TWO)

    assert store.read_pointer("default", "one") == ONE
    assert everything(store) == before


def test_a_store_that_is_not_there_is_told_not_taken_for_an_empty_one(room: Path) -> None:
    lost = Store(room / "lost")

    refusal(Unavailable, "STORE003", Tree({"a.py": DAG}).write, lost, ONE)

    assert not lost.root.exists()


def test_a_release_that_is_there_is_never_replaced(store: Store) -> None:
    Tree({"a.py": DAG}).write(store, ONE)
    before = everything(store)

    refusal(Unavailable, "STORE003", Tree({"a.py": "evil"}).write, store, ONE)

    assert texts(store.tree(ONE)) == {"a.py": DAG}
    assert everything(store) == before


def test_a_crash_while_a_tree_is_written_leaves_the_old_release_and_no_half_one(
    store: Store,
) -> None:
    first = Tree({"a.py": DAG})
    first.write(store, ONE)
    store.write_pointer("default", "one", ONE)

    crashed = subprocess.run(
        [sys.executable, "-c", _CRASH, str(store.root)], env=dict(os.environ), check=False
    )

    assert crashed.returncode == -signal.SIGKILL
    assert store.read_pointer("default", "one") == ONE
    assert not store.tree(TWO).exists()
    assert texts(first.write(store, TWO, (ONE, first.artifact))) == {"a.py": DAG}


_CRASH = """
import os, signal, sys
from pathlib import Path
from tests.integration.test_store import DAG, TWO, Store, Tree

class Crashing(Tree):
    def content(self, entry):
        if entry.path == "z":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().content(entry)

Crashing({"a.py": DAG, "z": "1"}).write(Store(Path(sys.argv[1])), TWO)
"""


def test_a_crash_at_any_call_to_the_file_system_shows_no_reader_a_part(store: Store) -> None:
    """Each round kills a writer one call later, until one comes to its end."""
    first = FIRST.write(store, ONE)
    store.write_pointer("default", "one", ONE)

    done = subprocess.run(
        [sys.executable, "-c", _CRASH_ANYWHERE, str(store.root)],
        env=dict(os.environ),
        capture_output=True,
        check=True,
        text=True,
    )

    kills, last = map(int, done.stdout.split())
    assert kills > 30
    assert {int(path.name) for path in store.releases.glob("[0-9]*")} >= {1, last}
    for tree in store.releases.glob("[0-9]*/tree"):
        assert texts(tree) == texts(first) | ({"helper.py": "X = 2"} if tree != first else {})
        assert [row["path"] for row in listed(tree.parent)] == sorted(FIRST.files)
    assert store.read_pointer("default", "one") == ONE


_CRASH_ANYWHERE = """
import os, signal, sys
from pathlib import Path
from tests.integration.test_store import FIRST, ONE, ReleaseId, Store, Tree

store, changed = Store(Path(sys.argv[1])), Tree({**FIRST.files, "helper.py": "X = 2"})

def write(release, calls):
    left = [calls]
    def count(event, _):
        if event == "open" or event.startswith(("os.", "shutil.")):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    changed.write(store, ReleaseId(release), (ONE, FIRST.artifact))
    os._exit(0)

for calls in range(1, 1000):
    pid = os.fork()
    if pid == 0:
        write(calls + 1, calls)
    if os.waitpid(pid, 0)[1] == 0:
        break
print(calls - 1, calls + 1)
"""


@pytest.mark.parametrize(
    ("steps", "flipped", "named"),
    [
        ([], [], None),
        ([ONE], [True], ONE),
        ([ONE, ONE], [True, False], ONE),
        ([ONE, THREE], [True, True], THREE),
        ([None], [True], None),
        ([None, TWO], [True, True], TWO),
    ],
)
def test_a_pointer_goes_forward_only(
    store: Store, steps: list[ReleaseId | None], flipped: list[bool], named: ReleaseId | None
) -> None:
    assert [store.write_pointer("default", "one", step) for step in steps] == flipped
    assert store.read_pointer("default", "one") == named


@pytest.mark.parametrize("lower", [ONE, None])
def test_a_pointer_that_names_a_newer_release_is_told_and_stays(
    store: Store, lower: ReleaseId | None
) -> None:
    store.write_pointer("default", "one", THREE)

    with pytest.raises(Conflict) as refused:
        store.write_pointer("default", "one", lower)

    assert (refused.value.code, store.read_pointer("default", "one")) == ("STORE005", THREE)


def test_the_pointer_file_is_what_the_contract_says(store: Store) -> None:
    store.write_pointer("default", "one", None)
    unbound = json.loads(store.pointer("default", "one").read_bytes())
    store.write_pointer("default", "one", TWO)

    bound = json.loads((store.root / "environments/default/bundles/one").read_bytes())
    assert unbound == {"format": 1, "release": None}
    assert bound == {"format": 1, "release": "2"}


def test_a_reader_sees_whole_pointers_that_only_grow_while_they_flip(store: Store) -> None:
    store.write_pointer("default", "one", ONE)

    def flip() -> None:
        for number in range(2, 1_001):
            store.write_pointer("default", "one", ReleaseId(number))

    writer = Thread(target=flip)
    writer.start()
    seen = [1]
    while writer.is_alive():
        seen.append(int(store.read_pointer("default", "one") or 0))
    writer.join()

    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    assert store.read_pointer("default", "one") == 1_000
    assert [path.name for path in store.pointer("default", "one").parent.iterdir()] == ["one"]


@pytest.mark.timeout(240)
def test_a_reader_sees_no_partial_tree_during_1000_publishes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # a matter of power cuts, not of readers

    def tree(number: int) -> Tree:
        return Tree({**FIRST.files, "helper.py": f"X = {number}", f"new/{number % 7}.py": DAG})

    def publish() -> None:
        base = None
        for number in range(1, 1_001):
            release, made = ReleaseId(number), tree(number)
            made.write(store, release, base)
            store.write_pointer("default", "one", release)
            base = (release, made.artifact)

    writer = Thread(target=publish)
    writer.start()
    seen: dict[int, bool] = {}
    while writer.is_alive() or 1_000 not in seen:
        release = store.read_pointer("default", "one")
        if release is not None and release not in seen:
            seen[release] = texts(store.tree(release)) == tree(release).files
    writer.join()

    assert [number for number, is_whole in seen.items() if not is_whole] == []
    assert len(seen) > 50
    assert everything(store) >= {"releases/1000/tree/uses.py", "environments/default/bundles/one"}
    assert [path for path in everything(store) if "/." in path] == []


def test_preparing_a_store_again_keeps_what_is_in_it(store: Store) -> None:
    FIRST.write(store, ONE)
    before = everything(store)

    store.prepare({"default": UUID, "other": "2"})

    assert everything(store) == before
    described = json.loads((store.root / "store.json").read_bytes())
    assert described == {
        "format": 1,
        "environments": {"default": UUID, "other": "2"},
        "keys": [],
    }


@pytest.mark.parametrize(
    "theirs",
    [
        {"format": 1, "environments": {"default": "another"}},
        {"format": 2, "environments": {"default": UUID}},
        {"format": 1, "environments": None},
    ],
)
def test_the_store_of_another_installation_is_refused_and_left_alone(
    store: Store, theirs: dict[str, object]
) -> None:
    description = store.root / "store.json"
    description.write_text(json.dumps(theirs))

    refusal(Conflict, "STORE001", store.prepare, {"default": UUID})

    assert json.loads(description.read_bytes()) == theirs
