"""Logins as Airflow's connections, and Airflow's connections as logins."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.connections import (
    ExportedLogin,
    airflow_connection,
    connection_id,
    exported_logins,
)
from windlass.domain.errors import Invalid
from windlass.domain.login import AppLogin, KeyLogin, PasswordLogin, TokenLogin
from windlass.domain.remote import parse_remote_url

URL = parse_remote_url("https://git.example/team/dags")
SSH = parse_remote_url("git@git.example:team/dags")


def read(*rows: Mapping[str, object]) -> list[ExportedLogin | Invalid]:
    export = {f"git_{n}": {"conn_type": "git", **row} for n, row in enumerate(rows)}
    return list(exported_logins(json.dumps(export)))


def test_a_password_is_where_the_git_hook_looks_for_it() -> None:
    written = airflow_connection(URL, "token", "oauth2", "glpat-x")

    assert written == {
        "connection_id": connection_id(URL),
        "conn_type": "git",
        "description": "written by Windlass",
        "host": "https://git.example/team/dags",
        "login": "oauth2",
        "password": "glpat-x",
        "extra": written["extra"],
    }
    assert json.loads(written["extra"]) == {"credential_type": "token", "repo_url": str(URL)}


@pytest.mark.parametrize(("file", "checking"), [(None, "accept-new"), ("/etc/known", "yes")])
def test_a_key_is_in_extra_and_a_host_is_believed_by_a_file_of_airflows(
    file: str | None, checking: str
) -> None:
    written = airflow_connection(SSH, "ssh_key", "", "PEM", known_hosts_file=file)

    extra = json.loads(written["extra"])
    assert (written["login"], written["password"], extra["private_key"]) == (None, None, "PEM")
    assert extra["strict_host_key_checking"] == checking
    assert extra.get("known_hosts_file") == file


def test_a_github_app_has_no_password() -> None:
    written = airflow_connection(URL, "github_app", "7", "PEM", installation="42")

    extra = json.loads(written["extra"])
    assert written["password"] is None
    assert (extra["github_app_id"], extra["github_installation_id"]) == ("7", "42")


def test_the_id_is_that_of_the_repository_however_it_is_written() -> None:
    ways = ["https://GIT.example/team/dags", "https://git.example:443/team/dags/"]

    assert {connection_id(parse_remote_url(one)) for one in ways} == {connection_id(URL)}
    assert connection_id(SSH) != connection_id(URL)


@given(st.sampled_from(["token", "basic", "deploy_token"]), st.text("ab@-_", min_size=1))
def test_what_was_written_is_read_again(kind: str, secret: str) -> None:
    written = airflow_connection(URL, kind, "ci", secret)

    (found,) = read(written)

    assert isinstance(found, ExportedLogin)
    assert (found.url, getattr(found.login, "username", None)) == (str(URL), "ci")


def test_both_forms_of_an_export_are_read_and_others_passed_over() -> None:
    hook = {"host": str(URL), "login": "ci", "password": "x"}
    seed = {"login": "oauth_token", "password": "t", "extra": {"repo_url": str(URL)}}
    key = {"host": str(SSH), "extra": json.dumps({"private_key": "PEM"})}
    app = {"host": str(URL), "extra": {"private_key": "PEM", "github_app_id": "7"}}

    found = read(hook, seed, key, app, {"conn_type": "http", "host": "x"})

    assert found == [
        ExportedLogin("git_0", str(URL), PasswordLogin("ci", "x")),
        ExportedLogin("git_1", str(URL), TokenLogin("t")),
        ExportedLogin("git_2", str(SSH), KeyLogin("PEM")),
        ExportedLogin("git_3", str(URL), AppLogin("7", "PEM")),
    ]


def test_what_is_wrong_with_one_is_told_and_the_others_go_on() -> None:
    found = read({"host": "no url", "password": "x"}, {"host": str(URL), "extra": "{"}, {})

    assert [one.code for one in found if isinstance(one, Invalid)] == ["CRED051"] * 3
    assert [one.message.partition(":")[0] for one in found if isinstance(one, Invalid)] == [
        f"the connection 'git_{n}' is left out" for n in range(3)
    ]


@pytest.mark.parametrize("text", ["", "[]", "3", '{"a": 1}'])
def test_what_is_no_export_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        list(exported_logins(text))

    assert refused.value.code == "CRED050"
