"""Pipelines as a part of the sync, on real git and a real database: what is released of them."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.test_check import check, write
from tests.integration.test_drift import change, look
from tests.integration.test_per_file import choose
from windlass.database.releases import find_current
from windlass.domain.artifact import Artifact
from windlass.domain.inventory import Declared, Inventory
from windlass.domain.options import Options, VerdictMode
from windlass.domain.pipeline import Bindings, Cluster
from windlass.domain.repository import Repository, SyncState
from windlass.domain.status import sync_state
from windlass.engine import pipelines
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.git.process import run_git
from windlass.sandbox.compiler import PipelineCompiler

DOCUMENT = """\
apiVersion: windlass/v1
pipeline:
  name: {name}
  domain: sales
  steps:
    - {{name: load, type: bash, command: "{command}"}}
"""
BROKEN = DOCUMENT.format(name="orders", command="true") + "      depends: x\n"


def document(name: str = "orders", command: str = "true") -> str:
    return DOCUMENT.format(name=name, command=command)


@pytest.fixture
def repository(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository with one pipeline and one DAG file by hand, both released."""
    files: dict[str, str | None] = {"pipelines/orders.yaml": document(), "own.py": "X = 1\n"}
    origin.push("first", files)
    made = register(context, registration)
    run_sync(context, made)
    return made


def artifact_of(context: Context, repository: Repository) -> Artifact:
    """What is released."""
    with context.database.transaction() as connection:
        return context.artifact_of(connection, find_current(connection, repository.id))


def tree_of(context: Context) -> Path:
    release = context.store.read_pointer("default", "one")
    assert release is not None
    return context.store.tree(release)


def findings(context: Context) -> list[tuple[str, str]]:
    return [(one.code, one.place) for one in status_of(context).facts.findings]


def test_a_pipeline_is_released_with_the_dag_file_that_it_compiles_to(
    context: Context, repository: Repository
) -> None:
    deployed = deployed_files(context)

    assert sorted(deployed) == ["own.py", "pipelines/orders.py", "pipelines/orders.yaml"]
    assert '"sales.orders"' in deployed["pipelines/orders.py"]
    assert findings(context) == []


def test_the_manifest_says_what_a_file_was_compiled_from(
    context: Context, repository: Repository
) -> None:
    artifact = artifact_of(context, repository)
    rows = [
        row for c in artifact.chunks for row in json.loads(gzip.decompress(c.manifest))["files"]
    ]
    outline = artifact.files["pipelines/orders.py"].outline

    assert {row["path"]: row.get("compiled_from") for row in rows} == {
        "own.py": None,
        "pipelines/orders.py": "pipelines/orders.yaml",
        "pipelines/orders.yaml": None,
    }
    assert outline is not None
    assert outline.dag_ids == ("sales.orders",)


def test_a_change_of_one_document_changes_its_file_alone(
    context: Context, origin: Origin, repository: Repository
) -> None:
    before = deployed_files(context)
    origin.push("more", {"pipelines/orders.yaml": document(command="false")})
    run_sync(context, repository)
    after = deployed_files(context)

    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"pipelines/orders.py", "pipelines/orders.yaml"}


def test_a_document_that_did_not_change_is_not_compiled_into_another_file(
    context: Context, origin: Origin, repository: Repository
) -> None:
    before = tree_of(context) / "pipelines/orders.py"
    origin.push("own", {"own.py": "X = 2\n"})
    run_sync(context, repository)
    after = tree_of(context) / "pipelines/orders.py"

    assert before != after
    assert before.stat().st_mtime_ns == after.stat().st_mtime_ns


def test_a_document_that_is_gone_or_renamed_takes_its_file_along(
    context: Context, origin: Origin, repository: Repository
) -> None:
    moved: dict[str, str | None] = {
        "pipelines/orders.yaml": None,
        "pipelines/sales.yaml": document(),
    }
    origin.push("rename", moved)
    run_sync(context, repository)

    assert sorted(deployed_files(context)) == [
        "own.py",
        "pipelines/sales.py",
        "pipelines/sales.yaml",
    ]


def test_a_bad_document_denies_the_revision_at_its_line(
    context: Context, origin: Origin, repository: Repository
) -> None:
    before = deployed_files(context)
    origin.push("oops", {"pipelines/orders.yaml": BROKEN, "own.py": "X = 2\n"})
    run_sync(context, repository)

    assert sync_state(status_of(context).facts)[0] is SyncState.DENIED
    assert findings(context) == [("YAML004", "pipelines/orders.yaml:7:7")]
    assert deployed_files(context) == before


def test_a_bad_document_keeps_its_last_good_file_where_files_are_judged_alone(
    context: Context, origin: Origin, repository: Repository
) -> None:
    before = deployed_files(context)
    repository = choose(context, repository, Options(verdict_mode=VerdictMode.PER_FILE))
    origin.push(
        "oops",
        {
            "pipelines/orders.yaml": document().replace("command", "comand"),
            "pipelines/rates.yaml": document("rates"),
            "own.py": "X = 2\n",
        },
    )
    run_sync(context, repository)
    after = deployed_files(context)

    kept = ("pipelines/orders.py", "pipelines/orders.yaml")
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert '"sales.rates"' in after["pipelines/rates.py"]
    assert after["own.py"] == "X = 2\n"


def test_what_is_found_in_a_compiled_file_is_told_at_the_line_of_its_document(
    context: Context, origin: Origin, repository: Repository
) -> None:
    secret = document(command="PGPASSWORD=tr0ub4dor&3x psql")
    origin.push("secret", {"pipelines/orders.yaml": secret})
    run_sync(context, repository)
    told = [one for one in findings(context) if one[0].startswith("SEC")]

    assert {place for _, place in told} == {"pipelines/orders.yaml:6"}


def test_a_committed_dag_file_must_be_what_its_document_compiles_to(
    context: Context, origin: Origin, repository: Repository
) -> None:
    compiled = deployed_files(context)["pipelines/orders.py"]
    origin.push("commit it", {"pipelines/orders.py": compiled})
    run_sync(context, repository)
    assert findings(context) == []

    origin.push("edit it", {"pipelines/orders.py": compiled + "X = 1\n"})
    run_sync(context, repository)
    assert ("PIPE044", "pipelines/orders.py") in findings(context)


def test_other_yaml_beside_pipelines_is_left_alone(
    context: Context, origin: Origin, repository: Repository
) -> None:
    origin.push("chart", {"pipelines/chart.yaml": "kind: {{ .Values.kind }}\n", "a.yaml": BROKEN})
    run_sync(context, repository)

    assert findings(context) == []
    assert "pipelines/chart.py" not in deployed_files(context)


def test_the_folders_are_an_option(
    context: Context, origin: Origin, repository: Repository
) -> None:
    repository = choose(context, repository, Options(pipelines=("jobs/daily",)))
    origin.push("more", {"jobs/daily/rates.yaml": document("rates")})
    run_sync(context, repository)

    assert "jobs/daily/rates.py" in deployed_files(context)
    assert "pipelines/orders.py" not in deployed_files(context)


def test_a_compiled_file_that_somebody_changed_is_mended(
    context: Context, repository: Repository
) -> None:
    before = deployed_files(context)
    change(tree_of(context) / "pipelines/orders.py")
    look(context)

    assert deployed_files(context) == before


def test_compiled_files_survive_a_packing_of_the_mirror(
    context: Context, repository: Repository
) -> None:
    mirror = context.mirror_of(repository)
    blob = artifact_of(context, repository).files["pipelines/orders.py"].blob
    run_git(["gc", "--quiet", "--prune=now"], git_dir=mirror.git_dir)

    assert mirror.find_blob(blob) == deployed_files(context)["pipelines/orders.py"].encode()


def test_a_document_that_kills_its_process_is_a_finding() -> None:
    compiler = PipelineCompiler(limit_s=0.0)
    try:
        compiled, (told,) = compiler.compile("a.yaml", document().encode(), Bindings())
    finally:
        compiler.close()

    assert (compiled, told.code, told.path) == (None, "PIPE045", "a.yaml")


def test_clusters_and_operators_are_those_of_the_environment(
    context: Context, origin: Origin, registration: Registration
) -> None:
    declared = Declared(clusters={"big": Cluster(pool="etl")}, operators=("company.",))
    context = replace(context, inventories={"default": Inventory(declared)})
    origin.push("first", {"pipelines/a.yaml": document() + "resources: {compute_cluster: big}\n"})
    run_sync(context, register(context, registration))

    assert '"pool": "etl"' in deployed_files(context)["pipelines/a.py"]


def test_check_compiles_as_a_sync_does(tmp_path: Path) -> None:
    write(tmp_path, "pipelines/orders.yaml", document())
    good = check(tmp_path, ".", "--format", "json")
    write(tmp_path, "pipelines/orders.yaml", document().replace("command", "comand"))
    bad = check(tmp_path, ".")

    assert (good.returncode, json.loads(good.stdout)["passed"]) == (0, True)
    assert bad.returncode == 1
    assert "FILE001" in bad.stdout
    assert 'Did you mean "command"?' in bad.stdout


def test_check_takes_the_profile_of_an_environment(tmp_path: Path) -> None:
    text = document().replace("  steps:", "  profiles: {prod: {schedule: 5 x}}\n  steps:")
    write(tmp_path, "pipelines/orders.yaml", text)
    declared = "environments: {prod: {}}\nrepositories: []\n"
    write(tmp_path, "windlass.yaml", declared)
    usual, prod = check(tmp_path, "."), check(tmp_path, ".", "--environment", "prod")

    assert "PIPE003" in usual.stdout  # profiles are read wherever they hold
    assert (prod.returncode, "PIPE003" in prod.stdout) == (1, True)


def test_more_pipelines_than_are_compiled_are_named_and_deny(
    context: Context,
    origin: Origin,
    registration: Registration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipelines, "MAX_PIPELINES", 1)
    names = ("a", "b")
    origin.push("two", {f"pipelines/{name}.yaml": document(name) for name in names})

    run_sync(context, register(context, registration))

    facts = status_of(context).facts
    assert [(one.code, one.path, one.message) for one in facts.findings] == [
        (
            "PIPE046",
            "pipelines/b.yaml",
            "there are more than 1 pipelines, and this is one of the rest",
        )
    ]
    assert facts.allowed is False
