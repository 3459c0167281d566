"""`windlass airflow config`: what it prints, with and without a running Windlass."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving import CommandLine, command_line
from windlass.domain.errors import Invalid
from windlass.domain.statement import key_text
from windlass.engine.context import Context
from windlass.entrypoints.cli.airflow import DAGS_FOLDER


def pool_in(lines: list[str]) -> list[dict[str, Any]]:
    """The bundle list, as a shell reads it from the environment form."""
    values = dict(word.split("=", 1) for line in lines for word in shlex.split(line))
    found: list[dict[str, Any]] = json.loads(
        values["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"]
    )
    return found


def test_the_key_that_releases_are_signed_with_is_pinned(context: Context, room: Path) -> None:
    public = key_text(context.release_key.public)
    pool = pool_in(CommandLine({"WINDLASS_HOME": str(room)}).say("airflow", "config"))

    assert {one["kwargs"]["public_key"] for one in pool} == {public}
    assert {one["kwargs"]["store"] for one in pool} == {str(room / "store")}


def test_before_there_is_a_key_none_is_pinned_and_that_is_said(room: Path) -> None:
    result = CommandLine({"WINDLASS_HOME": str(room)}).run("airflow", "config")

    assert "public_key" not in result.stdout
    assert result.stderr.startswith("There is no release key yet")


def test_an_environment_is_printed_as_the_running_windlass_has_it(
    context: Context, room: Path
) -> None:
    with command_line(context, room) as windlass:
        windlass.run("environment", "add", "ml", "--bundles", "1", "--team", "vision=1")
        pool = pool_in(windlass.say("airflow", "config", "--environment", "ml"))

    assert [(one["name"], one.get("team_name")) for one in pool] == [
        ("windlass-00", None),
        ("windlass-vision-00", "vision"),
    ]
    assert {one["kwargs"]["environment"] for one in pool} == {"ml"}


def test_with_an_origin_nothing_is_mounted(room: Path) -> None:
    windlass = CommandLine({"WINDLASS_HOME": str(room)})
    pool = pool_in(windlass.say("airflow", "config", "--origin", "https://windlass.example/"))

    assert pool[0]["kwargs"] == {
        "url": "https://windlass.example",
        "token_file": "/etc/airflow/windlass-token",
        "cache": "/var/lib/airflow/windlass",
        "environment": "default",
        "refresh_interval": 1,
    }


def test_a_mount_and_an_origin_exclude_each_other(room: Path) -> None:
    windlass = CommandLine({"WINDLASS_HOME": str(room)})

    with pytest.raises(Invalid, match="exclude each other"):
        windlass.say("airflow", "config", "--origin", "https://w.example", "--store", "/srv/store")


STOCK = {
    "name": "team-a",
    "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
    "kwargs": {"tracking_ref": "main", "git_conn_id": "team_a"},
}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"[dag_processor]\ndag_bundle_config_list = {json.dumps([STOCK])}\n", [STOCK]),
        ("[core]\nexecutor = LocalExecutor\n", [DAGS_FOLDER]),
    ],
)
def test_what_airflow_serves_already_stays_beside_the_pool_and_is_let_pass(
    text: str, kept: list[dict[str, Any]], room: Path
) -> None:
    windlass = CommandLine({"WINDLASS_HOME": str(room), "WINDLASS_BUNDLES": "1"})
    (cfg := room / "airflow.cfg").write_text(text)

    lines = windlass.say("airflow", "config", "--beside", str(cfg))

    ours, *others = pool_in(lines)
    assert (ours["name"], others) == ("windlass-00", kept)
    assert f"AIRFLOW__WINDLASS__ALLOWED_BUNDLES='{kept[0]['name']}'" in lines


def test_bundles_that_cannot_stay_are_told(room: Path) -> None:
    windlass = CommandLine({"WINDLASS_HOME": str(room)})
    (cfg := room / "airflow.cfg").write_text("dag_bundle_config_list: [{classpath: a.B}]\n")

    with pytest.raises(Invalid, match="ADOPT003 an item of dag_bundle_config_list has no name"):
        windlass.say("airflow", "config", "--beside", str(cfg))
    with pytest.raises(Invalid, match="--beside goes with the target bundle"):
        windlass.say("airflow", "config", "--airflow-2", "--beside", str(cfg))
