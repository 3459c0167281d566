"""What is told where things go wrong in ways that no other test meets: code, words, what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.serving import TOKEN, api_over, client_of
from tests.integration.sham import make_sham_airflow
from tests.integration.sshserver import make_key
from tests.integration.strange import Strange, serving
from tests.integration.test_config_commands import run
from tests.integration.test_rules import found
from windlass.app import build_context, installation_of, open_database, passphrase_of, prepare
from windlass.artifacts.archive import _MAKING, Archives
from windlass.credentials.asking import Asker
from windlass.credentials.files import secret_of
from windlass.credentials.vaults import not_installed
from windlass.database import tables as t
from windlass.database.claims import claim
from windlass.database.embedded.dumps import programs_for_server
from windlass.domain.delivery import ForgeKind
from windlass.domain.environment import Target
from windlass.domain.errors import AppError
from windlass.domain.login import KeyLogin
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Repository
from windlass.engine import compile_folder, judge, webhooks
from windlass.engine.backup import make_backup
from windlass.engine.compare import compare_releases
from windlass.engine.connect import Connected, change_environment
from windlass.engine.context import Context
from windlass.engine.declare import FileRules
from windlass.engine.identity import accept_airflow
from windlass.engine.policies import remove_policy, unwaive
from windlass.engine.receive import too_many
from windlass.engine.register import Registration
from windlass.engine.restore import opened
from windlass.engine.watch import FileWatch
from windlass.entrypoints.cli import waiting
from windlass.entrypoints.cli.client import Client
from windlass.entrypoints.cli.files import write_file
from windlass.entrypoints.cli.lifecycle import _await_removal
from windlass.entrypoints.demo.airflow import find_airflow
from windlass.entrypoints.demo.certificates import LocalAuthority
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.git import process
from windlass.git.guard import git_version
from windlass.home import ensure_token
from windlass.sandbox.checker import Checker
from windlass.sandbox.importer import Importer, Limits
from windlass.sandbox.pool import CheckProcess
from windlass.settings import load_settings
from windlass.targets.airflow import AirflowClient

Told = tuple[str, str, str]


def told(call: Callable[[], Any]) -> Told:
    with pytest.raises(AppError) as refused:
        call()
    return refused.value.code, refused.value.message, refused.value.hint


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def repository(context: Context, origin: Origin, registration: Registration) -> Repository:
    origin.push("first", {"orders.py": "from airflow.sdk import DAG\nDAG('orders')\n"})
    return register(context, registration)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("repo set dags", "CLI002 there is nothing to set windlass repo set --help lists it."),
        (
            "airflow config --store /a --origin https://a.example",
            "CLI004 --store and --origin exclude each other Give one of them.",
        ),
        (
            "airflow config --dag-processor",
            "CLI004 --dag-processor goes with --airflow-2 Airflow 3 always has a dag-processor of "
            "its own.",
        ),
        (
            "up --airflow-port 8081",
            "CLI004 --airflow-port and --airflow-python go with --airflow windlass up --airflow",
        ),
        (
            "environment set default",
            "CLI005 nothing to change was named windlass environment set --help",
        ),
        (
            "environment add prod --team ml=many",
            "CLI006 'ml=many' is no TEAM=COUNT For example --team ml=8.",
        ),
        (
            "check . --write-baseline",
            "CLI015 --write-baseline needs --baseline, and --add-new needs both",
        ),
    ],
)
def test_a_command_that_makes_no_sense_says_what_would(command: str, words: str) -> None:
    assert run(*command.split()).error == words


def test_a_file_that_a_command_cannot_read_or_write_is_named(folder: Path) -> None:
    (folder / "inventory.yaml").write_text("variables: 7\n")

    refused = run("check", ".", "--inventory", "inventory.yaml").error
    add = ("repo", "add", "ssh://git@127.0.0.1/a.git", "--ssh-key", "no-key")

    assert refused.startswith("CLI007 the inventory cannot be read:\ninventory.yaml:1:12 ")
    assert refused.endswith(" Correct it.")
    assert run(*add).error == (
        "CLI005 the key or known_hosts file 'no-key' cannot be read: No such file or directory "
        "Name a text file that you can read."
    )
    assert told(lambda: write_file(Path("none/file"), "")) == (
        "CLI002",
        "'none/file' cannot be written: No such file or directory",
        "",
    )


def test_a_backup_without_an_installation_says_where_it_looked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDLASS_HOME", str(folder / "none"))

    assert run("backup", "a.tar").error == (
        f"CFG021 there is nothing at '{folder}/none' Call it in the folder of your installation, "
        "or set WINDLASS_HOME."
    )


def test_a_passphrase_file_that_is_empty_or_gone_is_told(folder: Path) -> None:
    (folder / "empty").touch()

    def read(name: str) -> Told:
        return told(lambda: passphrase_of(load_settings(backup_passphrase_file=folder / name)))

    assert read("empty") == ("CFG020", f"the passphrase file '{folder}/empty' is empty", "")
    assert read("none") == (
        "CFG020",
        f"the passphrase file '{folder}/none' cannot be read: No such file or directory",
        "",
    )


def test_an_airflow_of_the_settings_needs_its_password(context: Context, room: Path) -> None:
    def start(**given: Any) -> Told:
        settings = load_settings(
            home=room,
            database_url=context.database.url,
            airflow_url="http://127.0.0.1:1",
            **given,
        )
        with_database = open_database(settings)
        try:
            return told(lambda: prepare(settings, build_context(settings, with_database)))
        finally:
            with_database.close()

    assert start() == (
        "CFG002",
        "WINDLASS_AIRFLOW_URL is set and WINDLASS_AIRFLOW_PASSWORD_FILE is not",
        "Put the password of the Airflow user into a file and name it.",
    )
    assert start(airflow_password_file=room / "none") == (
        "CFG003",
        f"the file '{room}/none' of WINDLASS_AIRFLOW_PASSWORD_FILE cannot be read: "
        "No such file or directory",
        "",
    )


def test_an_empty_token_file_is_told(folder: Path) -> None:
    (folder / "token").touch()

    assert told(lambda: ensure_token(folder / "token")) == (
        "CFG004",
        f"the token file '{folder}/token' is empty",
        "Delete it; a new one is made at the next start.",
    )


def test_a_demo_without_airflow_says_how_to_make_one(folder: Path) -> None:
    assert told(lambda: find_airflow(folder / "python")) == (
        "DEMO004",
        f"there is no Airflow environment at {folder}/python",
        "Make one with `make setup`, or name its python with --airflow-python.",
    )


def test_a_backup_that_cannot_be_written_or_read_is_told(context: Context, room: Path) -> None:
    of = installation_of(load_settings(home=room), context.database.url)
    long = room / f"{'a' * 300}.tar"

    assert told(lambda: make_backup(of, long, passphrase=None)) == (
        "BAK002",
        f"the backup '{long}' cannot be written: File name too long",
        "Free some space there, or name another place.",
    )
    assert told(lambda: opened(room).__enter__()) == (
        "BAK009",
        f"{room} cannot be used: Is a directory",
        "",
    )


def test_airflow_that_refuses_the_user_is_told_without_the_password(
    strange: Strange, client: AirflowClient
) -> None:
    strange.token = 401

    assert told(client.identity) == (
        "AIR002",
        f"Airflow at {strange.url} refuses the user 'windlass': 401",
        "Give the environment another user or password: windlass environment set.",
    )


def test_a_target_is_not_changed_under_what_is_deployed(
    context: Context, repository: Repository
) -> None:
    run_sync(context, repository)
    wanted = Connected("default", {"target": Target.FOLDER})

    assert told(lambda: change_environment(context, wanted, actor="alice")) == (
        "ENV008",
        "repositories are deployed to 'default' by the target bundle",
        "Add another environment, and move them one by one.",
    )


def test_no_airflow_is_accepted_where_none_can_be_asked(context: Context) -> None:
    assert told(lambda: accept_airflow(context, "default", actor="alice")) == (
        "ENV010",
        "no address and password of the Airflow of 'default' are known",
        "windlass environment set default",
    )


def test_what_is_not_there_is_named(context: Context) -> None:
    assert told(lambda: remove_policy(context, "nope", actor="alice")) == (
        "POL004",
        "there is no policy 'nope'",
        "windlass policy list shows them.",
    )
    assert told(lambda: unwaive(context, 7, reason="over", actor="alice")) == (
        "POL010",
        "there is no waiver 7",
        "See those that hold: windlass finding waivers",
    )


def test_an_id_of_another_repository_cannot_be_claimed(
    context: Context, registration: Registration, repository: Repository
) -> None:
    other = register(context, registration, name="other")

    def take(one: Repository) -> None:
        with context.database.transaction() as connection:
            claim(connection, one, {"orders"})

    take(repository)

    assert told(lambda: take(other)) == (
        "DEP002",
        "the dag_id 'orders' belongs to the repository 'dags'",
        "Give the DAG another id, or remove it there first.",
    )


def test_with_nothing_deployed_there_is_nothing_to_compare(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": "X = 1\n"})
    run_sync(context, register(context, registration, options={"auto_deploy": False}))

    assert told(lambda: compare_releases(context, "dags", ReleaseId(1), None, text=False)) == (
        "REL015",
        "'dags' has nothing deployed to compare #1 with",
        "Name both releases: windlass release list dags",
    )


def test_a_file_that_is_gone_from_the_store_is_told(
    context: Context, repository: Repository
) -> None:
    run_sync(context, repository)
    (context.store.tree(ReleaseId(1)) / "orders.py").unlink()

    assert told(lambda: context.store.touch(ReleaseId(1), "orders.py")) == (
        "STORE004",
        "'orders.py' of release #1 is gone from the store",
        "",
    )


def test_no_more_archives_are_made_at_a_time_than_disks_bear(
    context: Context, repository: Repository, room: Path
) -> None:
    run_sync(context, repository)
    archives = Archives(room / "archives", context.store)
    for _ in range(_MAKING):
        archives._making.acquire()

    assert told(lambda: archives.find_or_make(ReleaseId(1), None)) == (
        "ORG003",
        "too many archives are being made",
        "Ask again.",
    )


def test_known_hosts_without_a_host_are_refused(
    context: Context, registration: Registration, folder: Path
) -> None:
    make_key(folder / "key")
    login = KeyLogin((folder / "key").read_text(), known_hosts="# nothing\n")
    url = "ssh://git@127.0.0.1:1/team/dags.git"

    assert told(lambda: register(context, registration, url=url, login=login)) == (
        "CRED005",
        "the known_hosts file names no host and key",
        "Make it: ssh-keyscan HOST > FILE, and compare it with what the operator publishes.",
    )


def test_a_server_newer_than_every_pg_dump_here_is_told() -> None:
    assert told(lambda: programs_for_server(99)) == (
        "PG011",
        "the server is PostgreSQL 99, and no pg_dump of that version or a newer one is here",
        "Install the client programs of PostgreSQL 99, such as the Debian package "
        "postgresql-client-99.",
    )


def test_a_pipeline_that_went_while_it_was_looked_at_is_named() -> None:
    assert told(lambda: compile_folder.read_file(Path("gone.yaml"))) == (
        "CMP002",
        "the pipeline 'gone.yaml' cannot be read: No such file or directory",
        "",
    )


def test_a_declarative_file_that_cannot_be_read_is_told(context: Context) -> None:
    unreadable = Path("/proc/self/mem")  # by root either: nothing is mapped at its beginning
    watch = FileWatch(context, [unreadable], FileRules({}, 60, may_remove=False))
    watch.look()
    watch.look()

    with context.database.transaction() as connection:
        (finding,) = connection.execute(sa.select(t.declaration.c.findings)).scalar_one()
    assert (finding["code"], finding["message"], finding["hint"]) == (
        "FILE040",
        "the file cannot be read: Input/output error",
        "What runs stays as it is.",
    )


def test_a_python_that_cannot_import_dag_files_is_told(folder: Path) -> None:
    bare = make_sham_airflow(folder / "bare", with_airflow=False)
    broken, sham = (make_sham_airflow(folder / name) for name in ("broken", "sham"))
    for bag in (folder / "broken").rglob("dagbag.py"):
        bag.write_text("raise ImportError('half installed')\n")

    def probed(python: Path, **limits: Any) -> Told:
        importer = Importer(python, limits=Limits(**limits), folder=folder)

        def begin() -> None:
            importer.check()
            importer._running()

        try:
            return told(begin)
        finally:
            importer.close()

    assert probed(bare) == (
        "IMP102",
        f"'{bare}' has no Airflow to import DAG files with",
        "Name the python that Airflow runs with, or install Airflow there.",
    )
    assert probed(folder / "none") == (
        "IMP103",
        f"the interpreter '{folder}/none' does not run: FileNotFoundError",
        "Set WINDLASS_AIRFLOW_PYTHON to the python of the Airflow environment.",
    )
    assert probed(broken) == (
        "IMP100",
        f"Airflow cannot be started under '{broken}' to import DAG files: StopIteration: ",
        "Try `windlass doctor`; the interpreter must import airflow when started with -I, and by "
        "accounts other than root: a umask of 077 hides its packages.",
    )
    assert probed(sham, tiers=("limits",), least="namespaces") == (
        "IMP101",
        "this host confines imports by 'limits', and the release policy asks for 'namespaces': ",
        "See `windlass doctor`, or lower WINDLASS_SANDBOX_TIER and know what that means: "
        "docs/sandbox.md",
    )


def test_a_python_that_cannot_check_is_told(folder: Path) -> None:
    (folder / "python").write_text("#!/bin/sh\nexit 0\n")
    (folder / "python").chmod(0o755)

    assert told(CheckProcess(folder / "python")._start) == (
        "PY003",
        f"no check process can be started under '{folder}/python': it ended, or took too long, "
        "before it was ready",
        "Set WINDLASS_AIRFLOW_PYTHON to the python of the Airflow environment.",
    )


def test_pod_templates_are_not_checked_without_pyyaml(folder: Path) -> None:
    checker = Checker(make_sham_airflow(folder / "bare", with_airflow=False))
    try:
        found_there = found(checker, {"pod.yaml": "kind: Pod\napiVersion: v1\n"})
    finally:
        checker.close()

    assert [(f.code, f.message, f.hint) for f in found_there] == [
        (
            "POD014",
            "the pod template was not checked: the environment's Python has no PyYAML",
            "Airflow brings PyYAML: is it there?",
        )
    ]


def test_an_old_git_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "git").write_text("#!/bin/sh\necho git version 2.36.1\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setattr(process, "PATH", str(folder))
    git_version.cache_clear()
    try:
        assert told(git_version) == (
            "GIT011",
            "'git version 2.36.1' is too old: it would connect to addresses that were not checked",
            "Install git 2.37 or newer.",
        )
    finally:
        git_version.cache_clear()


def test_what_takes_too_long_goes_on_and_says_so(
    context: Context, repository: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_WAIT_S", 0.0)
    (folder / "token").write_text(TOKEN)
    with client_of(api_over(context)) as api:
        monkeypatch.setenv("WINDLASS_API_URL", str(api.base_url))
        monkeypatch.setenv("WINDLASS_API_TOKEN_FILE", str(folder / "token"))

        def is_wanted(_: object) -> bool:
            return False

        def wait() -> None:
            waiting.await_release(Client(), "dags", is_wanted, what="commit 1", failed_before=None)

        assert told(wait) == (
            "REL005",
            "commit 1 of 'dags' was not seen in Airflow within 0.0 s",
            "It goes on. Look at it: windlass repo show dags",
        )
        assert told(lambda: _await_removal(Client(), "dags", limit_s=0)) == (
            "REPO018",
            "'dags' was not removed within 0 s",
            "It goes on. Look at it: windlass repo show dags",
        )


def test_a_run_that_does_not_end_is_told_by_the_demo(strange: Strange) -> None:
    strange.answer = lambda path, query: {"state": "running"}
    airflow = DemoAirflow(strange.url, "windlass", "secret")

    assert told(lambda: airflow.wait_for_run("orders", "r1", limit_s=0)) == (
        "DEMO003",
        "run r1 of orders is running after 0 s",
        "",
    )
    airflow.close()


def test_ids_that_never_stop_changing_their_owner_are_told(
    context: Context, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "_MAX_TURNS", 0)

    run_sync(context, repository)

    failure = status_of(context).facts.failure
    assert failure is not None
    assert (failure.code, failure.message) == (
        "SYNC002",
        "dag_ids change their owners faster than files can be judged",
    )


def test_a_host_of_secrets_that_shows_a_strange_certificate_is_not_asked(room: Path) -> None:
    with serving(LocalAuthority(room / "authority").server_context()) as secure:
        asker = Asker(allowed=("127.0.0.1",))

        assert told(lambda: asker.ask("GET", secure.url, headers={})) == (
            "CRED035",
            "127.0.0.1 shows a certificate that is not believed",
            "Name a PEM file with its authority in WINDLASS_CA_FILE.",
        )


def test_what_is_wrong_with_a_webhook_is_told(context: Context, repository: Repository) -> None:
    def add(kind: str | None = "github", secret: str | None = None) -> Told:
        return told(lambda: webhooks.add(context, "dags", kind, secret=secret, actor="alice"))

    def rotate(kind: str = "github", keep: str = "24h") -> Told:
        new: dict[str, Any] = {"secret": None, "actor": "alice"}
        return told(lambda: webhooks.rotate(context, "dags", kind, keep=keep, **new))

    kinds = ", ".join(ForgeKind)
    assert add("svn") == ("HOOK004", "'svn' is no kind of Git host", f"There are: {kinds}.")
    assert add(None)[0] == "HOOK011"
    assert add(secret="short")[::2] == ("HOOK012", "Leave it out, and a good one is made.")
    assert rotate() == (
        "HOOK013",
        "'dags' has no webhook of the kind github",
        "Add one: windlass webhook add dags --kind github",
    )
    webhooks.add(context, "dags", "github", secret=None, actor="alice")
    assert add() == (
        "HOOK010",
        "'dags' has a webhook of the kind github already",
        "Give it another secret: windlass webhook rotate dags",
    )
    assert rotate(keep="31d")[::2] == ("HOOK017", "For example 24h; 0s ends it at once.")
    assert told(lambda: _raise(too_many())) == (
        "HOOK003",
        "too many calls wait to be stored",
        "Try again in a second.",
    )


def test_a_login_for_a_store_of_secrets_that_is_not_there_is_told(folder: Path) -> None:
    assert told(lambda: secret_of(folder / "none", "WINDLASS_VAULT_TOKEN_FILE")) == (
        "CRED045",
        f"the login for a store of secrets, in '{folder}/none' of WINDLASS_VAULT_TOKEN_FILE: "
        "No such file or directory",
        "",
    )
    assert told(lambda: _raise(not_installed("AWS Secrets Manager", "aws"))) == (
        "CRED044",
        "AWS Secrets Manager needs a library that is not installed",
        "Install it: pip install 'windlass[aws]'",
    )


def _raise(error: AppError) -> None:
    raise error
