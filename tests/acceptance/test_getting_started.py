"""The commands of docs/getting-started.md, as the page prints them, beside the real Airflow."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import BothTargets
from tests.waiting import wait_until
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import USER

PAGE = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text("utf-8")
DAG = "from airflow.sdk import DAG\ndag = DAG('{}', schedule=None)\n"


def commands(step: str) -> list[str]:
    """The commands of a step of the page, one each."""
    text = PAGE.partition(f"\n## {step}")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return "".join(block for kind, block in blocks if not kind).replace("\\\n", "").splitlines()


class Shell:
    """A shell in the folder where Windlass runs."""

    def __init__(self, stage: BothTargets, folder: Path) -> None:
        self.stage, self.folder = stage, folder
        self.env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "100",
            "WINDLASS_HOME": str(stage.settings.home),
            "WINDLASS_API_PORT": str(stage.settings.api_port),
            "AIRFLOW_HOME": str(folder),
        }

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def shell(stage: BothTargets, tmp_path: Path) -> Shell:
    return Shell(stage, tmp_path)


def test_the_password_of_airflows_user_is_found_as_the_page_says(
    stage: BothTargets, shell: Shell
) -> None:
    """The stage tells its Airflow to have the file elsewhere."""
    passwords = stage.folder / "airflow" / "passwords.json"
    (shell.folder / "simple_auth_manager_passwords.json.generated").symlink_to(passwords)

    shell.run("\n".join(commands("2.")))

    found = shell.folder / "airflow-password"
    assert found.read_text().strip() == stage.airflow.endpoint.password_file.read_text().strip()
    assert found.stat().st_mode & 0o777 == 0o600


def test_the_settings_for_airflow_come_in_every_form(stage: BothTargets, shell: Shell) -> None:
    printed = [shell.run(one) for one in commands("5.") if one.startswith("windlass ")]

    names = ("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=", "[dag_processor]")
    assert all(name in text for name, text in zip(names, printed, strict=False))
    assert "/mnt/windlass" in (shell.folder / "values.yaml").read_text()
    sourced = f"set -a; . ./windlass.env; {sys.executable} -c 'import os; print(dict(os.environ))'"
    assert "windlass_airflow.bundle.WindlassBundle" in shell.run(sourced)


@pytest.mark.timeout(300)
def test_repositories_are_added_shown_and_rolled_back_as_the_page_says(
    stage: BothTargets, airflow: DemoAirflow, shell: Shell
) -> None:
    """But for the one by ssh, which tests/integration/test_ssh.py has."""
    public, private = stage.clone("team/started"), stage.clone("team/private")
    stage.git.create_repository("team/started", private=False)
    public.commit_and_push("first", {"one.py": DAG.format("started_one")})
    public.git("checkout", "--quiet", "-b", "release")
    public.git("rm", "--quiet", "one.py")
    (public.folder / "dags").mkdir()
    (public.folder / "dags" / "two.py").write_text(DAG.format("started_two"))
    public.git("add", "--all")
    public.git("commit", "--quiet", "--message", "the other branch")
    public.git("push", "--quiet", "origin", "release")
    private.commit_and_push("first", {"three.py": DAG.format("started_three")})
    (shell.folder / "token").write_text(f"{stage.password}\n")
    ours = {
        "https://git.example/team/dags.git": public.url,
        "https://git.example/team/dags": public.url,
        "https://git.internal.example/team/private.git": private.url,
        "--token-stdin": f"--username {USER} --token-stdin",
    }

    for command in commands("6."):
        if "ssh" not in command:
            shell.run(replaced(command, ours))

    names = ("started", "reports", "private")
    wait_until(lambda: [state(stage, name) for name in names] == ["live"] * 3, "all are live")
    assert [airflow.find_dag(f"started_{one}") is not None for one in ("one", "two", "three")]
    listed, shown, releases = (shell.run(command) for command in commands("7."))
    assert all(name in listed for name in names)
    first = stage.client.get("/api/v1/repositories/private")["release"]["id"]
    assert "Live" in shown
    assert f"#{first}" in releases
    for command in commands("8."):
        text = DAG.format("started_three") + f"# {command}\n"
        sha = private.commit_and_push("another", {"three.py": text})
        stage.client.post("/api/v1/repositories/private/sync")
        wait_until(lambda: deployed(stage) == (sha, "live"), "the push is live")  # noqa: B023
        shell.run(replaced(command, {"--to 3": f"--to {first}"}))
        now = stage.client.get("/api/v1/repositories/private")["release"]
        assert now["revision"] != sha


def state(stage: BothTargets, name: str) -> str:
    return str(stage.client.get(f"/api/v1/repositories/{name}")["sync"]["state"])


def deployed(stage: BothTargets) -> tuple[str, str]:
    release = stage.client.get("/api/v1/repositories/private")["release"]
    return release["revision"], release["state"]


def replaced(command: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        command = command.replace(old, new)
    return command
