"""`windlass compile` on real folders: what it writes, what it leaves, how it ends."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.commands import run_windlass

AIRFLOW = Path(__file__).parents[2] / ".venv-airflow" / "bin" / "python"
PIPELINE = """\
apiVersion: windlass/v1
pipeline:
  name: {name}
  domain: sales
  steps:
    - {{name: load, type: bash, command: "true"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A DAG root with two good pipelines, compiled."""
    write(tmp_path, "pipelines/orders.yaml", PIPELINE.format(name="orders"))
    write(tmp_path, "pipelines/eu/rates.yml", PIPELINE.format(name="rates"))
    assert run(tmp_path).returncode == 0
    return tmp_path


def write(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_windlass(folder, "compile", *arguments)


def files(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*.py"))
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def test_each_pipeline_has_its_file_beside_it(folder: Path) -> None:
    assert sorted(files(folder)) == ["pipelines/eu/rates.py", "pipelines/orders.py"]


def test_compiling_again_writes_nothing(folder: Path) -> None:
    before = (folder / "pipelines/orders.py").stat().st_mtime_ns
    again = run(folder)

    assert again.stdout == "2 pipelines compiled; the DAG files are as they were.\n"
    assert (folder / "pipelines/orders.py").stat().st_mtime_ns == before


def test_the_files_go_to_another_folder_if_asked(folder: Path) -> None:
    assert run(folder, "--out", "dags").returncode == 0
    assert sorted(files(folder / "dags")) == ["pipelines/eu/rates.py", "pipelines/orders.py"]


def test_a_bad_pipeline_keeps_its_file_and_costs_no_other_anything(folder: Path) -> None:
    before = files(folder)
    write(folder, "pipelines/orders.yaml", PIPELINE.format(name="orders") + "    - {name: x}\n")
    write(folder, "pipelines/eu/rates.yml", PIPELINE.format(name="rates2"))
    ended = run(folder)

    assert ended.returncode == 1
    assert ended.stderr.startswith("pipelines/orders.yaml:7:7 FILE002 the step has no type")
    assert files(folder)["pipelines/orders.py"] == before["pipelines/orders.py"]
    assert '"sales.rates2"' in files(folder)["pipelines/eu/rates.py"]


def test_a_pipeline_that_is_gone_or_renamed_takes_its_file_along(folder: Path) -> None:
    (folder / "pipelines/orders.yaml").rename(folder / "pipelines/sales.yaml")
    (folder / "pipelines/eu/rates.yml").unlink()
    write(folder, "pipelines/own.py", "# by hand\n")
    run(folder)

    assert sorted(files(folder)) == ["pipelines/own.py", "pipelines/sales.py"]


def test_check_fails_on_drift_and_writes_nothing(folder: Path) -> None:
    edited = (folder / "pipelines/orders.py").read_text() + "# by hand\n"
    (folder / "pipelines/orders.py").write_text(edited)
    ended = run(folder, ".", "--check")

    assert (ended.returncode, files(folder)["pipelines/orders.py"]) == (1, edited)
    assert ended.stdout.startswith("new text  pipelines/orders.py\n")
    assert run(folder).returncode == 0
    assert run(folder, "--check").returncode == 0


def test_a_file_that_was_not_compiled_is_never_written_over(folder: Path) -> None:
    write(folder, "pipelines/orders.py", "print('mine')\n")
    ended = run(folder)

    assert (ended.returncode, ended.stderr[:6]) == (1, "CMP003")
    assert files(folder)["pipelines/orders.py"] == "print('mine')\n"


def test_two_pipelines_of_one_dag_id_are_told(folder: Path) -> None:
    write(folder, "pipelines/other.yaml", PIPELINE.format(name="orders"))
    ended = run(folder, "--output", "json")
    (told,) = json.loads(ended.stdout)["findings"]

    assert ended.returncode == 1
    assert (told["path"], told["code"]) == ("pipelines/other.yaml", "PIPE040")


def test_the_environment_decides_profile_clusters_and_operators(folder: Path) -> None:
    text = PIPELINE.format(name="orders").replace(
        "  steps:", "  profiles: {prod: {paused: true}}\n  steps:"
    )
    text += (
        "    - {name: own, type: operator, class: company.Own}\nresources: {compute_cluster: big}\n"
    )
    write(folder, "pipelines/orders.yaml", text)
    write(folder, "prod.yaml", "clusters: {big: {pool: etl}}\noperators: [company.]\n")
    run(folder, "--environment", "prod", "--inventory", "prod.yaml", "--airflow", "2.11")
    made = files(folder)["pipelines/orders.py"]

    assert "is_paused_upon_creation=True" in made
    assert '"pool": "etl"' in made
    assert "from company import Own" in made
    assert "from airflow.models.dag import DAG" in made


OPERATOR = """\
    - name: run
      type: operator
      class: airflow.providers.standard.operators.bash.BashOperator
      arguments: {bash_comand: "true"}
"""


def test_operators_are_held_against_what_airflow_has_installed(folder: Path) -> None:
    write(folder, "pipelines/orders.yaml", PIPELINE.format(name="orders") + OPERATOR)
    ended = run(folder, "--airflow-python", str(AIRFLOW))

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        'pipelines/orders.yaml:9:14 PIPE072 BashOperator needs the argument "bash_command". '
        "Add bash_command: below arguments.",
        'pipelines/orders.yaml:10:19 PIPE071 BashOperator has no argument "bash_comand". '
        'Did you mean "bash_command"?',
    ]


def test_without_an_interpreter_they_are_unknown_and_no_error(folder: Path) -> None:
    write(folder, "pipelines/orders.yaml", PIPELINE.format(name="orders") + OPERATOR)
    said, told = run(folder), json.loads(run(folder, "--output", "json").stdout)

    assert said.returncode == 0
    assert "Unknown: what the operators of 1 step take" in said.stdout
    assert told["unknown"] == [
        {
            "path": "pipelines/orders.yaml",
            "line": 9,
            "class": "airflow.providers.standard.operators.bash.BashOperator",
        }
    ]


def test_an_environment_of_windlass_yaml_brings_its_inventory_and_its_interpreter(
    folder: Path,
) -> None:
    text = PIPELINE.format(name="orders").replace(
        "  steps:", "  profiles: {prod: {paused: true}}\n  steps:"
    )
    write(folder, "pipelines/orders.yaml", text + OPERATOR + "resources: {compute_cluster: big}\n")
    declared = f"{{interpreter: {AIRFLOW}, inventory: {{clusters: {{big: {{pool: etl}}}}}}}}"
    write(folder, "windlass.yaml", f"environments: {{prod: {declared}}}\nrepositories: []\n")
    bad = run(folder, "--environment", "prod")
    mended = text + OPERATOR.replace("comand", "command") + "resources: {compute_cluster: big}\n"
    write(folder, "pipelines/orders.yaml", mended)
    good, unknown = run(folder, "--environment", "prod"), run(folder, "--environment", "pord")
    made = files(folder)["pipelines/orders.py"]

    assert (bad.returncode, good.returncode, unknown.returncode) == (1, 0, 1)
    assert "PIPE071" in bad.stderr
    assert ("is_paused_upon_creation=True" in made, '"pool": "etl"' in made) == (True, True)
    assert (unknown.stderr[:6], 'Did you mean "prod"?' in unknown.stderr) == ("CLI027", True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--pipelines", "nowhere"], "CMP001"),
        (["--airflow", "1.10"], "PIPE042"),
        (["--inventory", "pipelines/orders.yaml"], "CLI007"),
        (["--environment", "prod"], "CLI026"),
    ],
)
def test_what_cannot_be_is_told(folder: Path, arguments: list[str], code: str) -> None:
    if code == "CLI026":
        write(folder, "windlass.yaml", "environmets: {}\n")
    ended = run(folder, *arguments)

    assert ended.returncode == 1
    assert code in ended.stderr


def test_one_file_alone_is_compiled(folder: Path) -> None:
    (folder / "pipelines/orders.py").unlink()

    assert run(folder, "pipelines/orders.yaml").returncode == 0
    assert "pipelines/orders.py" in files(folder)


def test_the_schema_is_printed(folder: Path) -> None:
    assert json.loads(run(folder, "--schema").stdout)["title"] == "A pipeline of Windlass"
