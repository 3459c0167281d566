"""The settings of git-sync and GitDagBundle, read as repositories of Windlass."""

import json
from typing import Any

import pytest

from windlass.compiler.adoption.adopt import adopt_all, adoption_text
from windlass.compiler.adoption.found import Adopted, Left
from windlass.compiler.adoption.texts import (
    Findings,
    find_in_file,
    find_in_flags,
    find_in_variables,
)
from windlass.compiler.declaration import DeclaredRepository, Surroundings, read_declaration
from windlass.domain.environment import Environment
from windlass.domain.errors import Invalid
from windlass.domain.options import DEFAULTS
from windlass.domain.ref import Ref, RefKind

GIT = "airflow.providers.git.bundles.git.GitDagBundle"
LOCAL = "airflow.dag_processing.bundles.local.LocalDagBundle"
URL = "https://git.example/team/dags.git"
HELD = DEFAULTS.changed({"auto_deploy": False})
SECRETS = ("ada", "hush", "s3cret", "hooks")

CHART = """\
executor: KubernetesExecutor   # yes, a comment
dags:
  gitSync:
    enabled: true
    repo: git@git.example:team/dags.git
    branch: main
    rev: HEAD
    ref: release
    subPath: "tests/dags"
    sshKeySecret: hush
    depth: 1
    period: 5s
    uid: 65533
    env: []
"""
MANIFEST = """\
apiVersion: v1
kind: Secret
stringData: {password: hush}
---
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      initContainers:
      - name: first
        image: registry.k8s.io/git-sync/git-sync:v4.4.0
        args: [--repo=https://git.example/team/dags.git, --ref=v1.2, --one-time]
      containers:
      - name: git-sync
        image: registry.k8s.io/git-sync/git-sync:v4.4.0
        args: [--repo=https://git.example/team/dags.git, --ref=v1.2, --period, 1m30s]
        env:
        - {name: GITSYNC_PASSWORD, valueFrom: {secretKeyRef: {name: hush, key: p}}}
        - {name: GITSYNC_USERNAME, value: ada}
        - {name: GITSYNC_WEBHOOK_URL, value: https://hooks.example/s3cret}
"""
COMPOSE = """\
services:
  sync:
    image: registry.k8s.io/git-sync/git-sync:v4.4.0
    environment:
      GITSYNC_REPO: https://git.example/team/dags.git
      GITSYNC_SUBMODULES: recursive
"""


def bundle(name: str = "team-a", classpath: str = GIT, **kwargs: Any) -> dict[str, Any]:
    given = {"tracking_ref": "main", "repo_url": URL, **kwargs}
    return {"name": name, "classpath": classpath, "kwargs": given}


def found_in(text: str, name: str = "file", **options: Any) -> list[Adopted | Left]:
    findings = Findings()
    find_in_file(name, text.encode(), findings)
    return adopted(findings, **options)


def adopted(findings: Findings, **options: Any) -> list[Adopted | Left]:
    given = {"environment": "default", "urls": {}, "credential": None, **options}
    return adopt_all(findings, **given)


def repository(name: str = "dags", url: str = URL, **changes: Any) -> DeclaredRepository:
    given = {"environment": "default", "namespace": name, "options": HELD, **changes}
    return DeclaredRepository(name, url, **given)


def branch(name: str) -> Ref:
    return Ref(RefKind.BRANCH, name)


def test_the_values_of_the_airflow_chart_are_a_repository() -> None:
    assert found_in(CHART, "values.yaml") == [
        Adopted(
            "values.yaml:4 dags.gitSync",
            repository(
                url="git@git.example:team/dags.git",
                ref=branch("release"),
                path="tests/dags",
                sync_interval_s=5,
            ),
            (
                "ref release: taken for a branch; write tag: if it is one",
                "sshKeySecret (line 10): store the login as a credential",
                "submodules: git-sync fetches them by default, Windlass with submodules: true",
                "depth (line 11): mirrors have all history, so that a rewritten branch is told; "
                "else -O depth=N",
                "of no use here: enabled, uid",
            ),
            needs_login=True,
        )
    ]


def test_of_the_containers_of_a_pod_the_one_that_goes_on_is_told() -> None:
    assert found_in(MANIFEST, credential="git") == [
        Adopted(
            "file:15 spec.template.spec.containers, git-sync",
            repository(ref=branch("v1.2"), sync_interval_s=90, credential="git"),
            (
                "ref v1.2: taken for a branch; write tag: if it is one",
                "GITSYNC_PASSWORD (line 19), GITSYNC_USERNAME (line 20): store the login as a "
                "credential",
                "submodules: git-sync fetches them by default, Windlass with submodules: true",
                "path: where Airflow's dags_folder lies deeper than the repository, name the rest",
                "GITSYNC_WEBHOOK_URL (line 21): Windlass calls no address at a release; the "
                "history is in its API",
            ),
            needs_login=True,
        )
    ]


def test_a_service_of_compose_is_read_by_its_environment() -> None:
    (one,) = found_in(COMPOSE)

    assert isinstance(one, Adopted)
    assert one.repository == repository(options=HELD.changed({"submodules": True}))


@pytest.mark.parametrize(
    ("flags", "ref"),
    [
        ("--branch=dev", branch("dev")),
        ("--branch=dev --rev=HEAD", branch("dev")),
        ("--branch=dev --rev v1", Ref(RefKind.TAG, "v1")),
        (f"--rev={'A' * 40}", Ref(RefKind.COMMIT, "a" * 40)),
        ("-ref refs/tags/v2 -branch dev", Ref(RefKind.TAG, "v2")),
        ("--ref=HEAD", None),
        ("", None),
    ],
)
def test_branch_tag_and_commit_are_told_apart_as_git_sync_tells_them(
    flags: str, ref: Ref | None
) -> None:
    findings = Findings()
    find_in_flags(f"--repo={URL} {flags}", findings)

    (one,) = adopted(findings)

    assert isinstance(one, Adopted)
    assert one.repository.ref == ref


def test_variables_are_read_in_both_spellings_and_a_login_in_the_address_is_left_out() -> None:
    findings = Findings()
    variables = {"GIT_SYNC_REPO": "https://ada:s3cret@git.example/team/dags.git", "PATH": "/bin"}
    find_in_variables({**variables, "GIT_SYNC_WAIT": "0.5"}, "this shell", findings)

    (one,) = adopted(findings)

    assert isinstance(one, Adopted)
    assert (one.repository, one.needs_login) == (repository(sync_interval_s=1), True)
    assert "repo: its address holds a login, which was left out" in one.notes


def test_bundles_that_read_git_are_taken_and_others_named() -> None:
    ours = bundle("windlass-00", "windlass_airflow.bundle.WindlassBundle")
    items = [
        bundle(subdir="/dags/", refresh_interval=30, git_conn_id="git", hook="hush"),
        bundle("dags-folder", LOCAL),
        ours,
        bundle("far", repo_url=None, git_conn_id="far"),
        {"classpath": GIT},
    ]
    text = "[dag_processor]\ndag_bundle_config_list = " + json.dumps(items).replace("%", "%%")
    at = "airflow.cfg, [dag_processor]"

    assert found_in(text, "airflow.cfg") == [
        Adopted(
            f'{at}, bundle "team-a"',
            repository("team-a", ref=branch("main"), path="dags", sync_interval_s=30),
            (
                "git_conn_id: store the login of that connection as a credential",
                "hook: not known here",
            ),
            needs_login=True,
        ),
        Left(f'{at}, bundle "dags-folder"', "a LocalDagBundle reads no Git", is_git=False),
        Left(f'{at}, bundle "far"', "its address is in the connection far: give it with --url"),
        Left(at, "an item of the list has no name"),
    ]


def test_the_address_of_a_bundle_comes_from_a_person_or_from_its_connection() -> None:
    connection = json.dumps({"conn_type": "git", "host": URL, "password": "hush"})
    listed = json.dumps([bundle("a", repo_url=None), bundle("b", repo_url=None)])
    text = (
        f"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST='{listed}'\n"
        f"AIRFLOW_CONN_GIT_DEFAULT={connection}\n"
    )

    found = found_in(text, urls={"b": "https://git.example/b"})

    told = [one.repository.url for one in found if isinstance(one, Adopted)]
    assert told == [URL, "https://git.example/b"]


def test_two_of_one_name_get_names_of_their_own() -> None:
    findings = Findings()
    for number in (1, 2):
        find_in_flags(f"--repo=https://git{number}.example/dags", findings)

    names = [one.repository.name for one in adopted(findings) if isinstance(one, Adopted)]

    assert names == ["dags", "dags-2"]


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ("--ref=main", "it names no repository"),
        ("--repo=ext::sh", "GIT001 'ext::sh' cannot be used as a repository URL: it would run a "),
        (f"--repo={URL} --ref=a..b", "REPO003 branch 'a..b' is not a name that git accepts"),
        (f"--repo={URL} --period=often", "ADOPT004 its period cannot be read"),
        (f"--repo={URL} --enabled=false", "it is switched off"),
    ],
)
def test_what_cannot_be_taken_over_says_why(flags: str, why: str) -> None:
    findings = Findings()
    find_in_flags(flags, findings)

    (one,) = adopted(findings)

    assert isinstance(one, Left)
    assert one.why.startswith(why)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{- if .Values.x }}\na: 1\n", "ADOPT001 file:1: "),
        ("[dag_processor\n[a]\n x\n", "ADOPT001 file cannot be read as airflow.cfg"),
        (f"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST={'[' * 100_000}", "ADOPT003 dag_bund"),
        ("dag_bundle_config_list: '{}'\n", "ADOPT003 dag_bundle_config_list is no JSON list"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(text: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        found_in(text)

    assert str(refused.value).startswith(words)


def test_the_text_reads_back_as_the_repositories_and_shows_no_secret() -> None:
    findings = Findings()
    for text in (CHART, MANIFEST, json.dumps([bundle()])):
        find_in_file("file", text.encode(), findings)
    everything = adopted(findings)

    text = adoption_text(everything, Environment("default"))
    declared, problems = read_declaration("windlass.yaml", text.encode(), Surroundings())

    assert problems == ()
    assert declared is not None
    assert list(declared.repositories) == [
        one.repository for one in everything if isinstance(one, Adopted)
    ]
    assert [word for word in SECRETS if word in text] == []


def test_hostile_words_forge_no_line() -> None:
    evil = "x\nrepositories: []\n\x1b[2J"
    found = found_in(json.dumps([bundle(evil, LOCAL), bundle("a", hook=evil)]))

    text = adoption_text(found, Environment("default"))

    assert [line for line in text.splitlines() if line.startswith("repositories")] == [
        "repositories:"
    ]
    assert "\x1b" not in text
