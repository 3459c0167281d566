"""/docs: Swagger UI from our own disk, under a policy that forbids anything else."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.serving import api_over, client_of
from windlass.engine.context import Context
from windlass.entrypoints.web.reference import ASSETS, POLICY

# Of the npm package swagger-ui-dist 5.35.0.
DIGESTS = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def anybody(context: Context) -> Iterator[httpx.Client]:
    with client_of(api_over(context)) as client:
        yield client


def test_everything_the_page_loads_is_ours(anybody: httpx.Client) -> None:
    page = anybody.get("/docs").text

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded == ["data:,", "docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/start.js"]
    assert [anybody.get(f"/{path}").status_code for path in loaded[1:]] == [200, 200, 200]
    assert 'url: "openapi.json"' in anybody.get("/docs/start.js").text
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["", "/start.js", "/swagger-ui.css", "/swagger-ui-bundle.js"])
def test_the_browser_may_ask_no_other_host(anybody: httpx.Client, path: str) -> None:
    answer = anybody.get(f"/docs{path}")

    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert re.findall(r"https?:|\*", POLICY) == []


@pytest.mark.parametrize("name", DIGESTS)
def test_the_files_are_the_published_ones(anybody: httpx.Client, name: str) -> None:
    served = hashlib.sha256(anybody.get(f"/docs/{name}").content).hexdigest()

    assert served == DIGESTS[name]


def test_the_licence_comes_with_the_files() -> None:
    names = {path.name for path in ASSETS.iterdir()}

    assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"} <= names


@pytest.mark.parametrize("path", ["../server.py", "%2e%2e/server.py", "LICENSE", "index.html"])
def test_no_other_file_is_served(anybody: httpx.Client, path: str) -> None:
    assert anybody.get(f"/docs/{path}").status_code == 404


@pytest.mark.further
def test_a_browser_shows_every_operation_and_breaks_no_rule(
    anybody: httpx.Client, room: Path
) -> None:
    assert CHROMIUM, "no Chromium here"
    description: dict[str, Any] = anybody.get("/openapi.json").json()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    flags += [f"--user-data-dir={room}", "--enable-logging=stderr", "--virtual-time-budget=15000"]
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", f"{anybody.base_url}/docs"],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )

    summaries = [o["summary"] for ops in description["paths"].values() for o in ops.values()]
    shown = done.stdout.replace("&amp;", "&").replace("\u200b", "")
    assert [one for one in summaries if one not in shown] == []
    assert "Authorize" in shown
    assert "Content Security Policy" not in done.stderr
