"""`windlass demo`: the main job told as a timeline, every claim asked of Airflow itself."""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from windlass.domain.errors import AppError, Unavailable
from windlass.entrypoints.cli.render import finding_lines
from windlass.entrypoints.demo.stage import USER, Stage
from windlass.entrypoints.failures import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK

NAME = "company-dags"
DAG_IDS = ("hello", "orders", "report")
ADDRESS = f"/api/v1/repositories/{NAME}"
NOTICED = ("revision:noticed", "noticed", "a new head of the branch")
OF_REVISION = ("revision:noticed", "revision:fetched", "verdict:allowed", "verdict:denied")
LIMIT_S = 180
SAMPLE = {
    entry.name: entry.read_text()
    for entry in (files("windlass.entrypoints.demo") / "sample").iterdir()
    if entry.name.endswith((".py", ".md"))
}
BROKEN = {"orders.py": SAMPLE["orders.py"].replace("-> float:", "-> float")}
MENDED = {
    "orders.py": SAMPLE["orders.py"],
    "rates.py": SAMPLE["rates.py"].replace("0.90", "0.95"),
}


class Broken(Exception):
    """A promise of the demo that did not hold."""


def run_demo(*, once: bool, airflow_python: Path | None, out: TextIO) -> int:
    """Run the demo; the exit code. Stops everything it started, whatever happens."""
    began = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    _say(out, "Starting PostgreSQL, Windlass, a Git server and Airflow (about 15 s) …")
    try:
        with Stage(airflow_python) as stage:
            _say(out, f"Ready after {time.monotonic() - began:.1f} s.\n")
            try:
                story = Story(stage, out)
                story.first_push()
                if once:
                    story.rest()
                else:
                    _tour(stage, out)
            except (Broken, AppError) as error:
                _say(out, f"\nFAILED: {error}\n\nworker log:\n{stage.log_tail('worker')}")
                return EXIT_FAILED
    except KeyboardInterrupt:
        _say(out, "\nStopped.")
        return EXIT_OK if not once else EXIT_INTERRUPTED
    _say(out, f"\nEverything held, and is stopped again ({time.monotonic() - began:.0f} s in all).")
    return EXIT_OK


class Story:
    """The chapters of the demo; each raises Broken where a promise does not hold."""

    def __init__(self, stage: Stage, out: TextIO) -> None:
        self._stage = stage
        self._out = out
        self._airflow = stage.ask()
        self._clone = stage.clone("company/dags")
        self._since = datetime.now(UTC)
        self._revision = ""

    def first_push(self) -> None:
        """A first commit with DAGs becomes live, and its DAG runs its code."""
        self._title("A repository, still without DAGs")
        start = self._push("Start", {"README.md": SAMPLE["README.md"]})
        body = {
            "url": self._clone.url,
            "name": NAME,
            "namespace": "company",
            "sync_interval": "1s",
            "auth": {"username": USER, "password": self._stage.password},
        }
        self._stage.client.post("/api/v1/repositories", body)
        self._tell("added", f"windlass repo add {self._clone.url} --username {USER} …")
        self._wait_live(start)

        self._title("A first commit: three DAGs, one with a helper module")
        first = self._push("Add hello, orders and report", SAMPLE)
        self._see_run(self._see_live(first), total=900.0)

    def rest(self) -> None:
        """A broken push is denied, a good one goes live, and is rolled back."""
        good = self._stage.client.get(ADDRESS)["release"]["id"]
        self._title("A broken commit: denied, and nothing of it reaches Airflow")
        self._push("Round to cents", BROKEN)
        denied = self._wait(lambda found: found["sync"]["state"] == "denied", "the push is denied")
        self._tell_event(*NOTICED)
        self._tell_event("verdict:denied", "DENIED", denied["sync"]["reason"])
        for line in finding_lines(denied["findings"][0]):
            _say(self._out, f"              {line}")
        self._expect_dags(orders=good)
        self._tell("kept", "Airflow shows all three DAGs as before, and no import error")

        self._title("A third commit: mends it and changes the helper module")
        second = self._push("Mend orders, new rate", MENDED)
        self._see_run(self._see_live(second), total=950.0)

        self._title("A rollback: one command, a new release with the old content")
        self._since = datetime.now(UTC)
        body = {"reason": "the new rate is wrong"}
        self._stage.client.post(f"{ADDRESS}/rollback", body)
        self._tell("asked", f'windlass release rollback {NAME} --reason "the new rate is wrong"')
        self._see_run(self._see_live(content_of=good), total=900.0)
        held = self._wait(lambda found: found["sync"]["state"] == "held", "the bad head is held")
        self._tell("held", "the next poll does not bring it back:")
        _say(self._out, f"              {held['sync']['reason']}")

    def _push(self, message: str, changed: Mapping[str, str]) -> str:
        self._since = datetime.now(UTC)
        self._revision = self._clone.commit_and_push(message, changed)
        self._tell("pushed", f'{self._revision[:7]} "{message}"')
        return self._revision

    def _see_live(self, revision: str | None = None, *, content_of: int | None = None) -> int:
        """Wait until a release is live, tell how it came there, and ask Airflow ourselves.

        It is known by its revision, or as a rollback by the release whose content it has.
        """
        found = self._wait_live(revision, content_of=content_of)
        release = int(found["release"]["id"])
        if revision:
            self._tell_event(*NOTICED)
            self._tell_event("revision:fetched", "fetched", "into the mirror")
            self._tell_event(
                "verdict:allowed", "checked", "nothing denies, every DAG file is imported"
            )
        published = f"#{release}, bundle {found['bundle']} points to it"
        self._tell_event("release:published", "released", published)
        self._expect_dags(orders=release)
        version = self._airflow.version()
        self._tell_event("deployment:live", "LIVE", f"in Airflow {version}: {', '.join(DAG_IDS)}")
        return release

    def _wait_live(
        self, revision: str | None = None, *, content_of: int | None = None
    ) -> dict[str, Any]:
        def is_live(found: dict[str, Any]) -> bool:
            release = found["release"]
            if not release or release["state"] != "live":
                return False
            same = release["revision"] == revision if revision else True
            return same and release["content_of"] == content_of

        return self._wait(is_live, f"{(revision or 'the rollback')[:7]} is live")

    def _see_run(self, release: int, *, total: float) -> None:
        """A run of `orders` succeeds on that release and returns what its code says."""
        run_id = self._airflow.trigger("orders")
        run = self._airflow.wait_for_run("orders", run_id)
        returned = self._airflow.returned("orders", run_id, "total")
        told = (run["state"], run["bundle_version"], returned)
        self._expect(told == ("success", str(release), total), f"a run of #{release}", told)
        self._tell("run ok", f"orders ran the code of release #{release}: total {total}")

    def _expect_dags(self, *, orders: int) -> None:
        """Airflow itself shows the three DAGs, `orders` at that release, and no import error."""
        bundle = self._stage.client.get(ADDRESS)["bundle"]
        seen = {dag.dag_id: dag.version for dag in self._airflow.list_dags(bundle)}
        self._expect(sorted(seen) == sorted(DAG_IDS), "the three DAGs", sorted(seen))
        self._expect(seen["orders"] == str(orders), f"orders at #{orders}", seen)
        errors = self._airflow.list_import_errors(bundle)
        self._expect(not errors, "no import error", errors)

    def _wait(self, is_so: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        found: dict[str, Any]
        deadline = time.monotonic() + LIMIT_S
        while not is_so(found := self._stage.client.get(ADDRESS)):
            part = self._stage.ended_part()
            if part is not None:
                raise Unavailable("DEMO005", f"{part} ended:\n{self._stage.log_tail(part)}")
            if time.monotonic() > deadline:
                raise Broken(f"not within {LIMIT_S} s: {what}; seen: {found['sync']['reason']}")
            time.sleep(0.05)
        return found

    def _expect(self, holds: bool, what: str, seen: object) -> None:
        if not holds:
            raise Broken(f"expected {what}, but Airflow says {seen}")

    def _tell_event(self, tag: str, word: str, text: str) -> None:
        """Tell a step at the time that Windlass recorded for it, since the last push."""
        events = self._stage.client.get(f"{ADDRESS}/events?limit=50")
        times = [
            at
            for event in events
            if event["tag"] == tag
            and (at := datetime.fromisoformat(event["at"])) >= self._since
            # A sync that the push before asked for may still be at work.
            and (tag not in OF_REVISION or event["revision"] == self._revision)
        ]
        if not times:
            raise Broken(f"no event {tag} since the push")
        self._tell(word, text, at=times[0])

    def _tell(self, word: str, text: str, at: datetime | None = None) -> None:
        passed_s = ((at or datetime.now(UTC)) - self._since).total_seconds()
        _say(self._out, f"  {passed_s:6.2f} s  {word:9} {text}")

    def _title(self, text: str) -> None:
        _say(self._out, f"\n{text}")


def _tour(stage: Stage, out: TextIO) -> None:
    """Say what there is to see and try, and wait for Ctrl-C."""
    endpoint = stage.airflow.endpoint
    clone = stage.folder / "clones" / "company" / "dags"
    windlass = Path(sys.executable).with_name("windlass")
    _say(
        out,
        f"""
Open
  Airflow    {endpoint.url}
             user {endpoint.admin_username}, password: cat {endpoint.admin_password_file}
  Windlass   {stage.settings.client_url}/openapi.json

Try, in another terminal
  export WINDLASS_HOME={stage.settings.home} WINDLASS_API_PORT={stage.settings.api_port}
  alias windlass={windlass}
  windlass repo show {NAME}
  cd {clone}
  edit orders.py, git commit -am "My change", git push
  windlass release list {NAME}
  windlass release rollback {NAME} --reason "trying it"

Ctrl-C stops everything and removes {stage.folder}.""",
    )
    while (part := stage.ended_part()) is None:
        time.sleep(0.5)
    raise Unavailable("DEMO005", f"{part} ended:\n{stage.log_tail(part)}")


def _interrupt(number: int, _: FrameType | None) -> None:
    """Every way to end us ends what we started, too."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(out: TextIO, text: str) -> None:
    out.write(text + "\n")
    out.flush()
