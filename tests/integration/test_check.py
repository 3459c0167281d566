"""`windlass check` on real folders: what it looks at, what it says, how it ends."""

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.integration.commands import run_windlass
from tests.integration.conftest import Origin, register, run_sync, status_of
from windlass.domain.errors import Invalid
from windlass.domain.tree import Kind, TreeEntry
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.git.worktree import WorkingTree

GOOD = "from airflow.sdk import DAG\nwith DAG('good'):\n    pass\n"
BROKEN = "from airflow.sdk import DAG\nwith DAG('broken'\n    pass\n"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Git working tree with a DAG root `dags` that holds a good file."""
    git(tmp_path, "init", "--quiet")
    write(tmp_path, "dags/good.py", GOOD)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_windlass(folder, "check", *arguments)


def paths(root: Path) -> list[str]:
    listed = WorkingTree(root).list_tree(100)
    assert listed is not None
    return [entry.path for entry in listed]


def test_a_good_folder_passes_and_says_what_was_looked_at(folder: Path) -> None:
    done = check(folder, "dags")

    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "Allowed: everything would be deployed."
    assert second.startswith("  1 file with 1 dag_id, under the grammar of Python 3.")
    assert second.endswith(
        "Not imported: no interpreter of Airflow is set (WINDLASS_AIRFLOW_PYTHON)."
    )


def test_every_problem_is_told_at_once_at_its_place(folder: Path) -> None:
    write(folder, "dags/broken.py", BROKEN)
    write(folder, "dags/native.so", "x")

    done = check(folder, "dags", "--format", "json")

    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["passed"] is False
    told = [(one["code"], one["type"], one["path"], one["line"]) for one in found["issues"]]
    assert told == [
        ("SYN001", "syntax", "broken.py", 2),
        ("INT005", "intake", "native.so", None),
    ]


def test_in_mode_per_file_it_fails_too_but_says_what_would_be_left_out(folder: Path) -> None:
    write(folder, "dags/broken.py", BROKEN)

    done = check(folder, "dags", "--mode", "per_file")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-3:-1] == [
        "              left out  dags/broken.py",
        "Allowed in part: 1 file would not be deployed as they are (1 finding).",
    ]


def test_a_report_for_a_tool_goes_to_a_file_and_the_text_to_people(folder: Path) -> None:
    write(folder, "dags/broken.py", BROKEN)

    done = check(folder, "dags", "--format", "junit", "--out", "report.xml")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-2] == "Denied: 1 finding must be mended."
    cases = [case.get("name") for case in ET.parse(folder / "report.xml").iter("testcase")]
    assert cases == ["(tree)", "dags/broken.py", "dags/good.py"]


def test_sarif_names_files_from_the_top_of_the_working_tree(folder: Path) -> None:
    write(folder, "dags/broken.py", BROKEN)

    log = json.loads(check(folder / "dags", "--format", "sarif").stdout)

    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "dags/broken.py"


def test_the_hook_for_pre_commit_runs(folder: Path) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    [entry] = [hook["entry"] for hook in hooks if hook["id"] == "windlass-check"]
    command, *arguments = entry.split()
    write(folder, "dags/broken.py", BROKEN)

    assert (command, arguments) == ("windlass", ["check"])
    assert check(folder, "dags").returncode == 1


def test_a_policy_from_a_file_decides(folder: Path) -> None:
    write(folder, "p.yaml", "require: {tags: ['repo:{repository}']}")

    done = check(folder, "dags", "--policy", "p.yaml", "--repository", "orders")

    assert done.returncode == 1
    assert "POL101 high  dags/good.py:2  the DAG 'good' has no tag 'repo:orders'" in done.stdout


def test_a_policy_that_is_not_understood_is_told_at_its_place(folder: Path) -> None:
    write(folder, "p.yaml", "deny_at: hihg")

    done = check(folder, "dags", "--policy", "p.yaml")

    assert (done.returncode, done.stderr.split()[:3]) == (1, ["FILE005", "critical", "p.yaml:1:10"])
    assert "CLI016" in done.stderr


def test_a_baseline_denies_what_is_new_and_only_shrinks(folder: Path) -> None:
    policy, kept = ("--policy", "p.yaml", "--baseline", "kept.json"), folder / "kept.json"
    write(folder, "p.yaml", "require: {tags: [x]}")
    first = check(folder, "dags", *policy, "--write-baseline")
    write(folder, "dags/new.py", GOOD.replace("good", "new"))

    second = check(folder, "dags", *policy)
    third = check(folder, "dags", *policy, "--write-baseline")

    assert [done.returncode for done in (first, second, third)] == [0, 1, 1]
    assert second.stdout.splitlines()[-2] == (
        "Denied: 1 finding must be mended, and 1 finding that somebody lets pass."
    )
    assert [row["path"] for row in json.loads(kept.read_text())["findings"]] == ["good.py"]


POD = """apiVersion: v1
kind: Pod
spec:
  restartPolicy: Always  # windlass: ignore[POD013] reason="tried by hand" until=2999-01-01
  containers:
    # windlass: ignore[POD009] reason="it needs it" until=2999-01-01
    - {name: base, image: "registry.example/a:1", securityContext: {privileged: true}}
"""


def test_comments_in_yaml_let_advice_pass_and_nothing_worse(folder: Path) -> None:
    write(folder, "dags/pod_template.yaml", POD)

    issues = json.loads(check(folder, "dags", "--format", "json").stdout)["issues"]
    assert [(one["code"], one["line"], one["denies"]) for one in issues] == [
        ("POD009", 7, True),
        ("POD013", 4, False),
        ("SUP002", 6, False),
    ]
    assert issues[1]["excused"]["reason"] == "tried by hand"


def test_waivers_of_the_control_side_count_for_their_repository(folder: Path) -> None:
    write(folder, "p.yaml", "require: {tags: [x]}")
    waiver = {
        "id": 3,
        "rule": "POL101",
        "path": "good.py",
        "repository": "orders",
        "fingerprint": None,
        "reason": "moves",
        "actor": "alice",
        "until": "2999-01-01",
    }
    write(folder, "waivers.json", json.dumps([{**waiver, "days_left": 9}]))
    arguments = ("dags", "--policy", "p.yaml", "--waivers", "waivers.json")

    assert check(folder, *arguments, "--repository", "orders").returncode == 0
    assert check(folder, *arguments, "--repository", "other").returncode == 1
    write(folder, "waivers.json", "[{}]")
    assert "POL014" in check(folder, *arguments).stderr


def test_a_comment_of_another_tool_is_counted_and_does_nothing(folder: Path) -> None:
    write(folder, "dags/noisy.py", "x = 1  # noqa: F401\ny = 2  # nosec\nz = '# noqa'\n")

    told = json.loads(check(folder, "dags", "--format", "json").stdout)

    assert told["stats"]["foreign_suppressions"] == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("nowhere",), 2), (("dags", "--format", "pdf"), 2), (("dags/good.py",), 2)],
)
def test_a_wrong_call_is_told_apart_from_a_denial(
    folder: Path, arguments: tuple[str, ...], code: int
) -> None:
    assert check(folder, *arguments).returncode == code


def test_an_interpreter_that_does_not_run_is_named(folder: Path) -> None:
    done = check(folder, "dags", "--airflow-python", "/nonexistent/python")

    assert (done.returncode, done.stderr[:6]) == (1, "PY001 ")


def test_what_git_ignores_is_not_looked_at_unless_it_is_tracked(folder: Path) -> None:
    write(folder, ".gitignore", ".venv\nkept.py\n")
    write(folder, "dags/.venv/x.py", BROKEN)
    write(folder, "dags/kept.py", GOOD)
    git(folder, "add", "--force", "dags/kept.py")

    assert paths(folder / "dags") == ["good.py", "kept.py"]


def test_a_tracked_file_that_was_deleted_is_gone_and_a_new_one_is_there(folder: Path) -> None:
    git(folder, "add", "--all")
    (folder / "dags/good.py").unlink()
    write(folder, "dags/new.py", GOOD)

    assert paths(folder / "dags") == ["new.py"]


def test_a_repository_inside_is_a_submodule(folder: Path) -> None:
    git(folder, "init", "--quiet", "dags/inner")
    write(folder, "dags/inner/x.py", GOOD)
    git(folder / "dags/inner", "add", "--all")
    git(folder / "dags/inner", "commit", "--quiet", "-m", "x")

    assert WorkingTree(folder / "dags").list_tree(100) == [
        TreeEntry("good.py", Kind.FILE, "good.py", len(GOOD)),
        TreeEntry("inner", Kind.SUBMODULE, "inner/"),
    ]


def test_outside_of_git_every_file_counts(tmp_path: Path) -> None:
    write(tmp_path, "a/b.py", GOOD)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "run.sh").write_text("x")
    (tmp_path / "run.sh").chmod(0o755)
    os.mkfifo(tmp_path / "pipe")

    assert WorkingTree(tmp_path).list_tree(100) == [
        TreeEntry("a/b.py", Kind.FILE, "a/b.py", len(GOOD)),
        TreeEntry("link", Kind.SYMLINK, "link", 1),
        TreeEntry("run.sh", Kind.EXECUTABLE, "run.sh", 1),
    ]
    assert dict(WorkingTree(tmp_path).read_blobs(["link", "run.sh"])) == {
        "link": b"a",
        "run.sh": b"x",
    }


def test_a_folder_with_too_many_files_is_not_listed(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path, f"{number}.py", GOOD)

    assert WorkingTree(tmp_path).list_tree(3) is None


def test_a_file_that_went_meanwhile_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        dict(WorkingTree(tmp_path).read_blobs(["gone.py"]))

    assert refused.value.code == "TREE001"


def test_a_hook_of_the_repository_is_not_started(folder: Path) -> None:
    git(folder, "config", "core.fsmonitor", f"touch {folder}/started; false")

    assert paths(folder / "dags") == ["good.py"]
    assert not (folder / "started").exists()


def test_it_says_what_a_sync_would_say(
    context: Context, origin: Origin, registration: Registration
) -> None:
    files = {"good.py": GOOD, "same.py": GOOD, "broken.py": BROKEN, "native.so": "x", "A.py": GOOD}
    origin.push("first", dict(files))
    run_sync(context, register(context, registration))

    done = check(origin.clone, "--format", "json")

    told = [f.to_json() for f in status_of(context).facts.findings]
    issues = json.loads(done.stdout)["issues"]
    assert [
        {name: issue[name] for name in one} for issue, one in zip(issues, told, strict=True)
    ] == told
    assert all(one["fingerprint"] for one in told)
