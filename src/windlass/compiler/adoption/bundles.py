"""Airflow's list of DAG bundles, and of them those that read Git.

As `apache-airflow-providers-git` 1.0 and Airflow 3 name their arguments (bundles/git.py, base.py).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from windlass.compiler.adoption.address import (
    folder_named,
    may_be_tag,
    ref_named,
    seconds_of,
    without_login,
)
from windlass.compiler.adoption.found import Adopted, Left
from windlass.compiler.declaration import DEFAULT_INTERVAL_S, DeclaredRepository
from windlass.domain.errors import AppError, Invalid
from windlass.domain.options import DEFAULTS
from windlass.domain.repository import suggest_name
from windlass.domain.text import plain

VARIABLE = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
CONNECTION = "AIRFLOW_CONN_"
_DEFAULT_CONNECTION = "git_default"
_OURS = "windlass_airflow."
_TAKEN = {
    *("tracking_ref", "subdir", "git_conn_id", "repo_url", "submodules", "refresh_interval"),
}
_NO_COUNTERPART = {
    "sparse_dirs": "name the folders below the DAG root: -O paths=[…]",
    "view_url_template": "no links to the Git host are made",
    "prune_dotgit_folder": "no release holds a .git folder",
}


def bundles_in(text: str) -> list[Any]:
    """The items of a list of bundles as Airflow's setting holds it; Invalid ADOPT003 where it is no
    list."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("ADOPT003", "dag_bundle_config_list is no JSON") from error
    if not isinstance(found, list):
        raise Invalid("ADOPT003", "dag_bundle_config_list is no JSON list")
    return found


def others_in(items: Iterable[Any]) -> list[dict[str, Any]]:
    """Those of a list's items that are no bundles of Windlass's; Invalid ADOPT003 where one has no
    name."""
    others = []
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise Invalid("ADOPT003", "an item of dag_bundle_config_list has no name")
        if _OURS not in str(item.get("classpath")):
            others.append(item)
    return others


def adopt(
    item: Any,
    where: str,
    environment: str,
    *,
    urls: Mapping[str, str],
    variables: Mapping[str, str],
) -> Adopted | Left | None:
    """The repository of one item of the list; None for a bundle of Windlass's own.

    `urls` are addresses that a person gave, by bundle; `variables` may hold the connections.
    """
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return Left(where, "an item of the list has no name")
    name = item["name"]
    where = f'{where}, bundle "{plain(name)[:80]}"'
    classpath = str(item.get("classpath", ""))
    if _OURS in classpath:
        return None
    if not classpath.endswith(".GitDagBundle"):
        kind = plain(classpath.rpartition(".")[2])[:80] or "bundle"
        return Left(where, f"a {kind} reads no Git", is_git=False)
    kwargs = item.get("kwargs")
    given: dict[str, Any] = kwargs if isinstance(kwargs, dict) else {}
    connection = str(given.get("git_conn_id") or "")
    try:
        url = urls.get(name) or given.get("repo_url") or _host_of(connection, variables)
        if not isinstance(url, str) or not url:
            of = connection or _DEFAULT_CONNECTION
            return Left(where, f"its address is in the connection {of}: give it with --url")
        declared, held = _declared(name, url, given, environment)
    except AppError as problem:
        return Left(where, f"{problem.code} {problem.message}")
    notes = list(_notes(item, given, held))
    return Adopted(where, declared, tuple(notes), held or bool(connection))


def _declared(
    name: str, url: str, given: Mapping[str, Any], environment: str
) -> tuple[DeclaredRepository, bool]:
    address, held = without_login(url)
    interval = given.get("refresh_interval")
    options = replace(DEFAULTS, submodules=True) if given.get("submodules") is True else DEFAULTS
    declared = DeclaredRepository(
        name=suggest_name(name),
        url=address,
        environment=environment,
        namespace=suggest_name(name),
        ref=ref_named(str(given.get("tracking_ref") or "HEAD")),
        path=folder_named(str(given.get("subdir") or "")),
        sync_interval_s=seconds_of(str(interval)) if interval else DEFAULT_INTERVAL_S,
        options=options,
    )
    return declared, held


def _host_of(connection: str, variables: Mapping[str, str]) -> str | None:
    """The address that a connection has; only where it is written as JSON."""
    name = connection or _DEFAULT_CONNECTION
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", name):
        return None
    try:
        found = json.loads(variables.get(f"{CONNECTION}{name.upper()}", ""))
    except (ValueError, RecursionError):
        return None
    host = found.get("host") if isinstance(found, dict) else None
    return host if isinstance(host, str) else None


def _notes(item: Mapping[str, Any], given: Mapping[str, Any], held: bool) -> Iterator[str]:
    if held:
        yield "its address holds a login, which was left out"
    if given.get("git_conn_id"):
        yield "git_conn_id: store the login of that connection as a credential"
    named = str(given.get("tracking_ref") or "HEAD")
    found = ref_named(named)
    if found is None:
        yield "tracking_ref HEAD: main is followed, and what HEAD names where there is no main"
    elif may_be_tag(found, named):
        yield f"tracking_ref {found.name}: taken for a branch; write tag: if it is one"
    if item.get("team_name"):
        yield "team_name: -O team=NAME, where the environment has bundles of that team"
    for name in (*given, *(key for key in item if key not in ("name", "classpath", "kwargs"))):
        if name not in _TAKEN and name != "team_name":
            yield f"{plain(str(name))[:80]}: {_NO_COUNTERPART.get(name, 'not known here')}"
