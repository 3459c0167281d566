"""What windlass.yaml may hold: its keys, their meaning, and the JSON Schema made from them."""

import re
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum

from windlass.compiler.documents import quoted
from windlass.compiler.pipelines.bindings import BINDINGS
from windlass.compiler.policy import POLICIES
from windlass.compiler.shapes import (
    Choice,
    Flag,
    Json,
    Key,
    Listing,
    Names,
    Record,
    Shape,
    Text,
    Whole,
    schema,
)
from windlass.domain.airflowignore import Syntax
from windlass.domain.environment import MAX_BUNDLES, Target
from windlass.domain.errors import Invalid
from windlass.domain.inventory import VALUE_KINDS, plural
from windlass.domain.names import Kind
from windlass.domain.options import (
    DEFAULTS,
    MAX_DEPTH,
    MAX_EXPIRES_H,
    MAX_PREFIXES,
    MAX_TESTS_LIMIT_S,
    NewDags,
    Options,
    Report,
    VerdictMode,
    check_api_url,
    check_prefix,
)
from windlass.domain.paths import MAX_PATHS, check_paths
from windlass.domain.ref import RefKind, check_ref
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import check_name, check_path, parse_interval

AUTH_KINDS: Mapping[str, tuple[str, ...]] = {
    "public": (),
    "basic": ("basic",),
    "deploy_token": ("deploy_token", "basic"),
    "oauth_token": ("token",),
    "github_app": ("github_app",),
    "ssh_key": ("ssh_key",),
}
"""What `auth_type` says → the kinds of credentials that it means; none: no credential at all."""

OPTIONS_IN_VALIDATION: Mapping[str, str] = {
    "validation": "enabled",
    "security_scan": "security_scan",
    "import_check": "import_check",
    "tests": "tests",
    "tests_limit_s": "tests_limit_s",
    "auto_deploy": "auto_deploy",
}
"""Option → its key below `validation`. `auto_deploy` may be beside that as well."""

OPTION_KEYS = tuple(
    one.name
    for one in fields(Options)
    if one.name == "auto_deploy" or one.name not in OPTIONS_IN_VALIDATION
)
"""The options that are keys of a repository, by their own names."""

_ABOUT_OPTIONS = {
    "auto_deploy": "Whether an allowed revision goes live by itself; false waits for an approval.",
    "verdict_mode": "all: one bad file denies the revision; per_file: it keeps its last good form.",
    "new_dags": "How DAGs begin that Airflow has not seen before.",
    "on_rewrite": "What a force-push, a moved tag or a deleted ref leads to.",
    "on_import_error": "What follows when Airflow cannot import what was deployed.",
    "on_removal": "Whether Airflow forgets its DAGs and their runs when the repository is removed.",
    "self_heal": "Whether files that somebody changed in the store are put right by themselves.",
    "submodules": "Whether Git submodules are fetched.",
    "priority": "Among new repositories that want one dag_id, the higher number gets it.",
    "team": "The team whose bundles the repository uses.",
    "pool": "Airflow's pool for the tasks that name none.",
    "require_other_approver": "Whether the author of a commit may not approve its release.",
    "approval_expires_h": "Hours after which what waits for approval expires, or never.",
    "depth": "How many commits of history the first fetch brings, or full.",
    "filter": "blob:none fetches what files hold only of what is deployed.",
    "paths": "The only folders and files below the DAG root that are fetched and deployed.",
    "dag_id_prefixes": "How the ids begin that its files build at run time; nobody else's may.",
    "pipelines": "The folders below the DAG root whose YAML pipelines are compiled; pipelines.",
    "report": "What the Git host is told, status, comment, sarif; [] for nothing.",
    "pull_requests": "Whether pull requests that the Git host tells of are checked.",
    "api_credential": "The credential for the host's API, where that of git cannot be used there.",
    "api_url": "Where the host's API is, if that is not where hosts of its kind have it.",
    "dag_id_prefix": "Whether every dag_id must begin with the namespace.",
}
_NAME = r"^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$"
_ENVIRONMENT = r"^[a-z0-9][a-z0-9-]{0,62}$"
_INTERVAL = r"^[0-9]{1,6}[smh]?$"
_COMMIT = r"^[0-9a-fA-F]{40}$"
_POOL = r"^.{1,256}$"  # slot_pool.pool of Airflow 3: 256 characters
_AIRFLOW_VARIABLE = r"^AIRFLOW_(?:CONN|VAR)_[A-Za-z0-9_.-]{1,200}$"
_MODULE = r"^[A-Za-z_][A-Za-z0-9_]{0,100}$"
_AIRFLOW_URL = r"^https?://[^/\s?#@]+(?:/[^\s?#]*)?$"
_NO_SECRETS = "Secrets are never in this file: store a credential, and name it with credential:."


def _named(kind: str) -> Text:
    return Text(lambda text: check_name(kind, text), _NAME, is_hidden=kind == "credential")


def _matching(pattern: str, what: str, example: str) -> Text:
    """A text of a pattern."""

    def check(text: str) -> str:
        if re.fullmatch(pattern.strip("^$"), text):
            return text
        raise Invalid("FILE019", f"{quoted(text)} is no {what}", f"For example {example}.")

    return Text(check, pattern)


def _following(kind: RefKind, pattern: str | None = None) -> Text:
    return Text(lambda text: check_ref(kind, text).name, pattern)


def _interval(text: str) -> str:
    parse_interval(text)
    return text


def _pool(text: str) -> str:
    if not re.fullmatch(_POOL, text):
        raise Invalid("FILE019", f"{quoted(text)} is no name of a pool", "As Airflow shows it.")
    return text


def _url(text: str) -> str:
    return str(parse_remote_url(text))


def _below(text: str) -> str:
    return check_paths([text])[0]


_TEXTS: Mapping[str, Shape] = {
    "pool": Text(_pool, _POOL),
    "api_credential": _named("credential"),
    "api_url": Text(check_api_url, _AIRFLOW_URL),
}
"""Options that are texts, and no names of what they are called."""


def _option(name: str) -> Key:
    """The key of an option; its shape follows from its default."""
    default = getattr(DEFAULTS, name)
    shape: Shape = _TEXTS.get(name) or _named(name)
    match default:
        case bool():
            shape = Flag()
        case StrEnum():
            shape = Choice(tuple(type(default)))
        case None if name == "depth":
            shape = Whole(1, MAX_DEPTH, "full")
        case None if name == "approval_expires_h":
            shape = Whole(1, MAX_EXPIRES_H, "never")
        case tuple() if name == "dag_id_prefixes":
            shape = Listing(Text(check_prefix), "the prefix", MAX_PREFIXES)
        case tuple() if name == "report":
            shape = Listing(Choice(tuple(Report)), "the report", len(Report))
        case tuple():
            shape = Listing(Text(_below), "the path", MAX_PATHS)
        case int():
            shape = Whole(-1000, 1000)
    return Key(shape, _ABOUT_OPTIONS.get(name, f"The option {name}."))


_VALIDATION = Record(
    {
        "enabled": Key(Flag(), "false checks only intake, syntax and dag_id ownership."),
        "security_scan": Key(Flag(), "Whether the security checks run."),
        "import_check": Key(Flag(), "Whether DAG files are imported before a release."),
        "tests": Key(Flag(), "Whether the repository's own tests are run before a release."),
        "tests_limit_s": Key(Whole(1, MAX_TESTS_LIMIT_S), "Seconds that they may take."),
        "auto_deploy": _option("auto_deploy"),
    }
)

_MAX_NAMES = 20_000
_KINDS = tuple(plural(kind) for kind in Kind)
INVENTORY = Record(
    {
        **{
            name: Key(Listing(Text(), "the name", _MAX_NAMES), f"Names of {name} that it has.")
            for name in _KINDS
        },
        "environment_variables": Key(
            Listing(
                _matching(_AIRFLOW_VARIABLE, "AIRFLOW_CONN_… or AIRFLOW_VAR_…", "AIRFLOW_CONN_PG"),
                "the variable",
                _MAX_NAMES,
            ),
            "Environment variables of Airflow that give a connection or a variable.",
        ),
        "backends": Key(
            Names(_named("secrets backend"), Listing(Text(), "the prefix", 100)),
            "Secrets backend → prefixes of names that may lie there; such names are not doubted.",
        ),
        "modules": Key(
            Listing(_matching(_MODULE, "name of a module", "company_lib"), "the module", 1000),
            "Top-level modules that Airflow finds in its plugins folder, or by PYTHONPATH.",
        ),
        "ignore_syntax": Key(
            Choice(tuple(Syntax)),
            "Airflow's [core] dag_ignore_file_syntax. Default: that of the interpreter's Airflow.",
        ),
        **BINDINGS,
        "complete": Key(
            Listing(Choice(_KINDS), "the kind", 3),
            "Kinds of which the inventory has all: a name that it lacks denies.",
        ),
        "sandbox_values": Key(
            Record(
                {
                    name: Key(Names(Text(), Text()), f"Name → value, for {name}.")
                    for name in VALUE_KINDS
                }
            ),
            "What imports in the sandbox are answered. No secrets: DAG files can read them.",
        ),
    },
    forbidden={"secrets": _NO_SECRETS, "values": _NO_SECRETS},
)

_ENVIRONMENT_RECORD = Record(
    {
        "target": Key(Choice(tuple(Target)), "How releases reach this Airflow."),
        "airflow_url": Key(
            _matching(_AIRFLOW_URL, "address of an Airflow", "https://airflow.example"),
            "Airflow's address; without it nothing is seen live.",
        ),
        "airflow_username": Key(Text(), "The Airflow user, with the role user."),
        "credential": Key(_named("credential"), "The stored credential that opens its REST API."),
        "interpreter": Key(Text(), "Airflow's Python: DAG files must compile under it."),
        "bundles": Key(Whole(0, MAX_BUNDLES), "How many DAG bundles Airflow is given."),
        "teams": Key(
            Names(_named("team"), Whole(1, MAX_BUNDLES)), "Team → how many bundles are its own."
        ),
        "new_dags": Key(Choice(tuple(NewDags)), "new_dags of repositories that do not choose."),
        "verdict_mode": Key(
            Choice(tuple(VerdictMode)), "verdict_mode of repositories that do not choose."
        ),
        "inventory": Key(INVENTORY, "Which connections, variables and pools it has, by name."),
    },
    forbidden={"airflow_password": _NO_SECRETS, "password": _NO_SECRETS, "token": _NO_SECRETS},
)

_REFS = ("branch", "tag", "tag_pattern", "commit")
_REPOSITORY = Record(
    {
        "name": Key(_named("repository"), "The repository's name here, unique.", required=True),
        "url": Key(Text(_url), "Its clone URL, without user or password.", required=True),
        "branch": Key(
            _following(RefKind.BRANCH),
            "The branch to follow; without any ref main, else what the remote's HEAD names.",
        ),
        "tag": Key(_following(RefKind.TAG), "The tag to follow."),
        "tag_pattern": Key(
            _following(RefKind.TAG_PATTERN),
            "The newest tag that matches is followed, such as v* or ^1.2.",
        ),
        "commit": Key(_following(RefKind.COMMIT, _COMMIT), "One commit, for good."),
        "path": Key(Text(check_path), "The folder that is the DAG root."),
        "environment": Key(
            _matching(_ENVIRONMENT, "name of an environment", "prod"),
            "Which environment it goes to; may be left out where there is one.",
        ),
        "auth_type": Key(Choice(tuple(AUTH_KINDS)), "How Windlass gets in."),
        "credential": Key(_named("credential"), "The stored credential that opens it."),
        "sync_interval": Key(Text(_interval, _INTERVAL), "How often it is polled, such as 60s."),
        "namespace": Key(_named("namespace"), "Its owner; its name where left out."),
        "validation": Key(_VALIDATION, "Which checks run."),
        **{name: _option(name) for name in OPTION_KEYS},
    },
    alternatives=(_REFS,),
    forbidden=dict.fromkeys(
        ("password", "token", "secret", "username", "ssh_key", "private_key", "auth"), _NO_SECRETS
    ),
    rules=(
        {
            "not": {
                "required": ["auto_deploy", "validation"],
                "properties": {"validation": {"required": ["auto_deploy"]}},
            }
        },
        {
            "not": {
                "required": ["submodules"],
                "properties": {"submodules": {"const": True}},
                "anyOf": [
                    {"required": ["filter"], "properties": {"filter": {"const": "blob:none"}}},
                    {"required": ["paths"], "properties": {"paths": {"minItems": 1}}},
                ],
            }
        },
        {
            "if": {"properties": {"auth_type": {"const": "public"}}, "required": ["auth_type"]},
            "then": {"not": {"required": ["credential"]}},
            "else": {
                "if": {"required": ["auth_type"]},
                "then": {"required": ["credential"]},
            },
        },
    ),
)

FILE = Record(
    {
        "environments": Key(
            Names(_matching(_ENVIRONMENT, "name of an environment", "prod"), _ENVIRONMENT_RECORD),
            "Every Airflow that the file declares.",
        ),
        "policies": Key(POLICIES, "Release policies, by name (docs/policy.md)."),
        "repositories": Key(
            Listing(_REPOSITORY, "the repository"), "All repositories of the file.", required=True
        ),
    }
)


def declaration_schema() -> Json:
    """The JSON Schema of the file. It cannot say that names are unique, that what is named exists,
    and what a URL, a ref, a path and the bounds of an interval are: `windlass config check` does.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "windlass.yaml",
        "description": "Environments and repositories of Windlass (docs/declarative.md).",
        **schema(FILE),
    }
