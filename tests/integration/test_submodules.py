"""Submodules, against a real server: their files in the tree, whose URL is asked, with what."""

from dataclasses import replace

import pytest

from tests.integration.conftest import (
    Origin,
    clone_of,
    deployed_files,
    register,
    run_sync,
    status_of,
)
from windlass.domain.options import Options
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.git import process

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
WANTED = Options(submodules=True)


@pytest.fixture
def common(git_server: GitHttpServer, origin: Origin) -> Origin:
    """A private repository `team/common` beside `team/dags`."""
    git_server.create_repository("team/common", private=True)
    return clone_of(git_server, "team/common", origin.clone.with_name("common"))


def link(origin: Origin, path: str, url: str, sha: str) -> str:
    """A commit that adds the submodule, as `git submodule add` writes it."""
    modules = origin.clone / ".gitmodules"
    known = modules.read_text() if modules.exists() else ""
    if f"path = {path}\n" not in known:
        modules.write_text(f'{known}[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
    origin.git("add", ".gitmodules")
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{sha},{path}")
    origin.git("commit", "--quiet", "-m", f"link {path}")
    origin.git("push", "--quiet", "origin", "HEAD:main")
    return origin.git("rev-parse", "HEAD")


def synced(context: Context, registration: Registration, options: Options = WANTED) -> None:
    run_sync(context, register(context, registration, options=options.to_json()))


def failure(context: Context) -> tuple[str, str] | None:
    found = status_of(context).facts.failure
    return (found.code, found.message) if found else None


def test_files_of_submodules_are_deployed_in_their_place_nested_ones_too(
    context: Context,
    origin: Origin,
    common: Origin,
    registration: Registration,
    git_server: GitHttpServer,
) -> None:
    git_server.create_repository("team/deep", private=True)
    deep = clone_of(git_server, "team/deep", origin.clone.with_name("deep"))
    inner = deep.push("deep", {"z.py": "Z = 1\n"})
    common.push("common", {"x.py": "X = 1\n"})
    outer = link(common, "deep", "../deep.git", inner)
    origin.push("first", {"orders.py": ORDERS})
    link(origin, "libs/common", "../common.git", outer)

    synced(context, registration)

    files = {path for path in deployed_files(context) if path.endswith(".py")}
    assert files == {"orders.py", "libs/common/x.py", "libs/common/deep/z.py"}


@pytest.fixture(params=["0", "2"])
def any_protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocol v0 gives no commit by its name, so it is looked for below all branches."""
    monkeypatch.setitem(process._CONFIG, "protocol.version", request.param)


@pytest.mark.usefixtures("any_protocol")
def test_another_commit_of_a_submodule_is_another_release(
    context: Context,
    origin: Origin,
    common: Origin,
    registration: Registration,
) -> None:
    one = common.push("one", {"x.py": "X = 1\n"})
    two = common.push("two", {"x.py": "X = 2\n"})
    origin.push("first", {"orders.py": ORDERS})
    link(origin, "common", common.url, one)
    repository = register(context, registration, options=WANTED.to_json())
    run_sync(context, repository)
    before = deployed_files(context)["common/x.py"]
    link(origin, "common", common.url, two)

    run_sync(context, repository)

    assert (before, deployed_files(context)["common/x.py"]) == ("X = 1\n", "X = 2\n")


def test_without_the_option_a_submodule_is_a_finding_that_names_it(
    context: Context, origin: Origin, common: Origin, registration: Registration
) -> None:
    sha = common.push("one", {"x.py": "X = 1\n"})
    origin.push("first", {"orders.py": ORDERS})
    link(origin, "common", "../common.git", sha)

    synced(context, registration, Options())

    [found] = status_of(context).facts.findings
    assert (found.code, found.path) == ("INT003", "common")
    assert "--submodules" in found.hint


def test_a_submodule_outside_the_dag_root_is_not_asked_for(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"dags/orders.py": ORDERS})
    link(origin, "libs", "https://nowhere.invalid/x", "1" * 40)

    run_sync(context, register(context, registration, options=WANTED.to_json(), path="dags"))

    assert (failure(context), list(deployed_files(context))) == (None, ["orders.py"])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ext::sh -c id", "it would run a program of this machine"),
        ("file:///etc", "is a folder of the machine that Windlass runs on"),
        ("http://10.1.2.3/x.git", "is at 10.1.2.3, which is not a public address"),
        ("../../../etc", "/etc is no repository"),
        ("../gone.git", "is no repository"),
        ("", "cannot be used as a repository URL"),
    ],
)
def test_a_submodule_that_may_not_be_or_is_not_there_is_told_by_its_path(
    context: Context, origin: Origin, registration: Registration, url: str, why: str
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    link(origin, "libs", url, "1" * 40)

    synced(context, registration)

    told = failure(context)
    assert told is not None
    code, message = told
    assert (code, message.startswith("the submodule 'libs' cannot be fetched: ")) == (
        "GIT023",
        True,
    )
    assert why in message
    assert deployed_files(context) == {}


def test_the_login_is_sent_to_no_other_host_that_a_submodule_names(
    context: Context,
    origin: Origin,
    common: Origin,
    registration: Registration,
    git_server: GitHttpServer,
) -> None:
    sha = common.push("one", {"x.py": "X = 1\n"})
    origin.push("first", {"orders.py": ORDERS})
    link(origin, "libs", common.url.replace("127.0.0.1", "localhost"), sha)
    elsewhere = replace(context, allowed_hosts=("127.0.0.1", "localhost"))

    synced(elsewhere, registration)

    told = failure(context)
    assert told is not None
    assert told[0] == "GIT023"
    assert "refuses the user and password, or wants some" in told[1]
    assert git_server.requests["denied"] > 0


def test_more_submodules_than_anybody_has_are_not_fetched(
    context: Context,
    origin: Origin,
    common: Origin,
    registration: Registration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha = common.push("one", {"x.py": "X = 1\n"})
    origin.push("first", {"orders.py": ORDERS})
    for number in range(3):
        link(origin, f"libs{number}", "../common.git", sha)
    monkeypatch.setattr("windlass.git.submodules._Left.__init__", _two_left)

    synced(context, registration)

    told = failure(context)
    assert told is not None
    assert told[0] == "GIT023"


def _two_left(self: object) -> None:
    self.number = 2  # type: ignore[attr-defined]
