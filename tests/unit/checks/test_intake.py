"""Intake: each code, both sides of each bound, and where symlinks lead."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.checks import intake
from windlass.checks.intake import (
    check_data,
    check_entries,
    check_ignore_file,
    check_python_bytes,
    check_whole,
    is_read,
    resolve_link,
    whole_key,
)
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.tree import Kind, TreeEntry


def entry(path: str, kind: Kind = Kind.FILE, size: int = 1) -> TreeEntry:
    return TreeEntry(path, kind, "0" * 40, size)


def link(path: str, target: str | None) -> TreeEntry:
    return TreeEntry(path, Kind.SYMLINK, "1" * 40, len(target or ""), target)


def tree(*entries: TreeEntry) -> dict[str, TreeEntry]:
    return {e.path: e for e in entries}


def told(findings: Iterable[Finding]) -> list[tuple[str, Severity, str]]:
    return [(f.code, f.severity, f.place) for f in findings]


@pytest.mark.parametrize(
    "path",
    [
        "orders.py",
        "été/注文.py",
        "My Team/orders (1).py",
        ".airflowignore",
        "a" * 255,
        "é" * 127,
        "/".join(["a" * 249] * 4),
        "gitignore",
        ".gitignore",
        "so/pyc.py",
        "sitecustomize.txt",
    ],
)
def test_an_ordinary_path_is_fine(path: str) -> None:
    assert check_entries([entry(path)]) == []


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("a\nb.py", "a\\nb.py"),
        ("a\x00.py", "a\\x00.py"),
        ("a\x1f", "a\\x1f"),
        ("a\x7f", "a\\x7f"),
        ("a\\b", "a\\\\b"),
        ("a\u202eyp.exe", "a\\u202eyp.exe"),
        ("a\u200b.py", "a\\u200b.py"),
        ("a\udcff.py", "a\\udcff.py"),
        ("a\ufffd.py", "a\\ufffd.py"),
        ("..", ".."),
        ("../a.py", "../a.py"),
        ("a/../../b.py", "a/../../b.py"),
        ("a/./b.py", "a/./b.py"),
        ("/etc/cron.d/a", "/etc/cron.d/a"),
        ("a//b.py", "a//b.py"),
        ("a" * 256, "a" * 200),
        ("é" * 128, "\\xe9" * 50),
        ("/".join(["a" * 250] * 4), ("a" * 200)),
    ],
)
def test_a_path_that_could_fool_people_or_leave_the_tree_is_refused(path: str, shown: str) -> None:
    assert told(check_entries([entry(path)])) == [("INT001", Severity.CRITICAL, shown)]


def test_a_submodule_is_refused() -> None:
    found = check_entries([entry("lib", Kind.SUBMODULE)])

    assert told(found) == [("INT003", Severity.HIGH, "lib")]


@pytest.mark.parametrize(
    ("path", "size", "is_fine"),
    [
        ("a.py", 1_000_000, True),
        ("a.py", 1_000_001, False),
        ("a.sql", 10_000_000, True),
        ("a.sql", 10_000_001, False),
    ],
)
def test_a_file_may_have_so_many_bytes_and_no_more(path: str, size: int, is_fine: bool) -> None:
    expected = [] if is_fine else [("INT004", Severity.HIGH, path)]

    assert told(check_entries([entry(path, size=size)])) == expected


@pytest.mark.parametrize(
    "path",
    [
        "a.pyc",
        "a.so",
        "a.cpython-311-x86_64-linux-gnu.so",
        "a.PYD",
        "x/evil.pth",
        "plugins.zip",
        "a.whl",
        "sitecustomize.py",
        "team/SiteCustomize.py",
        "usercustomize.py",
        "airflow_local_settings.py",
        "sitecustomize/__init__.py",
        "libx.so.1.2",
        "a.egg-link",
        "a.pyz",
        "__pycache__/a.txt",
        "x/__pycache__/a.txt",
        ".git/config",
        "x/.GIT/hooks/pre-commit",
    ],
)
def test_a_file_that_would_be_loaded_unseen_is_refused(path: str) -> None:
    assert told(check_entries([entry(path)])) == [("INT005", Severity.HIGH, path)]


def test_a_symlink_with_a_forbidden_name_is_refused_like_a_file() -> None:
    assert told(check_entries([link("a.so", "b")])) == [("INT005", Severity.HIGH, "a.so")]


@pytest.mark.parametrize(
    ("one", "other"),
    [("A.py", "a.py"), ("team/X/a", "team/x/a"), ("e\u0301.py", "\u00e9.py"), ("ß", "ss")],
)
def test_paths_that_some_file_systems_take_for_one_are_told(one: str, other: str) -> None:
    found = check_whole(tree(entry(one), entry(other)))

    assert told(found) == [("INT006", Severity.MEDIUM, max(one, other))]
    assert repr(min(one, other)) in found[0].message


def test_a_tree_may_have_so_many_files_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_TREE_FILES", 2)
    full = [entry("a"), entry("b")]

    assert check_whole(tree(*full)) == []
    assert told(check_whole(tree(*full, entry("c")))) == [("INT008", Severity.HIGH, "(tree)")]


@pytest.mark.parametrize(("size", "is_fine"), [(199_999_999, True), (200_000_000, False)])
def test_a_tree_may_have_so_many_bytes_and_no_more(size: int, is_fine: bool) -> None:
    expected = [] if is_fine else [("INT008", Severity.HIGH, "(tree)")]

    assert told(check_whole(tree(entry("a", size=size), entry("b", size=1)))) == expected


def test_symlinks_cost_what_they_lead_to() -> None:
    big = entry("big.csv", size=9_000_000)
    links = [link(f"{number}.csv", "big.csv") for number in range(22)]

    assert check_whole(tree(big, *links[:21])) == []
    assert told(check_whole(tree(big, *links))) == [("INT008", Severity.HIGH, "(tree)")]


FILE = entry("team/rates.py")
SCRIPT = entry("run.sh", Kind.EXECUTABLE)
MODULE = entry("lib", Kind.SUBMODULE)


@pytest.mark.parametrize(
    ("path", "target", "found"),
    [
        ("x.py", "team/rates.py", FILE),
        ("x.py", "./team//rates.py", FILE),
        ("team/x.py", "rates.py", FILE),
        ("team/x.py", "../team/rates.py", FILE),
        ("other/deep/x.py", "../../team/rates.py", FILE),
        ("x.sh", "run.sh", SCRIPT),
        ("x.py", "team/../team/rates.py", FILE),
        ("x.py", "../team/rates.py", None),  # out of the tree, even if back in again
        ("x.py", "team/../../root/team/rates.py", None),
        ("x.py", "/etc/passwd", None),
        ("x.py", "/team/rates.py", None),
        ("x.py", "..", None),
        ("x.py", ".", None),
        ("x.py", "", None),
        ("x.py", None, None),
        ("x", "team", None),  # a folder
        ("x", "lib", None),  # a submodule
        ("x.py", "x.py", None),
        ("team/x.py", "../team/x.py", None),
        ("x.py", "missing.py", None),
        ("x.py", "team/rates.py\x00", None),
    ],
)
def test_a_symlink_leads_to_a_file_of_the_tree_or_nowhere(
    path: str, target: str | None, found: TreeEntry | None
) -> None:
    start = link(path, target)

    assert resolve_link(start, tree(FILE, SCRIPT, MODULE, start)) == found


def test_a_file_leads_to_itself_and_a_submodule_nowhere() -> None:
    assert resolve_link(FILE, tree(FILE)) == FILE
    assert resolve_link(MODULE, tree(MODULE)) is None


@pytest.mark.parametrize(("length", "found"), [(1, FILE), (21, FILE), (22, None), (100, None)])
def test_a_chain_of_symlinks_is_followed_so_far_and_no_further(
    length: int, found: TreeEntry | None
) -> None:
    targets = [*(str(number) for number in range(1, length)), FILE.path]
    links = [link(str(number), target) for number, target in enumerate(targets)]

    assert resolve_link(links[0], tree(FILE, *links)) == found


@pytest.mark.parametrize("size", [2, 3])
def test_symlinks_in_a_circle_are_refused_each(size: int) -> None:
    links = [link(str(n), str((n + 1) % size)) for n in range(size)]

    assert told(check_whole(tree(*links))) == [
        ("INT002", Severity.CRITICAL, str(n)) for n in range(size)
    ]


def test_a_symlink_out_of_the_tree_is_refused_with_its_target() -> None:
    found = check_whole(tree(link("x.py", "../" * 99)))

    assert told(found) == [("INT002", Severity.CRITICAL, "x.py")]
    assert found[0].message == (
        f"the symlink leads to {('../' * 99)[:200]!r}, which is no file of the DAG root"
    )


PARTS = st.sampled_from(["a", "b", "..", ".", "", "c"])
TARGETS = st.lists(PARTS, max_size=5).map("/".join)


@given(
    st.dictionaries(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join), TARGETS, max_size=6
    ),
    st.sets(st.sampled_from(["a/b/c", "b", "c/a"])),
)
def test_a_symlink_never_leads_to_anything_but_a_file_of_the_tree(
    links: dict[str, str], files: set[str]
) -> None:
    entries = {path: link(path, target) for path, target in links.items()}
    entries |= {path: entry(path) for path in files}

    for start in entries.values():
        found = resolve_link(start, entries)
        assert found is None or (found.kind is Kind.FILE and entries[found.path] is found)


ZIP_END = b"PK\x05\x06" + b"\0" * 18


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("a.py", b"", True),
        (".airflowignore", b"", True),
        ("t/.airflowignore", b"", True),
        ("a.sql", b"select 1", True),
        ("a.parquet", b"select 1", False),
        ("a.csv", b"x" * 100_000 + ZIP_END + b"c" * 65_535, True),
        ("a.csv", ZIP_END + b"c" * 65_536, False),
        ("tool", b"\x7fELF\x02", True),
    ],
)
def test_only_texts_and_what_may_be_in_disguise_are_read(
    path: str, content: bytes, expected: bool
) -> None:
    assert is_read(path, content) is expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x = 1\n",
        "x = 'été 注文'\n".encode(),
        b"\xef\xbb\xbfx = 1\n",
        b"# -*- coding: utf-8 -*-\n",
        b"#!/usr/bin/python\n# vim: set fileencoding=UTF-8 :\n",
        b"# coding: ascii\n",
        "# -*- coding: utf-8-*-\nx = 'été'\n".encode(),  # Python reads it so
        b"# coding: UTF_8-unix\n",
        b"\n\n# coding: latin-1\n",  # Python looks at two lines only
        b"x = '# coding: latin-1'\n",
        b"version https://git-lfs.github.com/spec/v1 = 1\n",
    ],
)
def test_plain_utf8_python_is_fine(content: bytes) -> None:
    assert check_python_bytes("a.py", content) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"# coding: latin-1\n", 1),
        (b"# -*- coding: utf-7 -*-\n", 1),
        (b"\t\x0c # coding=utf-16\n", 1),
        (b"#!/usr/bin/python\n# coding: latin-1\n", 2),
        (b"\r# coding: utf-7\r", 2),
        (b"\r\n# coding: utf-7\r\n", 2),
        (b"x = 1\n\ny = '\0'\n", 3),
        (b"x = 1\n\xff\n", 2),
        (b"x = '\xe9'\n", 1),
        (b"\xff\xfex\0", 1),
        (b"x = '\xed\xa0\x80'\n", 1),
    ],
)
def test_python_in_another_encoding_is_refused_at_its_line(content: bytes, line: int) -> None:
    found = check_python_bytes("a.py", content)

    assert told(found) == [("INT009", Severity.HIGH, f"a.py:{line}")]


def test_a_file_that_git_lfs_keeps_elsewhere_is_refused() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"

    assert told(check_python_bytes("a.py", pointer)) == [("INT007", Severity.HIGH, "a.py")]
    assert told(check_data("a.csv", pointer)) == [("INT007", Severity.MEDIUM, "a.csv")]
    assert (is_read("a.csv", pointer), is_read("a.csv", b"1,2")) == (True, False)


def test_a_name_for_python_may_not_lead_to_more_than_a_python_file_may_have() -> None:
    found = check_python_bytes("a.py", b"#" * 1_000_001)

    assert told(found) == [("INT004", Severity.HIGH, "a.py")]


@pytest.mark.parametrize("character", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_text_that_reads_differently_from_what_runs_is_refused(character: str) -> None:
    found = check_python_bytes("a.py", f"x = 1\n# {character}".encode())

    assert told(found) == [("INT010", Severity.HIGH, "a.py:2")]
    assert f"U+{ord(character):04X}" in found[0].message


@pytest.mark.parametrize("character", "\u2029\u202f\u2065\u206a\u200b")
def test_the_neighbours_of_those_characters_are_fine(character: str) -> None:
    assert check_python_bytes("a.py", f"# {character}".encode()) == []


def test_an_ignore_file_must_be_utf8() -> None:
    assert check_ignore_file(".airflowignore", "été/\n".encode()) == []
    assert told(check_ignore_file(".airflowignore", b"a\n\xe9\n")) == [
        ("INT009", Severity.HIGH, ".airflowignore:2")
    ]


def test_a_finding_says_what_is_wrong_and_what_to_do() -> None:
    assert check_entries([entry("a.py", size=1_000_001)]) == [
        Finding(
            "INT004",
            Severity.HIGH,
            FindingType.INTAKE,
            "a.py",
            "the file has 1,000,001 bytes; at most 1,000,000 are deployed",
            "Keep large data in object storage and read it in a task.",
        )
    ]


@given(
    st.text(st.characters(exclude_categories=()), min_size=1),
    st.sampled_from(Kind),
    st.sampled_from(["", ".pyc", ".py", "/sitecustomize.py"]),
    st.sampled_from([1, 20_000_000]),
)
def test_every_finding_is_text_that_a_database_holds(
    path: str, kind: Kind, suffix: str, size: int
) -> None:
    odd = tree(
        TreeEntry(path + suffix, kind, "0" * 40, size, path),
        TreeEntry((path + suffix).swapcase(), kind, "0" * 40, size, path),
    )

    findings = check_entries(odd.values()) + check_whole(odd)

    words = "".join(f.path + f.message for f in findings)
    assert words.encode("utf-8").count(b"\0") == 0


@pytest.mark.parametrize(
    ("odd", "codes"),
    [
        (entry("\udcff.pyc"), ["INT001", "INT005"]),
        (entry("\x00", Kind.SUBMODULE), ["INT001", "INT003"]),
        (entry("\x1b[31m.pyc", size=20_000_000), ["INT001", "INT005", "INT004"]),
        (link("\udcff.py", "gone\udcff"), ["INT001", "INT002"]),
    ],
)
def test_a_path_that_is_not_plain_is_escaped_once_in_each_of_its_findings(
    odd: TreeEntry, codes: list[str]
) -> None:
    findings = check_entries([odd]) + check_whole(tree(odd))

    assert [(f.code, f.path) for f in findings] == [(c, ascii(odd.path)[1:-1]) for c in codes]


_SOME_ENTRIES = st.builds(
    TreeEntry,
    path=st.sampled_from(["a", "A", "b/c", "b/d"]),
    kind=st.sampled_from(Kind),
    oid=st.sampled_from(["1" * 40, "2" * 40]),
    size_bytes=st.sampled_from([0, 1, 10_000_001]),
    target=st.none(),
) | st.builds(
    link, st.sampled_from(["a", "b/c", "l"]), st.sampled_from(["a", "b/d", "../a", "/etc", "l"])
)
_SOME_TREES = st.lists(_SOME_ENTRIES, max_size=4).map(lambda entries: tree(*entries))


@given(_SOME_TREES, st.lists(_SOME_ENTRIES, min_size=4, max_size=4))
def test_trees_with_one_key_are_told_the_same(
    one: dict[str, TreeEntry], others: list[TreeEntry]
) -> None:
    """What was said of the one is remembered for the other."""
    other = {p: new._replace(path=p) for p, new in zip(one, others, strict=False)}

    same = whole_key(one) == whole_key(other)
    assert not same or check_whole(one) == check_whole(other)


@given(_SOME_TREES)
def test_content_and_size_are_not_in_the_key_of_a_tree(entries: dict[str, TreeEntry]) -> None:
    changed = {p: e._replace(oid="3" * 40, size_bytes=7) for p, e in entries.items()}

    assert whole_key(changed) == whole_key(entries)
