"""The origin over real HTTP: one index, releases as archives, a token that opens nothing else."""

import gzip
import hashlib
import io
import json
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.serving import TOKEN, api_over, client_of
from windlass.artifacts import archive
from windlass.artifacts.archive import Archives
from windlass.domain.errors import Conflict
from windlass.domain.release import ReleaseId
from windlass.domain.statement import key_text
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.entrypoints.web.origin import origin_router

DAG = "import airflow.sdk as s\nimport helper\nx = s.DAG('{}')\n"
FILES: dict[str, str | None] = {
    "a.py": DAG.format("a"),
    "b.py": "import airflow.sdk as s\nx = s.DAG('b')\n",
    "helper.py": "X = 1\n",
}
HEADERS = {"Authorization": "Bearer origin-token"}


@pytest.fixture
def airflow(context: Context, room: Path) -> Iterator[httpx.Client]:
    """An Airflow host that has the token of the origin."""
    api = api_over(context)
    archives = Archives(room / "archives", context.store)
    api.include_router(origin_router(context.store, archives, "origin-token"))
    with client_of(api) as client:
        client.headers.update(HEADERS)
        yield client


@pytest.fixture
def released(context: Context, registration: Registration, origin: Origin) -> int:
    origin.push("first", FILES)
    run_sync(context, register(context, registration))
    return deployed(context)


def deployed(context: Context) -> int:
    found = status_of(context).facts.deployed
    assert found is not None
    return found.release_id


def members(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(answer.content))) as archive:
        assert all(member.isreg() for member in archive)
        return {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]


def files_of(found: dict[str, bytes]) -> set[bytes]:
    """The contents that an archive holds, each under its digest."""
    files = {n.removeprefix("files/"): c for n, c in found.items() if n.startswith("files/")}
    assert all(hashlib.sha256(content).hexdigest() == name for name, content in files.items())
    return set(files.values())


def test_the_index_says_what_every_bundle_shows(
    airflow: httpx.Client, released: int, context: Context
) -> None:
    answer = airflow.get("/origin/v1/default")

    assert answer.json() == {
        "format": 1,
        "environment": "default",
        "environment_id": "00000000-0000-0000-0000-000000000001",
        "keys": [key_text(context.release_key.public)],
        "bundles": {"one": str(released), "two": None},
    }


def test_an_index_that_has_not_changed_is_not_sent_again(
    airflow: httpx.Client, released: int, context: Context, origin: Origin
) -> None:
    known = {"If-None-Match": airflow.get("/origin/v1/default").headers["ETag"]}
    same = airflow.get("/origin/v1/default", headers=known)
    origin.push("second", {"helper.py": "X = 2\n"})
    run_sync(context, status_of(context).repository)
    other = airflow.get("/origin/v1/default", headers=known)

    assert (same.status_code, same.content) == (304, b"")
    assert other.json()["bundles"]["one"] == str(deployed(context))


def test_an_archive_holds_the_release_and_what_vouches_for_it_first(
    airflow: httpx.Client, released: int, context: Context
) -> None:
    found = members(airflow.get(f"/origin/v1/releases/{released}.tar.gz"))
    folder = context.store.releases / str(released)

    names = ["release.json", "release.sig", "manifest.json.gz"]
    assert [*found][:3] == names
    assert {n: found[n] for n in names} == {n: (folder / n).read_bytes() for n in names}
    assert [n for n in found if n.startswith("chunks/")] == [
        f"chunks/{path.name}" for path in (folder / "chunks").iterdir()
    ]
    assert json.loads(found["fresh.json"]) == []
    assert files_of(found) == {str(text).encode() for text in FILES.values()}


def test_with_a_base_only_new_contents_are_sent_and_what_is_parsed_again_is_named(
    airflow: httpx.Client, released: int, context: Context, origin: Origin
) -> None:
    origin.push("second", {"helper.py": "X = 2\n"})
    run_sync(context, status_of(context).repository)
    newest = deployed(context)
    found = members(airflow.get(f"/origin/v1/releases/{newest}.tar.gz?base={released}"))

    assert files_of(found) == {b"X = 2\n"}
    assert json.loads(found["fresh.json"]) == ["a.py"]  # it imports the helper, and b.py does not


def test_a_base_that_is_not_there_any_more_gives_the_whole_release(
    airflow: httpx.Client, released: int
) -> None:
    found = members(airflow.get(f"/origin/v1/releases/{released}.tar.gz?base=999999"))

    assert len(files_of(found)) == 3


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer wrong", f"Bearer {TOKEN}", "Basic b3JpZ2lu"]
)
@pytest.mark.parametrize("path", ["default", "releases/1.tar.gz"])
def test_nothing_is_given_without_the_token_of_the_origin(
    airflow: httpx.Client, released: int, token: str, path: str
) -> None:
    answer = airflow.get(f"/origin/v1/{path}", headers={"Authorization": token})

    assert (answer.status_code, answer.json()["code"]) == (403, "ORG001")


def test_the_token_of_the_origin_opens_nothing_else(airflow: httpx.Client) -> None:
    assert airflow.get("/api/v1/repositories").status_code == 401


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("other", "ORG004"),
        ("releases/999.tar.gz", "ORG002"),
        ("releases/0.tar.gz", "API001"),
        ("releases/..%2f..%2fetc.tar.gz", "API003"),
        ("Default", "API001"),
    ],
)
def test_what_is_not_there_is_said(airflow: httpx.Client, path: str, code: str) -> None:
    answer = airflow.get(f"/origin/v1/{path}")

    assert (answer.status_code in (404, 422), answer.json()["code"]) == (True, code)


def test_a_release_that_is_not_signed_is_not_given(
    airflow: httpx.Client, released: int, context: Context
) -> None:
    (context.store.releases / str(released) / "release.sig").unlink()

    assert airflow.get(f"/origin/v1/releases/{released}.tar.gz").json()["code"] == "ORG002"


def test_a_file_that_was_changed_by_hand_is_never_sent(
    released: int, context: Context, room: Path
) -> None:
    path = context.store.tree(ReleaseId(released)) / "a.py"
    path.chmod(0o644)
    path.write_text("evil")
    archives = Archives(room / "archives", context.store)

    with pytest.raises(Conflict) as refused:
        archives.find_or_make(ReleaseId(released), None)
    assert refused.value.code == "STORE002"
    assert [*(room / "archives").iterdir()] == []


def test_an_archive_is_made_once_and_the_oldest_are_forgotten(
    released: int, context: Context, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "KEPT", 1)
    archives = Archives(room / "archives", context.store)
    made = archives.find_or_make(ReleaseId(released), None)
    inode = made.stat().st_ino
    again = archives.find_or_make(ReleaseId(released), None)
    other = archives.find_or_make(ReleaseId(released), ReleaseId(released))

    assert (again, inode) == (made, inode)
    assert [*(room / "archives").iterdir()] == [other]


def test_an_archive_is_whole_when_it_gets_its_name(
    released: int, context: Context, room: Path
) -> None:
    made: list[tuple[str, bytes]] = []
    folder = str(room / "archives")

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.rename" and str(arguments[1]).startswith(folder):
            made.append((str(arguments[1]), Path(str(arguments[0])).read_bytes()))

    sys.addaudithook(watch)
    path = Archives(room / "archives", context.store).find_or_make(ReleaseId(released), None)

    assert made == [(str(path), path.read_bytes())]


def test_hosts_that_ask_for_one_archive_at_a_time_all_get_it_whole(
    airflow: httpx.Client, released: int
) -> None:
    answers: list[bytes] = []
    path = f"{airflow.base_url}/origin/v1/releases/{released}.tar.gz"

    def ask() -> None:
        answers.append(httpx.get(path, headers=HEADERS, trust_env=False).content)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_the_origin_answers_while_the_database_is_away(
    airflow: httpx.Client, released: int, context: Context
) -> None:
    context.database.close()

    assert airflow.get("/origin/v1/default").status_code == 200
    assert airflow.get(f"/origin/v1/releases/{released}.tar.gz").status_code == 200
