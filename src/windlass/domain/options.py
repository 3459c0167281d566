"""What a repository may choose, stored with it as one JSON object."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from functools import partial
from typing import Any, Self

from windlass.domain.errors import Invalid, join
from windlass.domain.nearest import suggest
from windlass.domain.paths import check_paths
from windlass.domain.pipeline import DEFAULT_FOLDERS


class VerdictMode(StrEnum):
    """What a denying finding at one file denies."""

    ALL = "all"  # the whole revision
    PER_FILE = "per_file"  # that file, which keeps its last good version


class NewDags(StrEnum):
    """How a DAG that Airflow has not seen before begins."""

    KEEP = "keep"  # as the DAG and Airflow's own settings say
    PAUSED = "paused"
    UNPAUSED = "unpaused"


class OnRewrite(StrEnum):
    """What follows when history was rewritten, a tag moved or the ref deleted."""

    FOLLOW = "follow"
    HOLD = "hold"  # until a person looked


class Filter(StrEnum):
    """What a fetch leaves out of history."""

    NONE = "none"
    BLOB_NONE = "blob:none"  # what files hold; of the newest revision it is fetched beside


class OnRemoval(StrEnum):
    """What becomes of its DAGs in Airflow when the repository is removed."""

    KEEP = "keep"  # out of sight; their runs and logs stay
    DELETE_DAGS = "delete_dags"  # with all their runs


class Report(StrEnum):
    """What a Git host is told, where it has an API that Windlass speaks and a credential for it."""

    STATUS = "status"  # the verdict, beside each commit that is judged
    COMMENT = "comment"  # one comment on each pull request, kept up to date
    SARIF = "sarif"  # findings as alerts of code scanning; GitHub only


class OnImportError(StrEnum):
    """What follows when Airflow cannot import what was deployed."""

    KEEP = "keep"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of one repository.

    `validation` False leaves only intake, syntax and dag_id ownership, and marks every release
    "not validated"; `import_check` False leaves DAG files unimported. `tests` runs the repository's
    own tests, for at most `tests_limit_s` seconds. `priority`: among newcomers
    that want one dag_id, the higher wins. `team` narrows the bundles that the repository can be
    bound to; None takes those of no team. `pool` is Airflow's pool for the tasks that name none;
    None leaves them in Airflow's default pool. With `require_other_approver` the author of a commit
    may not approve its release. What waits for approval expires after `approval_expires_h` hours,
    None for never. `depth` is how many commits of history the first fetch brings, None
    for all. `paths` are the only folders and files below the DAG root that are deployed, in order;
    () for all. `dag_id_prefixes` begin the ids that files build at run time: no other repository
    may have an id that begins so. `pipelines` are the folders below the DAG root whose YAML
    documents are compiled, () for none. `report` is what its Git host is told, of `Report`, () for
    nothing; `pull_requests` has those that it tells of checked. The host's API is shown the
    credential `api_credential`, None for the one that git has, at `api_url`, None for where hosts
    have it.
    """

    auto_deploy: bool = True
    validation: bool = True
    security_scan: bool = True
    import_check: bool = True
    tests: bool = False
    tests_limit_s: int = 120
    verdict_mode: VerdictMode = VerdictMode.ALL
    new_dags: NewDags = NewDags.KEEP
    on_rewrite: OnRewrite = OnRewrite.FOLLOW
    on_import_error: OnImportError = OnImportError.ROLL_BACK
    on_removal: OnRemoval = OnRemoval.KEEP
    self_heal: bool = True
    submodules: bool = False
    priority: int = 0
    team: str | None = None
    pool: str | None = None
    dag_id_prefix: bool = False
    require_other_approver: bool = False
    approval_expires_h: int | None = None
    depth: int | None = None
    filter: Filter = Filter.NONE
    paths: tuple[str, ...] = ()
    dag_id_prefixes: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = DEFAULT_FOLDERS
    report: tuple[str, ...] = (Report.STATUS.value, Report.COMMENT.value)
    pull_requests: bool = True
    api_credential: str | None = None
    api_url: str | None = None

    @property
    def is_partial(self) -> bool:
        """Whether fetches leave out what files hold, until it is wanted."""
        return self.filter is Filter.BLOB_NONE or bool(self.paths)

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults, so that a new default reaches every repository
        that did not choose."""
        default = asdict(Options())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    def changed(self, given: Mapping[str, Any]) -> "Options":
        """These options with others in their place, as JSON gives them.

        Invalid REPO014 names every option that is not known or has a bad value, and REPO021 those
        that do not go together.

        >>> DEFAULTS.changed({"verdict_mode": "per_file"}).verdict_mode
        <VerdictMode.PER_FILE: 'per_file'>
        """
        problems: list[Invalid] = []
        values: dict[str, Any] = {}
        for name, value in given.items():
            kind = _KINDS.get(name)
            if name in _OWN:
                try:
                    values[name] = _OWN[name](value)
                except Invalid as problem:
                    problems.append(problem)
            elif kind is None:
                hint = suggest(name, _KINDS)
                problems.append(Invalid("REPO014", f"there is no option {name!r}", hint))
            elif not _fits(value, kind):
                problems.append(
                    Invalid(
                        "REPO014", f"option {name} cannot be {value!r}: expected {_words(kind)}"
                    )
                )
            else:
                values[name] = kind(value) if issubclass(kind, StrEnum) else value
        if problems:
            raise join(problems)
        return check_together(replace(self, **values))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The inverse of `to_json`; a name that is not known any more is passed over."""
        kinds: dict[str, Callable[[Any], Any]] = {
            "verdict_mode": VerdictMode,
            "new_dags": NewDags,
            "on_rewrite": OnRewrite,
            "on_import_error": OnImportError,
            "on_removal": OnRemoval,
            "filter": Filter,
            "paths": tuple,
            "dag_id_prefixes": tuple,
            "pipelines": tuple,
            "report": tuple,
        }
        known: dict[str, Any] = {
            field.name: kinds[field.name](value) if field.name in kinds else value
            for field in fields(cls)
            if (value := stored.get(field.name, _ABSENT)) is not _ABSENT
        }
        return cls(**known)


MAX_DEPTH = 1_000_000
MAX_TESTS_LIMIT_S = 3600
MAX_EXPIRES_H = 8760
MAX_PREFIXES = 50


def check_together(options: Options) -> Options:
    """The options, if they go together; else Invalid REPO021."""
    if options.submodules and options.is_partial:
        raise Invalid(
            "REPO021",
            "submodules cannot be deployed where only a part of the contents is fetched",
            "Leave out submodules, or filter and paths.",
        )
    return options


def _limit(name: str, word: str, most: int, value: Any) -> int | None:
    """A whole number; None and the word mean that there is no limit."""
    if value in (None, word):
        return None
    if type(value) is not int or not 1 <= value <= most:
        raise Invalid(
            "REPO014",
            f"option {name} cannot be {value!r}: expected {word}, or a whole number from 1 to "
            f"{most}",
        )
    return value


def _tests_limit_s(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_TESTS_LIMIT_S:
        raise Invalid(
            "REPO014",
            f"option tests_limit_s cannot be {value!r}: expected seconds, a whole number from 1 to "
            f"{MAX_TESTS_LIMIT_S}",
        )
    return value


def _paths(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise Invalid("REPO014", f"option {name} cannot be {value!r}: expected a list of texts")
    return check_paths(value)


def check_prefix(text: str) -> str:
    """A prefix of dag_ids; Invalid REPO014 for what no id, or nearly every id, begins with."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{2,200}", text):
        return text
    raise Invalid(
        "REPO014",
        f"option dag_id_prefixes cannot have {text!r}: expected 2 to 200 of A-Z a-z 0-9 _ . -",
        "For example sales_.",
    )


def _prefixes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        words = f"option dag_id_prefixes cannot be {value!r}: expected a list of texts"
        raise Invalid("REPO014", words, 'For example ["sales_"].')
    found = tuple(dict.fromkeys(check_prefix(one) for one in value))
    if len(found) > MAX_PREFIXES:
        words = f"option dag_id_prefixes has {len(found)}: expected at most {MAX_PREFIXES}"
        raise Invalid("REPO014", words)
    return found


def _report(value: Any) -> tuple[str, ...]:
    kinds = list(Report)
    if not isinstance(value, list | tuple) or any(one not in kinds for one in value):
        words = f"option report cannot be {value!r}: expected a list of {', '.join(kinds)}"
        raise Invalid("REPO014", words, "[] reports nothing.")
    return tuple(one.value for one in kinds if one in value)


def check_api_url(text: str) -> str:
    """The address of an API without a last slash; Invalid REPO014."""
    if _API_URL.fullmatch(text):
        return text.rstrip("/")
    raise Invalid(
        "REPO014",
        "option api_url cannot be that: expected the address of an API without user, query or "
        "fragment",
        "For example https://git.example/gitlab/api/v4.",
    )


def _api_url(value: Any) -> str | None:
    return None if value is None else check_api_url(str(value))


def _api_credential(value: Any) -> str | None:
    """The name of a stored credential; what is none is not shown, since it may be the secret."""
    if value is None:
        return None
    if isinstance(value, str) and _CREDENTIAL.fullmatch(value):
        return value
    raise Invalid(
        "REPO014",
        "option api_credential cannot be that: expected the name of a stored credential",
        "See windlass credential list.",
    )


_CREDENTIAL = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_API_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]{1,300}(/[A-Za-z0-9._~/-]{0,300})?")
_ABSENT = object()
_OWN: dict[str, Callable[[Any], Any]] = {
    "depth": partial(_limit, "depth", "full", MAX_DEPTH),
    "approval_expires_h": partial(_limit, "approval_expires_h", "never", MAX_EXPIRES_H),
    "paths": partial(_paths, "paths"),
    "pipelines": partial(_paths, "pipelines"),
    "tests_limit_s": _tests_limit_s,
    "dag_id_prefixes": _prefixes,
    "report": _report,
    "api_url": _api_url,
    "api_credential": _api_credential,
}
"""Options of which a kind does not tell what they may be."""
DEFAULTS = Options()
_KINDS: dict[str, type] = {
    field.name: str if field.default is None else type(field.default) for field in fields(Options)
}


def _fits(value: Any, kind: type) -> bool:
    if issubclass(kind, StrEnum):
        return value in list(kind)
    return value is None if kind is str and value is None else type(value) is kind


def _words(kind: type) -> str:
    """What a value of this kind may be, for a message."""
    if issubclass(kind, StrEnum):
        return " or ".join(kind)
    return {bool: "true or false", int: "a whole number"}.get(kind, "a text, or null")
