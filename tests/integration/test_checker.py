"""The check processes, real ones: what hostile files do to them, and what that does to us."""

import os
import platform
import resource
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.waiting import wait_until
from windlass.domain.artifact import Outline
from windlass.domain.errors import Invalid
from windlass.domain.facts import DagFacts
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.tree import Kind, TreeEntry
from windlass.sandbox.checker import Checker, Judgement

GOOD = b"from airflow.sdk import DAG\nwith DAG('good'):\n    pass\n"
GOOD_OUTLINE = Outline(
    ("good",),
    True,
    ("airflow.sdk", "airflow.sdk.DAG"),
    dags=(DagFacts("good", 2),),
    operators=("airflow.sdk.DAG",),
)
PYTHON = Path(sys.executable)


def doubling(depth: int) -> bytes:
    """Python compiles the inside of `finally` twice, so each level doubles the work."""
    rows = [f"{' ' * n}try: pass\n{' ' * n}finally:\n" for n in range(depth)]
    return "".join([*rows, " " * depth, "x = 1\n"]).encode()


SLOW = doubling(17)  # seconds, and memory below the limit
SLOWISH = doubling(15)  # a moment longer than one turn
HUGE = doubling(19)  # memory beyond any limit


@pytest.fixture
def one() -> Iterator[Checker]:
    """A Checker with one process."""
    checker = Checker(PYTHON, size=1)
    yield checker
    checker.close()


def children() -> dict[int, str]:
    """The check processes that this process started: pid → command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes().decode().replace("\0", " ")
        except OSError:  # it ended meanwhile
            continue
        if parent == os.getpid() and "sandbox/child.py" in command:
            found[int(folder.name)] = command
    return found


def new_children(before: dict[int, str]) -> list[int]:
    return sorted(children().keys() - before.keys())


def judge(checker: Checker, content: bytes, path: str = "a.py") -> Judgement:
    return checker.judge_files({path: content})[path]


def died(path: str, limit: str = "10") -> Judgement:
    finding = Finding(
        "SYN003",
        Severity.CRITICAL,
        FindingType.SYNTAX,
        path,
        f"the check process died of it, or took longer than {limit} s",
        "Make the file smaller and simpler; Windlass deploys nothing that it could not check.",
    )
    return Judgement((finding,), None)


def test_a_good_file_has_an_outline_and_a_bad_one_a_finding(one: Checker) -> None:
    judged = one.judge_files({"good.py": GOOD, "bad.py": b"x = (", ".airflowignore": b"\xff"})

    assert judged["good.py"] == Judgement((), GOOD_OUTLINE)
    assert [f.place for f in judged["bad.py"].findings] == ["bad.py:1:5"]
    assert [f.code for f in judged[".airflowignore"].findings] == ["INT009"]


def test_a_file_that_takes_too_long_costs_itself_a_finding_and_no_more() -> None:
    checker = Checker(PYTHON, size=1, file_limit_s=0.5)
    try:
        judged = checker.judge_files({"slow.py": SLOW, "good.py": GOOD})
    finally:
        checker.close()

    assert judged == {"slow.py": died("slow.py", "0.5"), "good.py": Judgement((), GOOD_OUTLINE)}


def test_a_file_that_wants_all_memory_is_refused_and_this_process_is_none_the_worse(
    one: Checker,
) -> None:
    judged = one.judge_files({"huge.py": HUGE, "good.py": GOOD})

    codes = [finding.code for finding in judged["huge.py"].findings]
    assert codes in (["SYN002"], ["SYN003"])  # Python gave up in order, or was killed by it
    assert judged["good.py"] == Judgement((), GOOD_OUTLINE)


def not_looked_at(path: str, why: str) -> Judgement:
    [finding] = died(path).findings
    message = f"the file was not looked at: {why}"
    return Judgement((replace(finding, message=message),), None)


@pytest.mark.parametrize("count", [10, 60])
def test_files_left_when_a_call_is_out_of_time_are_denied_unseen(count: int) -> None:
    checker = Checker(PYTHON, size=1, call_limit_s=0.0001)
    files = {f"{number}.py": GOOD for number in range(count)}
    try:
        judged = checker.judge_files(files)
    finally:
        checker.close()

    why = "the files before it took longer than 0.0001 s"
    unseen = {path: not_looked_at(path, why) for path in list(files)[1:]}
    assert judged == {"0.py": Judgement((), GOOD_OUTLINE)} | unseen


def test_files_after_so_many_that_killed_their_process_are_denied_unseen() -> None:
    checker = Checker(PYTHON, size=1, file_limit_s=0.5, max_deaths=2)
    try:
        judged = checker.judge_files({"a.py": SLOW, "b.py": GOOD, "c.py": SLOW, "d.py": GOOD})
        again = judge(checker, GOOD)
    finally:
        checker.close()

    assert judged == {
        "a.py": died("a.py", "0.5"),
        "b.py": Judgement((), GOOD_OUTLINE),
        "c.py": died("c.py", "0.5"),
        "d.py": not_looked_at("d.py", "2 files before it could not be checked either"),
    }
    assert again == Judgement((), GOOD_OUTLINE)  # another call has its own limits


def test_a_tree_with_slow_files_makes_others_wait_for_a_few_of_them_at_most(one: Checker) -> None:
    slow = {f"{number}.py": SLOWISH + b"#%d" % number for number in range(20)}
    before = children()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(one.judge_files, slow)
        wait_until(
            lambda: any(_cpu_seconds(pid) > 0.05 for pid in new_children(before)), "it works"
        )
        others = [judge(one, GOOD) for _ in range(3)]
        was_done = asked.done()

    assert others == [Judgement((), GOOD_OUTLINE)] * 3
    assert (was_done, list(asked.result())) == (False, list(slow))


def test_files_sent_behind_one_that_is_slow_are_judged_by_another_process(one: Checker) -> None:
    before = children()
    judge(one, GOOD)
    [first] = new_children(before)
    files = {"slow.py": doubling(18)} | {f"{number}.py": GOOD for number in range(5)}

    judged = one.judge_files(files)

    assert judged["slow.py"].outline == Outline()
    assert [judged[f"{number}.py"] for number in range(5)] == [Judgement((), GOOD_OUTLINE)] * 5
    assert new_children(before) != [first]


def test_a_process_killed_while_idle_is_replaced_unseen(one: Checker) -> None:
    before = children()
    judge(one, GOOD)
    [pid] = new_children(before)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(), "it ended")

    assert judge(one, GOOD) == Judgement((), GOOD_OUTLINE)
    assert new_children(before) != [pid]


def test_a_process_that_nobody_uses_ends_and_the_next_file_gets_another() -> None:
    before = children()
    checker = Checker(PYTHON, size=1, idle_s=0.05)
    judge(checker, GOOD)
    wait_until(lambda: new_children(before) == [], "its children ended")

    assert judge(checker, GOOD) == Judgement((), GOOD_OUTLINE)
    checker.close()


def test_a_process_killed_while_it_judges_denies_that_file_alone(one: Checker) -> None:
    before = children()
    judge(one, GOOD)
    [pid] = new_children(before)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(one.judge_files, {"slow.py": SLOW, "good.py": GOOD})
        started = _cpu_seconds(pid)
        wait_until(lambda: _cpu_seconds(pid) > started + 0.05, "it works")
        os.kill(pid, signal.SIGKILL)

    assert asked.result() == {"slow.py": died("slow.py"), "good.py": Judgement((), GOOD_OUTLINE)}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 999_999])
def test_a_file_larger_than_a_pipe_holds_is_judged_whole(one: Checker, size: int) -> None:
    broken_at_the_end = b"#" * (size - 6) + b"\nx = ("

    assert [f.place for f in judge(one, broken_at_the_end).findings] == ["a.py:2:5"]


def test_an_answer_larger_than_a_pipe_holds_comes_back_whole(one: Checker) -> None:
    names = tuple(sorted(f"module_{number}" for number in range(10_000)))
    source = "".join(f"import {name}\n" for name in names)

    outline = judge(one, source.encode()).outline

    assert outline is not None
    assert outline.imports == names


def test_many_threads_share_two_processes_and_each_gets_its_own_answers() -> None:
    before = children()
    checker = Checker(PYTHON, size=2)
    files = {
        number: {
            f"{number}_{part}.py": f"import airflow\nx = airflow.DAG('{number}_{part}')".encode()
            for part in range(20)
        }
        for number in range(16)
    }
    try:
        with ThreadPoolExecutor(16) as pool:
            judged = dict(zip(files, pool.map(checker.judge_files, files.values()), strict=True))
        assert len(new_children(before)) <= 2
    finally:
        checker.close()

    found = {
        path: judgement.outline.dag_ids
        for answers in judged.values()
        for path, judgement in answers.items()
        if judgement.outline
    }
    assert found == {f"{n}_{p}.py": (f"{n}_{p}",) for n in range(16) for p in range(20)}


def test_what_one_file_holds_does_not_reach_the_next(one: Checker) -> None:
    first = judge(one, GOOD)
    judge(one, b"from airflow.sdk import DAG as D, dag\nx = D('other', 'load.sql')\nimport os\n")

    assert judge(one, GOOD) == first
    assert judge(one, b"").outline == Outline()


def test_a_process_has_its_limits_and_nothing_of_our_environment(
    one: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "correct horse")
    before = children()
    judge(one, GOOD)
    [pid] = new_children(before)

    limits = {
        name: resource.prlimit(pid, getattr(resource, f"RLIMIT_{name}"))
        for name in ("AS", "FSIZE", "CORE", "NOFILE")
    }
    assert limits == {"AS": (1 << 30, 1 << 30), "FSIZE": (0, 0), "CORE": (0, 0), "NOFILE": (16, 16)}
    assert Path(f"/proc/{pid}/environ").read_bytes() == b""
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert os.getsid(pid) == pid


def test_a_process_holds_no_descriptor_of_ours(one: Checker, room: Path) -> None:
    secret = (room / "secret").open("w")
    before = children()
    judge(one, GOOD)
    [pid] = new_children(before)

    opened = {int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    secret.close()
    assert opened == {0, 1, 2}


def test_after_close_no_process_is_left() -> None:
    before = children()
    checker = Checker(PYTHON, size=1)
    judge(checker, GOOD)
    assert len(new_children(before)) == 1

    checker.close()

    assert new_children(before) == []


def test_a_tree_is_judged_as_a_whole_and_fresh_entries_by_themselves(one: Checker) -> None:
    entries = {
        "a.so": TreeEntry("a.so", Kind.FILE, "0" * 40, 1),
        "b.so": TreeEntry("b.so", Kind.EXECUTABLE, "0" * 40, 1),
        "link": TreeEntry("link", Kind.SYMLINK, "0" * 40, 9, "/etc/fstab"),
    }

    judged = one.judge_tree(entries, ["b.so"])

    assert [(f.code, f.path) for f in judged.findings] == [("INT005", "b.so"), ("INT002", "link")]
    assert judged.outline is None


def test_a_path_that_is_not_utf8_is_judged_not_stumbled_over(one: Checker) -> None:
    odd = TreeEntry("a\udcff.py", Kind.FILE, "0" * 40, 1)

    judged = one.judge_tree({odd.path: odd}, [odd.path])

    assert [(f.code, f.path) for f in judged.findings] == [("INT001", "a\\udcff.py")]


def test_the_version_is_that_of_the_interpreter_that_was_named(one: Checker) -> None:
    assert one.python_version == ".".join(map(str, sys.version_info[:3]))


def test_an_interpreter_that_takes_anothers_place_is_asked_anew(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    others = children()
    checker = Checker(python, size=1)
    try:
        before = checker.python_version, judge(checker, GOOD)
        python.unlink()
        python.write_text(
            f'#!/bin/sh\n[ "$2" = -c ] && echo 3.13.99 || exec {sys.executable} "$@"\n'
        )
        python.chmod(0o700)
        first = new_children(others)
        after = checker.python_version, judge(checker, GOOD)
        second = new_children(others)
    finally:
        checker.close()

    assert before == (platform.python_version(), Judgement((), GOOD_OUTLINE))
    assert after == ("3.13.99", Judgement((), GOOD_OUTLINE))
    assert set(first).isdisjoint(second)


@pytest.mark.parametrize("python", ["/nonexistent/python", "/bin/false", "/"])
def test_an_interpreter_that_does_not_run_is_told(python: str) -> None:
    with pytest.raises(Invalid) as refused:
        _ = Checker(Path(python)).python_version

    assert refused.value.code == "PY001"
    assert repr(python) in refused.value.message


def test_the_parents_death_ends_an_idle_process() -> None:
    """Its standard input ends then; nothing has to kill it."""
    reader, writer = os.pipe()
    pid = os.posix_spawn(
        PYTHON,
        [str(PYTHON), "-c", _ORPHAN, str(PYTHON)],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
    )
    os.close(writer)
    with os.fdopen(reader) as told:
        child = int(told.readline())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    wait_until(lambda: _is_zombie(child), "it ended")


def _is_zombie(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # gone, before or while it was read
        return True


_ORPHAN = """
import sys, time
from pathlib import Path
from windlass.sandbox.checker import Checker
checker = Checker(Path(sys.argv[1]), size=1)
checker.judge_files({"a.py": b""})
process = checker._pool.processes[0]._process
print(process.pid, flush=True)
time.sleep(60)
"""
