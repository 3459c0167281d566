"""`windlass template` on real folders, and templates in a sync."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.commands import run_windlass
from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from windlass.domain.template import Lock, Templates
from windlass.engine.context import Context
from windlass.engine.register import Registration

TEMPLATE = """\
apiVersion: windlass/v1
template:
  description: Runs one command
  params:
    command: {{type: string, description: What is run.}}
{more}\
pipeline:
  steps:
    - {{name: {step}, type: bash, command: "${{with.command}}", retries: {retries}}}
"""
MORE = "    shell: {type: string, enum: [bash, sh]}\n"
PIPELINE = """\
apiVersion: windlass/v1
pipeline:
  name: {name}
  domain: sales
  template: {wanted}  # see templates/
  with: {{command: "load {name}"}}
"""


def template(step: str = "run", retries: int = 1, more: str = "") -> str:
    more = more or ("    # as before\n" if retries > 8 else "")
    return TEMPLATE.format(step=step, retries=retries, more=more)


def pipeline(name: str, wanted: str) -> str:
    return PIPELINE.format(name=name, wanted=wanted)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pipelines of two versions of a template, locked and compiled."""
    write(tmp_path, "templates/job/1.0.0/template.yaml", template())
    write(tmp_path, "templates/job/1.1.0/template.yaml", template(retries=2))
    write(tmp_path, "pipelines/a.yaml", pipeline("a", "job@1.0.0"))
    write(tmp_path, "pipelines/b.yaml", pipeline("b", '"job@^1.0"'))
    write(tmp_path, "pipelines/c.yaml", pipeline("c", "job@v1.1"))
    assert run(tmp_path, "template", "lock").stdout == "2 versions locked: commit pipelines.lock.\n"
    assert run(tmp_path, "compile").returncode == 0
    return tmp_path


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_windlass(folder, *arguments)


def read(folder: Path, path: str) -> str:
    return (folder / path).read_text()


def lock_of(folder: Path) -> list[str]:
    rows = read(folder, "pipelines.lock").splitlines()[1:]
    return [row.partition("sha256")[0].strip() for row in rows]


def test_versions_live_side_by_side_and_a_range_means_what_was_locked(folder: Path) -> None:
    write(folder, "templates/job/1.2.0/template.yaml", template(retries=3))
    made = {name: read(folder, f"pipelines/{name}.py") for name in "abc"}
    assert run(folder, "template", "lock").returncode == 0
    assert run(folder, "compile", "--check").returncode == 0

    assert {name: f"retries={n}" in made[name] for name, n in zip("abc", "122", strict=True)} == {
        "a": True,
        "b": True,
        "c": True,
    }
    assert lock_of(folder) == ["job 1.0.0", "job 1.1.0", "job 1.2.0", "job ^1.0 -> 1.1.0"]


def test_a_lock_that_lacks_something_fails_the_check_and_nothing_is_written(folder: Path) -> None:
    write(folder, "templates/job/1.2.0/template.yaml", template(retries=3))
    before = read(folder, "pipelines.lock")
    compiled, locked = run(folder, "compile", "--check"), run(folder, "template", "lock", "--check")

    assert (compiled.returncode, locked.returncode) == (1, 1)
    assert "run windlass template lock" in compiled.stderr
    assert "run windlass template lock" in locked.stdout
    assert read(folder, "pipelines.lock") == before


def test_a_locked_version_never_changes(folder: Path) -> None:
    before = read(folder, "pipelines.lock")
    write(folder, "templates/job/1.0.0/template.yaml", template(retries=5))
    locked, compiled = run(folder, "template", "lock"), run(folder, "compile")

    assert (locked.returncode, compiled.returncode) == (1, 1)
    assert locked.stderr.startswith("templates/job/1.0.0/template.yaml PIPE053 ")
    assert "pipelines/a.yaml:5:13 PIPE053" in compiled.stderr
    assert read(folder, "pipelines.lock") == before
    assert "retries=1" in read(folder, "pipelines/a.py")


def test_what_is_wrong_with_a_template_is_told_when_it_is_locked(folder: Path) -> None:
    bad = template(retries=9).replace("with.command", "with.comand")
    write(folder, "templates/job/2.0.0/template.yaml", bad)
    write(folder, "templates/Job/v3/template.yaml", bad)
    ended = run(folder, "template", "lock", "--output", "json")

    told = [(one["code"], one["path"], one["line"]) for one in json.loads(ended.stdout)["findings"]]
    assert ended.returncode == 1
    assert told == [
        ("PIPE059", "templates/Job/v3/template.yaml", None),
        ("PIPE065", "templates/job/2.0.0/template.yaml", 5),
        ("PIPE058", "templates/job/2.0.0/template.yaml", 9),
    ]


def test_a_conflict_in_the_lock_is_told_and_mended_by_locking_again(folder: Path) -> None:
    good = read(folder, "pipelines.lock")
    write(folder, "pipelines.lock", good + "<<<<<<< HEAD\n")
    ended = run(folder, "compile")

    assert ended.returncode == 1
    assert "pipelines.lock:5:1 PIPE066" in ended.stderr


def test_the_list_names_each_version_with_who_is_made_with_it(folder: Path) -> None:
    rows = json.loads(run(folder, "template", "list", "--output", "json").stdout)
    text = run(folder, "template", "list").stdout

    assert [(row["version"], row["lock"], row["pipelines"]) for row in rows] == [
        ("1.0.0", "good", ["pipelines/a.yaml"]),
        ("1.1.0", "good", ["pipelines/b.yaml", "pipelines/c.yaml"]),
    ]
    assert [line.split() for line in text.splitlines()[1:]] == [
        ["job", "1.0.0", "good", "1", "Runs", "one", "command"],
        ["job", "1.1.0", "good", "2", "Runs", "one", "command"],
    ]


def test_the_plan_of_an_upgrade_shows_what_changes_and_writes_nothing(folder: Path) -> None:
    write(folder, "templates/job/1.2.0/template.yaml", template("start", retries=3))
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    ended = run(folder, "template", "upgrade", "job", "--plan")

    assert ended.returncode == 0
    assert ended.stdout.splitlines()[:4] == [
        "pipelines/a.yaml  job@1.0.0 -> job@1.2.0",
        "  + start",
        "  - run (its history in Airflow ends)",
        "    --- job@1.0.0",
    ]
    assert '    +    start = BashOperator(task_id="start", bash_command="load a", retries=3)' in (
        ended.stdout.splitlines()
    )
    assert ended.stdout.endswith("3 pipelines would be made with job@1.2.0.\n")
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before


def test_an_upgrade_moves_pipelines_and_the_lock(folder: Path) -> None:
    write(folder, "templates/job/1.2.0/template.yaml", template(retries=3))
    write(folder, "templates/job/2.0.0/template.yaml", template(retries=4))
    first = run(folder, "template", "upgrade", "job", "--to", "1.2")
    locked = lock_of(folder)
    second = run(folder, "template", "upgrade", "job", "--output", "json")
    wanted = [read(folder, f"pipelines/{name}.yaml").splitlines()[4] for name in "abc"]

    assert (first.returncode, second.returncode) == (0, 0)
    assert locked[-1] == "job ^1.0 -> 1.2.0"
    assert [one["tasks"]["changed"] for one in json.loads(second.stdout)["pipelines"]] == [
        ["run"]
    ] * 3
    assert wanted == [
        "  template: job@2.0.0  # see templates/",
        '  template: "job@^2.0"  # see templates/',
        "  template: job@2.0.0  # see templates/",
    ]
    assert lock_of(folder)[-1] == "job ^2.0 -> 2.0.0"
    assert run(folder, "compile").returncode == 0
    assert run(folder, "compile", "--check").returncode == 0
    assert run(folder, "template", "upgrade", "job").stdout == (
        "Every pipeline of the template is made with job@2.0.0.\n"
    )


def test_what_does_not_compile_with_the_new_version_stays_as_it_is(folder: Path) -> None:
    write(folder, "templates/job/2.0.0/template.yaml", template(more=MORE))
    before = read(folder, "pipelines/a.yaml")
    ended = run(folder, "template", "upgrade", "job")

    assert ended.returncode == 1
    assert 'needs the param "shell"' in ended.stderr
    assert read(folder, "pipelines/a.yaml") == before
    assert lock_of(folder) == ["job 1.0.0", "job 1.1.0", "job ^1.0 -> 1.1.0"]


def test_pipelines_of_one_range_move_together_or_not_at_all(folder: Path) -> None:
    write(folder, "templates/job/1.2.0/template.yaml", template("b"))
    own = "  steps: [{name: b, type: bash, command: x}]\n"
    write(folder, "pipelines/d.yaml", pipeline("d", "job@^1.0") + own)
    ended = run(folder, "template", "upgrade", "job", "--output", "json")
    told = {
        one["path"]: [finding["code"] for finding in one["findings"]]
        for one in json.loads(ended.stdout)["pipelines"]
    }

    assert told == {
        "pipelines/a.yaml": [],
        "pipelines/b.yaml": ["PIPE067"],
        "pipelines/c.yaml": [],
        "pipelines/d.yaml": ["PIPE037"],
    }
    assert lock_of(folder)[-1] == "job ^1.0 -> 1.1.0"


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["jbo"], "CMP005", 'Did you mean "job"?'),
        (["job", "--to", "3"], "CMP006", "It has 1.0.0, 1.1.0."),
    ],
)
def test_what_there_is_not_is_told(
    folder: Path, arguments: list[str], code: str, hint: str
) -> None:
    ended = run(folder, "template", "upgrade", *arguments)

    assert ended.returncode == 1
    assert ended.stderr.startswith(code)
    assert hint in ended.stderr


def test_a_name_that_cannot_be_rewritten_is_told(folder: Path) -> None:
    write(folder, "pipelines/a.yaml", pipeline("a", '"job\\u00401.0.0"'))
    assert run(folder, "template", "upgrade", "job").stderr.startswith("CMP007 pipelines/a.yaml:5 ")


def test_pipelines_at_the_root_are_told_from_templates(folder: Path) -> None:
    write(folder, "top.yaml", pipeline("top", "job@1.0.0"))
    ended = run(folder, "compile", "--pipelines", ".")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(path.name for path in folder.rglob("*.py")) == ["a.py", "b.py", "c.py", "top.py"]


def test_one_file_and_the_schema_know_the_templates(folder: Path) -> None:
    (folder / "pipelines/a.py").unlink()
    schema = json.loads(run(folder, "compile", "--schema").stdout)
    pipeline_keys = schema["then"]["properties"]["pipeline"]["properties"]

    assert run(folder, "compile", "pipelines/a.yaml").returncode == 0
    assert (folder / "pipelines/a.py").exists()
    assert pipeline_keys["template"]["anyOf"][0] == {
        "anyOf": [
            {"enum": ["job@1.0.0", "job@1.1.0", "job@^1.0"]},
            {"type": "string", "pattern": r"^\$\{vars\."},
        ]
    }


# ---- in a sync -----------------------------------------------------------------------------


def files(**more: str | None) -> dict[str, str | None]:
    """A repository with one template and one pipeline, by path."""
    text = template().encode()
    path = "templates/job/1.0.0/template.yaml"
    lock = Lock(Templates.of({path: text}).digests).text
    own = pipeline("a", "job@1.0.0")
    return {path: text.decode(), "pipelines.lock": lock, "pipelines/a.yaml": own, **more}


def test_a_sync_compiles_with_the_templates_that_are_locked(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", files())
    repository = register(context, registration)
    run_sync(context, repository)
    before = deployed_files(context)
    changed: dict[str, str | None] = {"templates/job/1.0.0/template.yaml": template(retries=5)}
    origin.push("change it", changed)
    run_sync(context, repository)

    told = [(one.code, one.place) for one in status_of(context).facts.findings]
    assert 'bash_command="load a"' in before["pipelines/a.py"]
    assert told == [
        ("PIPE053", "pipelines/a.yaml:5:13"),
        ("PIPE053", "templates/job/1.0.0/template.yaml"),
    ]
    assert deployed_files(context) == before


def test_what_is_found_in_a_compiled_file_names_the_line_of_the_template(
    context: Context, origin: Origin, registration: Registration
) -> None:
    secret = pipeline("a", "job@1.0.0").replace("load a", "PGPASSWORD=tr0ub4dor&3x psql")
    origin.push("secret", files(**{"pipelines/a.yaml": secret}))
    run_sync(context, register(context, registration))

    told = [one for one in status_of(context).facts.findings if one.code.startswith("SEC")]
    assert ("pipelines/a.yaml:5", True) in [
        (one.place, "from templates/job/1.0.0/template.yaml:8)" in one.message) for one in told
    ]
