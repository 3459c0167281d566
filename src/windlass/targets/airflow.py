"""Airflow's REST API v2 (Airflow 3.1 to 3.3): the few calls that Windlass needs.

Tolerant of fields it does not know. One client per environment; any number of threads.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from windlass.domain.airflow import AirflowStatus
from windlass.domain.clock import RemoteClock
from windlass.domain.errors import AppError, Conflict, Invalid, Unavailable
from windlass.domain.inventory import plural
from windlass.domain.names import Kind
from windlass.domain.observation import SeenDag, SeenImportError
from windlass.domain.release import ReleaseId
from windlass.domain.text import plain
from windlass.network.proxies import STRAIGHT, Network
from windlass.targets.transport import explain_way, http_client

_PAGE = 100  # Airflow's [api] maximum_page_limit as it comes; it may be set lower


_NAME_KEYS = {Kind.CONNECTION: "connection_id", Kind.VARIABLE: "key", Kind.POOL: "name"}
_RUNS_OF = 500  # dag_ids that are asked about at a time


@dataclass(frozen=True, slots=True)
class ShownDag:
    """One DAG as Airflow shows it, stale ones included."""

    seen: SeenDag
    bundle: str
    is_stale: bool
    is_paused: bool
    has_import_errors: bool
    next_run_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One run; its times are None where it has not come so far."""

    run_id: str
    state: str
    version: str | None
    started_at: datetime | None
    ended_at: datetime | None


class AirflowClient:
    """Speaks to one Airflow as one user; its token is fetched and renewed as needed.

    Every call raises Unavailable AIR001 where Airflow is away or fails, Invalid AIR002 where it
    refuses the user, AIR003 where it refuses the call, Unavailable AIR004 where its answer is not
    one of Airflow's, such as a proxy's page, Invalid AIR007 where its certificate is not believed,
    and what `network.sockets` does of the proxy that leads there. Where the Airflow there is known
    to be another one than the environment's, every call but `identity` raises `refused`.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        *,
        network: Network = STRAIGHT,
        refused: AppError | None = None,
        timeout_s: float = 10,
    ) -> None:
        self.url = url.rstrip("/")
        self.username = username
        self._password = password
        self._refused = refused
        self._token: str | None = None
        self._token_lock = threading.Lock()
        self.clock = RemoteClock()
        self._network = network
        self._http = http_client(self.url, network, timeout_s)

    def list_dags(self, bundle: str) -> list[SeenDag]:
        """The DAGs of a bundle that Airflow shows: present in its files, paused or not."""
        query = {"exclude_stale": "true", "order_by": "dag_id"} | self._bundle_filter(bundle)
        with self._reading("/api/v2/dags"):
            rows = self._pages("/api/v2/dags", "dags", query)
            placed = map(self._placed, rows)
            return [dag for shown_by, dag in placed if self._is_asked_for(shown_by, bundle)]

    def list_import_errors(self, bundle: str) -> list[SeenImportError]:
        """The import errors of a bundle, each once."""
        query = {"order_by": "import_error_id"} | self._bundle_filter(bundle)
        with self._reading("/api/v2/importErrors"):
            rows = self._pages("/api/v2/importErrors", "import_errors", query)
            # Airflow 3.1 and 3.2 have no bundle_name filter here, so we filter. They also count
            # an error once for each DAG of its file: pages overlap then, and we keep one of each.
            placed = map(self._placed_error, rows)
            return list(dict.fromkeys(error for shown_by, error in placed if shown_by == bundle))

    def list_all_dags(self) -> dict[str, list[SeenDag]]:
        """bundle → the DAGs that Airflow shows of it; one call for each hundred DAGs."""
        query = {"exclude_stale": "true", "order_by": "dag_id"}
        by_bundle: dict[str, list[SeenDag]] = {}
        with self._reading("/api/v2/dags"):
            for bundle, dag in map(self._placed, self._pages("/api/v2/dags", "dags", query)):
                by_bundle.setdefault(bundle, []).append(dag)
        return by_bundle

    def list_all_import_errors(self) -> dict[str, list[SeenImportError]]:
        """bundle → its import errors, each once; one call for each hundred errors."""
        by_bundle: dict[str, dict[SeenImportError, None]] = {}
        with self._reading("/api/v2/importErrors"):
            query = {"order_by": "import_error_id"}
            rows = self._pages("/api/v2/importErrors", "import_errors", query)
            for bundle, error in map(self._placed_error, rows):
                by_bundle.setdefault(bundle, {})[error] = None
        return {bundle: list(errors) for bundle, errors in by_bundle.items()}

    def list_dags_elsewhere(self, bundle: str) -> list[tuple[str, SeenDag]]:
        """(bundle, DAG) of at most a hundred DAGs of other bundles; one call."""
        query = {"exclude_stale": "true", "order_by": "dag_id", "limit": str(_PAGE)}
        with self._reading("/api/v2/dags"):
            rows = self._call("GET", "/api/v2/dags", query=query).json()["dags"]
            return [(o, dag) for o, dag in map(self._placed, rows) if o not in ("", bundle)]

    def put_connection(self, body: dict[str, Any]) -> bool:
        """Write a connection, which Airflow encrypts; True where there was none of that id."""
        path = f"/api/v2/connections/{quote(body['connection_id'], safe='')}"
        # Airflow 3.3 keeps a password that a PATCH leaves out or sets to null.
        how = "DELETE" if body["password"] is None else "PATCH"
        change = None if body["password"] is None else body
        with self._reading(path):
            was_there = self._call(how, path, body=change, ok={404}).is_success
            if how == "DELETE" or not was_there:
                self._call("POST", "/api/v2/connections", body=body)
            return not was_there

    def find_dag(self, dag_id: str) -> ShownDag | None:
        """A DAG, also where it is stale; None where Airflow has no row of it."""
        path = f"/api/v2/dags/{quote(dag_id, safe='')}"
        response = self._call("GET", path, ok={404})
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        with self._reading(path):
            row = response.json()
            next_run = row.get("next_dagrun_run_after")
            bundle, seen = self._placed(row)
            return ShownDag(
                seen=seen,
                bundle=bundle,
                is_stale=bool(row["is_stale"]),
                is_paused=bool(row["is_paused"]),
                has_import_errors=bool(row.get("has_import_errors")),
                next_run_at=None if next_run is None else _time(next_run),
            )

    def find_first_run(self, dag_id: str, release: ReleaseId) -> ShownRun | None:
        """The run of a DAG that began first on a release, or None. Airflow 3.1 does not filter runs
        by it; so we do, among the hundred oldest."""
        path = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns"
        query = {"bundle_version": str(release), "order_by": "run_after", "limit": str(_PAGE)}
        response = self._call("GET", path, query=query, ok={404})
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        with self._reading(path):
            runs = [_run(row) for row in response.json()["dag_runs"]]
            return next((run for run in runs if run.version == str(release)), None)

    def list_unfinished_runs(self, dag_ids: Collection[str]) -> dict[str, list[str]]:
        """dag_id → its runs that are queued or running, for those of `dag_ids` that have some."""
        path = "/api/v2/dags/~/dagRuns/list"
        wanted, found = sorted(dag_ids), dict[str, list[str]]()
        with self._reading(path):
            for begin in range(0, len(wanted), _RUNS_OF):
                body: dict[str, Any] = {"dag_ids": wanted[begin : begin + _RUNS_OF]}
                body |= {"states": ["queued", "running"], "order_by": "id", "page_limit": _PAGE}
                offset = 0
                while True:
                    answer = self._call("POST", path, body={**body, "page_offset": offset}).json()
                    rows = answer["dag_runs"]
                    for row in rows:
                        found.setdefault(_text(row["dag_id"]), []).append(_text(row["dag_run_id"]))
                    offset += len(rows)
                    if not rows or offset >= answer["total_entries"]:
                        break
        return found

    def list_names(self, kind: Kind) -> frozenset[str]:
        """The names of all connections, variables or pools; of their values nothing is kept."""
        path, key = f"/api/v2/{plural(kind)}", _NAME_KEYS[kind]
        with self._reading(path):
            return frozenset(_text(row[key]) for row in self._pages(path, plural(kind), {}))

    def parse_file(self, file_token: str) -> None:
        """Ask the processor to parse a file next; this refreshes its whole bundle first."""
        self._call("PUT", f"/api/v2/parseDagFile/{quote(file_token, safe='')}", ok={404, 409})

    def list_runs_of(self, bundle: str) -> dict[str, list[str]]:
        """dag_id → its runs that are queued or running, for every DAG whose row names this bundle,
        stale ones included."""
        query = {"exclude_stale": "false", "order_by": "dag_id"} | self._bundle_filter(bundle)
        with self._reading("/api/v2/dags"):
            placed = map(self._placed, self._pages("/api/v2/dags", "dags", query))
            dag_ids = [d.dag_id for shown, d in placed if self._is_asked_for(shown, bundle)]
        return self.list_unfinished_runs(dag_ids)

    def list_gone(self, bundle: str) -> list[str]:
        """The dag_ids that Airflow has rows of whose bundle is this one, and does not show: its
        files have them no more."""
        query = {"exclude_stale": "false", "order_by": "dag_id"} | self._bundle_filter(bundle)
        with self._reading("/api/v2/dags"):
            rows = [row for row in self._pages("/api/v2/dags", "dags", query) if row["is_stale"]]
            placed = map(self._placed, rows)
            return [dag.dag_id for shown, dag in placed if self._is_asked_for(shown, bundle)]

    def delete_dag(self, dag_id: str) -> None:
        """Have Airflow forget a DAG with its runs, logs' records excepted; nothing where it has no
        row of it. Raises Conflict AIR009 while one of its tasks runs."""
        path = f"/api/v2/dags/{quote(dag_id, safe='')}"
        busy, gone = httpx.codes.CONFLICT, httpx.codes.NOT_FOUND
        if self._call("DELETE", path, ok={busy, gone}).status_code == busy:
            words = f"Airflow does not delete the DAG {dag_id!r} while one of its tasks runs"
            raise Conflict("AIR009", words, "Let it end, or mark it as failed in Airflow.")

    def may_delete_dags(self) -> bool:
        """Whether the user may have DAGs deleted; found out with an id that no DAG can have."""
        refused = {httpx.codes.FORBIDDEN, httpx.codes.UNAUTHORIZED}
        unknown = {httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST}
        answer = self._call("DELETE", "/api/v2/dags/windlass~none", ok=refused | unknown)
        return answer.status_code not in refused

    def refresh_bundle(self, bundle: str) -> None:
        """Have the processor look for new and removed files of a bundle of which it knows no DAG.
        It does so by itself, every second, for bundles of ours."""

    def refers_to(self, release: ReleaseId) -> bool:
        """Whether a DAG, stale ones included, or a run of any age and state has this bundle
        version. True too where this Airflow cannot tell."""
        for path in ("/api/v2/dags", "/api/v2/dags/~/dagRuns"):
            query = {"bundle_version": str(release), "exclude_stale": "false", "limit": "1"}
            with self._reading(path):
                if int(self._call("GET", path, query=query).json()["total_entries"]):
                    return True
        return False

    def version(self) -> str:
        """Airflow's version, such as `3.3.2`, told to anybody; of Airflow 2 as well."""
        response = self._send("GET", "/api/v2/version")
        if response.status_code == httpx.codes.NOT_FOUND:
            response = self._send("GET", "/api/v1/version")
        if response.is_server_error:
            raise self._away(f"it answers {response.status_code} to GET /api/v2/version")
        with self._reading("/api/v2/version"):
            return _text(response.json()["version"])

    def identity(self) -> str | None:
        """The id by which the provider tells this Airflow from others, whatever its address; None
        where none is told, as by an older provider, or by an Airflow without one."""
        response = self._authorized("GET", "/windlass/airflow")
        if response.is_server_error:
            raise self._away(f"it answers {response.status_code} to GET /windlass/airflow")
        with suppress(KeyError, TypeError, ValueError):  # Airflow's own page, where nothing is
            return str(UUID(response.json()["airflow_id"]))
        return None

    def sign_in(self) -> None:
        """Get a new token now."""
        self._get_token(renew=True)

    def missing_rights(self) -> list[str]:
        """What the user may not do of all that Windlass does, in words. Changes nothing: the file
        that it asks to parse does not exist."""
        wanted = (
            ("read DAGs", "GET", "/api/v2/dags"),
            ("read import errors", "GET", "/api/v2/importErrors"),
            ("read runs", "GET", "/api/v2/dags/~/dagRuns"),
            ("ask for a parse", "PUT", "/api/v2/parseDagFile/none"),
        )
        refused = {httpx.codes.FORBIDDEN, httpx.codes.UNAUTHORIZED}
        not_this_one = {httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST}
        return [
            words
            for words, method, path in wanted
            if self._call(method, path, query={"limit": "1"}, ok=refused | not_this_one).status_code
            in refused
        ]

    def settings(self) -> dict[tuple[str, str], str] | None:
        """(section, option) → value of all its settings, as its API server has them, secrets
        masked; None where it does not tell them ([api] expose_config), or not to this user."""
        path = "/api/v2/config"
        answer = self._call("GET", path, ok={403, 404})
        if not answer.is_success:
            return None
        with self._reading(path):
            return {
                (_text(section["name"]), _text(option["key"])): _text(option["value"])
                for section in answer.json()["sections"]
                for option in section["options"]
                if isinstance(option["value"], str)
            }

    def status(self) -> AirflowStatus:
        """How Airflow's components are, by its own word."""
        with self._reading("/api/v2/monitor/health"):
            rows = self._call("GET", "/api/v2/monitor/health").json()
            return AirflowStatus({_text(name): _component(row) for name, row in rows.items()})

    def close(self) -> None:
        """Close kept-alive connections."""
        self._http.close()

    def _bundle_filter(self, bundle: str) -> dict[str, str]:
        """What narrows a listing to a bundle, as far as Airflow can."""
        return {"bundle_name": bundle}

    def _is_asked_for(self, shown_by: str, bundle: str) -> bool:  # noqa: ARG002
        """Whether a DAG that came for `bundle` is of it: Airflow has looked to that."""
        return True

    def _placed(self, row: dict[str, Any]) -> tuple[str, SeenDag]:
        """(bundle, DAG) of a row of Airflow's."""
        return _text(row.get("bundle_name") or ""), _dag(row)

    def _placed_error(self, row: dict[str, Any]) -> tuple[str, SeenImportError]:
        """(bundle, import error) of a row of Airflow's."""
        return _text(row.get("bundle_name") or ""), _import_error(row)

    def _pages(self, path: str, key: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = {**query, "limit": str(_PAGE), "offset": str(offset)}
            body = self._call("GET", path, query=page).json()
            rows = body[key]
            yield from rows
            offset += len(rows)  # not _PAGE: Airflow gives fewer where its limit is lower
            if not rows or offset >= body["total_entries"]:
                return

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        ok: set[int] | None = None,
    ) -> httpx.Response:
        if self._refused is not None:
            raise self._refused.with_traceback(None)  # the same one, again and again
        response = self._authorized(method, path, params=query, json=body)
        if response.is_success or response.status_code in (ok or ()):
            return response
        if response.is_server_error:
            raise self._away(f"it answers {response.status_code} to {method} {path}")
        raise Invalid(
            "AIR003",
            f"Airflow at {self.url} refuses {method} {path} for {self.username!r}: "
            f"{response.status_code}",
            "The user needs to read DAGs and import errors, and to parse (role user).",
        )

    def _authorized(self, method: str, path: str, **options: Any) -> httpx.Response:
        for fresh in (False, True):
            headers = {"Authorization": f"Bearer {self._get_token(renew=fresh)}"}
            response = self._send(method, path, headers=headers, **options)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                break
        return response

    def _get_token(self, *, renew: bool) -> str:
        """The token at hand, or a new one: POST /auth/token (AIP-79 auth managers)."""
        with self._token_lock:
            if self._token is None or renew:
                login = {"username": self.username, "password": self._password}
                response = self._send("POST", "/auth/token", json=login)
                if response.is_server_error:
                    raise self._away(f"it answers {response.status_code} to a sign-in")
                if not response.is_success:
                    raise Invalid(
                        "AIR002",
                        f"Airflow at {self.url} refuses the user {self.username!r}: "
                        f"{response.status_code}",
                        "Give the environment another user or password: windlass environment set.",
                    )
                with self._reading("/auth/token"):
                    self._token = _text(response.json()["access_token"])
                    self._token.encode("ascii")  # as a header must be
            return self._token

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        asked_at = datetime.now(UTC)
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            way = explain_way(self.url, self._network, error)
            raise way or self._away(str(error) or type(error).__name__) from error
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            said = parsedate_to_datetime(response.headers["date"])
            self.clock.note(said, asked_at=asked_at, answered_at=datetime.now(UTC))
        return response

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        """Say Unavailable AIR004 where an answer has not the shape that Airflow gives it."""
        try:
            yield
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Unavailable(
                "AIR004",
                f"what answers {path} at {self.url} is not understood as Airflow: {error!r:.200}",
                "Is its address right, and does a proxy answer in Airflow's place?",
                retry_after_s=5,
            ) from error

    def _away(self, why: str) -> Unavailable:
        return Unavailable(
            "AIR001",
            f"Airflow at {self.url} does not answer: {why}",
            "Is its api-server running, and the address right?",
            retry_after_s=5,
        )


def _dag(row: dict[str, Any]) -> SeenDag:
    version, path = row.get("bundle_version"), _text(row.get("relative_fileloc") or "")
    return SeenDag(
        _text(row["dag_id"]),
        None if version is None else _text(version),
        path,
        _text(row.get("file_token") or ""),
        _parse_began_at(row),
        None if (took_s := row.get("last_parse_duration")) is None else float(took_s),
        _read_from(_text(row.get("fileloc") or ""), path),
    )


def _read_from(location: str, path: str) -> ReleaseId | None:
    """The release of a file in a store, as the provider's policy tells: `…/releases/42/tree/a.py`.
    None for a bundle's own path, which an older provider leaves there."""
    folder, is_in_tree, _ = location.removesuffix(path).rpartition("/tree/")
    kind, _, release = folder.rpartition("/")
    is_one = is_in_tree and location.endswith(f"/tree/{path}") and kind.endswith("/releases")
    return ReleaseId(int(release)) if is_one and release.isascii() and release.isdigit() else None


def _run(row: dict[str, Any]) -> ShownRun:
    version, started, ended = (row.get(k) for k in ("bundle_version", "start_date", "end_date"))
    return ShownRun(
        run_id=_text(row["dag_run_id"]),
        state=_text(row["state"]),
        version=None if version is None else _text(version),
        started_at=None if started is None else _time(started),
        ended_at=None if ended is None else _time(ended),
    )


def _import_error(row: dict[str, Any]) -> SeenImportError:
    return SeenImportError(
        _text(row["filename"]), _time(row["timestamp"]), _text(row["stack_trace"])
    )


def _component(row: dict[str, Any]) -> tuple[str | None, datetime | None]:
    """Status and last heartbeat: `latest_<component>_heartbeat`, which the database has not."""
    beats = [value for key, value in row.items() if key.endswith("_heartbeat") and value]
    status = row.get("status")
    return (None if status is None else _text(status), _time(beats[0]) if beats else None)


def _text(value: object) -> str:
    """Text that can be stored and shown; TypeError for anything else than text."""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of text")
    return plain(value, block=True)


def _parse_began_at(row: dict[str, Any]) -> datetime | None:
    finished, duration_s = row.get("last_parsed_time"), row.get("last_parse_duration")
    if finished is None or duration_s is None:
        return None
    return _time(finished) - timedelta(seconds=duration_s)


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
