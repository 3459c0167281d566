"""GitHub as npm's `emulate` has it: our client of its API, and the calls that it signs.

It is on no Python package index, and wants node 22.15 or newer (facts of November 2026):
    npm install emulate@0.12.2        the exact version: others of that name are something else
    WINDLASS_TEST_NODE=/path/to/node WINDLASS_TEST_EMULATE=node_modules/emulate/dist/index.js
It lacks commit statuses, deploy keys, rules of branches and code scanning; tests/contract has them.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.conftest import Origin, register
from tests.integration.serving import api_over, client_of
from tests.waiting import wait_until
from windlass.database.deliveries import PastDelivery, list_deliveries
from windlass.domain.delivery import Proof
from windlass.domain.forge import ApiLogin, WantedHook, judge_hooks
from windlass.engine import webhooks
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.entrypoints.processes import free_port
from windlass.forges.clients.calling import Way
from windlass.forges.clients.client import Place
from windlass.forges.clients.github import GitHub

pytestmark = pytest.mark.further
WAY = Way(allowed=("127.0.0.0/8", "localhost", "::1"))
TOKEN = "tok_canary_0123456789"
SECRET = "hook-canary-0123456789"
SEED = f"""
tokens:
  {TOKEN}: {{login: alice, scopes: [repo, "admin:repo_hook"]}}
github:
  users: [{{login: alice, name: Alice, email: alice@example.org}}]
  repos: [{{owner: alice, name: dags, auto_init: true}}]
"""


@pytest.fixture
def github(room: Path) -> Iterator[httpx.Client]:
    """A client of its API with Alice's token."""
    seed, port = room / "seed.yaml", free_port()
    seed.write_text(SEED)
    start = [os.environ["TEST_NODE"], os.environ["TEST_EMULATE"], "start", "--service", "github"]
    command = [*start, "--port", str(port), "--seed", str(seed)]
    login = {"Authorization": f"Bearer {TOKEN}"}
    # It tells of itself as localhost, and believes in no other name.
    root = f"http://localhost:{port}"
    with (
        subprocess.Popen(command) as process,
        httpx.Client(base_url=root, headers=login, trust_env=False) as client,
    ):

        def answers() -> bool:
            try:
                return client.get("/repos/alice/dags").is_success
            except httpx.TransportError:
                return False

        try:
            wait_until(answers, "the emulator answers")
            yield client
        finally:
            process.terminate()


def deliveries(context: Context) -> list[PastDelivery]:
    with context.database.transaction() as connection:
        return list_deliveries(connection, limit=10)


def test_a_hook_of_ours_is_called_with_a_signature_that_is_believed(
    context: Context, registration: Registration, origin: Origin, github: httpx.Client
) -> None:
    origin.push("first", {"a.py": "x = 1\n"})
    register(context, registration)
    made, _ = webhooks.add(context, "dags", "github", secret=SECRET, actor="alice")
    root = str(github.base_url).rstrip("/")
    login = ApiLogin("x-access-token", TOKEN, is_password=False)
    ours = GitHub(Place(root, "alice/dags", root), WAY, lambda refused: login)
    content = {"message": "a push", "content": "eCA9IDEK"}

    with client_of(api_over(context)) as api:
        url = f"{api.base_url}/webhooks/r/{made.address}"
        ours.add_hook(WantedHook(url, SECRET))
        hooks = [*ours.list_hooks()]
        pushed = github.put("/repos/alice/dags/contents/a.py", json=content)
        wait_until(
            lambda: any(one.event == "push" for one in deliveries(context)), "a push is told"
        )

    told = {one.event: one for one in deliveries(context)}
    assert pushed.is_success
    assert judge_hooks(hooks, url) is None
    assert (told["push"].proof, told["push"].state) == (Proof.SIGNATURE, "accepted")
    # Ours lies on another server: it is asked, and no commit of theirs is awaited.
    assert told["push"].reason == "the call names the repository by another URL"
    assert told["push"].ref == "refs/heads/main"


def test_one_comment_is_made_found_and_changed(github: httpx.Client) -> None:
    root = str(github.base_url).rstrip("/")
    login = ApiLogin("x-access-token", TOKEN, is_password=False)
    ours = GitHub(Place(root, "alice/dags", root), WAY, lambda refused: login)
    head = github.get("/repos/alice/dags/git/ref/heads/main").json()["object"]["sha"]
    github.post("/repos/alice/dags/git/refs", json={"ref": "refs/heads/topic", "sha": head})
    content = {"message": "a change", "content": "eCA9IDEK", "branch": "topic"}
    github.put("/repos/alice/dags/contents/b.py", json=content)
    asked = {"title": "a change", "head": "topic", "base": "main"}
    number = github.post("/repos/alice/dags/pulls", json=asked).json()["number"]

    made = ours.add_comment(number, "[//]: # (windlass dags)\nfirst")
    found = ours.find_comment(number, "[//]: # (windlass dags)")
    ours.change_comment(number, made, "[//]: # (windlass dags)\nsecond")

    comments = github.get(f"/repos/alice/dags/issues/{number}/comments").json()
    assert found == made
    assert [one["body"] for one in comments] == ["[//]: # (windlass dags)\nsecond"]
