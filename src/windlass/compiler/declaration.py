"""The declarative file, windlass.yaml: its text read into environments and repositories."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from windlass.compiler.declaration_shape import (
    AUTH_KINDS,
    FILE,
    INVENTORY,
    OPTION_KEYS,
    OPTIONS_IN_VALIDATION,
)
from windlass.compiler.documents import quoted, read_document
from windlass.compiler.nodes import Place
from windlass.compiler.policy import policy_of
from windlass.compiler.reading import Fields, Reading
from windlass.domain.environment import DEFAULT_BUNDLES, MAX_BUNDLES, Environment, Target
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding
from windlass.domain.inventory import Declared
from windlass.domain.login import KnownCredential
from windlass.domain.nearest import suggest
from windlass.domain.options import DEFAULTS, NewDags, Options, VerdictMode, check_together
from windlass.domain.policy import Policy
from windlass.domain.ref import Ref, RefKind
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import Owner, parse_interval

FILE_NAMES = ("windlass.yaml", "airflow-repos.yaml")
DEFAULT_INTERVAL_S = 60
_ADD_IT = "Store it first: windlass credential add --help"


@dataclass(frozen=True, slots=True)
class DeclaredRepository:
    """A repository as the file says it, with every default filled in but `ref`: None follows main,
    or the branch that the remote's HEAD names where it has none.

    `auth_type` and `place` tell how and where it was written; two that differ only there are equal.
    """

    name: str
    url: str
    environment: str
    namespace: str
    ref: Ref | None = None
    path: str = "."
    credential: str | None = None
    sync_interval_s: int = DEFAULT_INTERVAL_S
    options: Options = DEFAULTS
    auth_type: str | None = field(default=None, compare=False)
    place: Place = field(default=Place(1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a good file says. Names are unique; every environment that is named is known."""

    environments: tuple[Environment, ...]
    repositories: tuple[DeclaredRepository, ...]
    environment_places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    policies: tuple[Policy, ...] = ()
    policy_places: Mapping[str, Place] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a file may rely on: variables, the environments that are there without it, and what
    holds where it is silent."""

    variables: Mapping[str, str] = field(default_factory=dict)
    environments: tuple[Environment, ...] = (Environment("default"),)
    sync_interval_s: int = DEFAULT_INTERVAL_S


def read_declaration(
    path: str, content: bytes, around: Surroundings
) -> tuple[Declaration | None, tuple[Finding, ...]]:
    """Read the file; None where anything is wrong with it, and then every problem in the order of
    the text. Credentials are not looked up here, and no host is asked."""
    document = read_document(path, content)
    reading = Reading(path, around.variables, list(document.findings))
    declared = None
    if document.root is not None:
        found = reading.read(FILE, document.root, "the file")
        if found is not None:
            declared = _declaration(reading, found, around)
    ordered = tuple(sorted(reading.findings, key=lambda one: (one.line or 0, one.column or 0)))
    return (None, ordered) if ordered or declared is None else (declared, ())


def check_credentials(
    path: str, declared: Declaration, known: Mapping[str, KnownCredential]
) -> tuple[Finding, ...]:
    """What the file says of credentials that is not so; `known` has those that are stored.

    A name that is not stored is never told again: it may be the secret itself.
    """
    reading = Reading(path)
    for one in declared.repositories:
        _check_credential(reading, one, known)
    for environment in declared.environments:
        name = environment.credential
        if name is not None and name not in known:
            place = declared.environment_places.get(environment.name, Place(1, 1))
            message = f"the credential of environment {quoted(environment.name)} does not exist"
            hint = suggest(name, known) or _ADD_IT
            reading.refuse("FILE022", message, hint, place)
    return tuple(reading.findings)


def _check_credential(
    reading: Reading, one: DeclaredRepository, known: Mapping[str, KnownCredential]
) -> None:
    if one.credential is None:
        return
    found, url = known.get(one.credential), parse_remote_url(one.url)
    if found is None:
        reading.refuse(
            "FILE020",
            f"the credential of repository {quoted(one.name)} does not exist",
            suggest(one.credential, known) or _ADD_IT,
            one.place,
        )
        return
    wanted = AUTH_KINDS.get(one.auth_type or "", ())
    if wanted and found.kind not in wanted:
        reading.refuse(
            "FILE021",
            f"auth_type {one.auth_type} needs a credential of the kind {wanted[0]}, and "
            f"{quoted(one.credential)} is of the kind {found.kind}",
            "Leave auth_type out, or correct it.",
            one.place,
        )
    elif (found.kind == "ssh_key") != (url.scheme == "ssh"):
        reading.refuse(
            "FILE023",
            f"{one.url} is asked by {url.scheme}, which cannot use the credential "
            f"{quoted(one.credential)} of the kind {found.kind}",
            "Give the ssh URL with an ssh_key, the https URL with a password or a token.",
            one.place,
        )
    if found.host not in (None, url.host):  # whoever may write the file must not get the secret
        reading.refuse(
            "FILE024",
            f"the credential {quoted(one.credential)} is for {found.host}, and is not sent to "
            f"{url.host}",
            "Add another one for that host.",
            one.place,
        )


def _declaration(reading: Reading, found: Fields, around: Surroundings) -> Declaration:
    written: dict[str, Fields] = found.get("environments", {})
    environments = [_environment(reading, name, one) for name, one in written.items()]
    names = [one.name for one in environments]
    known = {one.name: one for one in around.environments} | {one.name: one for one in environments}
    only = names or [one.name for one in around.environments]
    listed = [one for one in found.get("repositories", []) if one is not None]
    _check_unique(reading, listed)
    made = [_repository(reading, one, around, known, only) for one in listed]
    repositories = tuple(one for one in made if one is not None)
    places = {name: one.place for name, one in written.items()}
    policies: dict[str, Fields] = found.get("policies", {})
    return Declaration(
        tuple(environments),
        repositories,
        places,
        tuple(policy_of(name, one) for name, one in policies.items()),
        {name: one.place for name, one in policies.items()},
    )


def _check_unique(reading: Reading, listed: Iterable[Fields]) -> None:
    first: dict[str, Place] = {}
    for one in listed:
        name, place = one.get("name"), one.place_of("name")
        if name in first:
            at = f"{reading.path}:{first[name].line}:{first[name].column}"
            message = f"the name {quoted(name)} is here twice"
            reading.refuse("FILE011", message, f"First at {at}.", place)
        elif name is not None:
            first[name] = place


def _environment(reading: Reading, name: str, found: Fields) -> Environment:
    made = Environment(
        name=name,
        target=Target(found.get("target", Target.BUNDLE)),
        airflow_url=found.get("airflow_url"),
        airflow_username=found.get("airflow_username"),
        credential=found.get("credential"),
        interpreter=found.get("interpreter"),
        bundles=found.get("bundles", DEFAULT_BUNDLES),
        teams=found.get("teams", {}),
        new_dags=NewDags(found.get("new_dags", DEFAULTS.new_dags)),
        verdict_mode=VerdictMode(found.get("verdict_mode", DEFAULTS.verdict_mode)),
        owner=Owner.FILE,
        inventory=_inventory(found.get("inventory")),
    )
    if len(made.pool) > MAX_BUNDLES:
        message = f"environment {quoted(name)} has {len(made.pool)} bundles with those of its teams"
        reading.refuse("FILE012", message, f"At most {MAX_BUNDLES} are allowed.", found.place)
    return made


def read_inventory(path: str, content: bytes) -> tuple[Declared | None, tuple[Finding, ...]]:
    """Read a file that holds an inventory alone, with the keys that windlass.yaml has; None where
    anything is wrong with it."""
    document = read_document(path, content)
    reading = Reading(path, {}, list(document.findings))
    found = reading.read(INVENTORY, document.root, "the inventory") if document.root else None
    if reading.findings or found is None:
        return None, tuple(reading.findings)
    return _inventory(found), ()


def _inventory(found: Fields | None) -> Declared:
    if found is None:
        return Declared()
    said = {name: _bare(value) for name, value in found.values.items() if value is not None}
    return Declared.from_json(said)


def _bare(value: object) -> object:
    """What was read as plain values."""
    match value:
        case Fields():
            return value.values
        case dict():
            return {name: _bare(one) for name, one in value.items()}
    return value


def _repository(
    reading: Reading,
    found: Fields,
    around: Surroundings,
    known: Mapping[str, Environment],
    only: list[str],
) -> DeclaredRepository | None:
    """None where a key that everything hangs on is missing or wrong, which is told."""
    environment = _environment_of(reading, found, known, only)
    _check_access(reading, found)
    options = _options(reading, found, environment)
    name, url = found.get("name"), found.get("url")
    if name is None or url is None or environment is None:
        return None
    interval = found.get("sync_interval")
    return DeclaredRepository(
        name=name,
        url=url,
        environment=environment.name,
        namespace=found.get("namespace", name),
        ref=_ref(found),
        path=found.get("path", "."),
        credential=found.get("credential"),
        sync_interval_s=(
            int(parse_interval(interval).total_seconds()) if interval else around.sync_interval_s
        ),
        options=options,
        auth_type=found.get("auth_type"),
        place=found.place,
    )


def _ref(found: Fields) -> Ref | None:
    for kind in RefKind:
        if name := found.get(kind):
            return Ref(kind, name)
    return None


def _environment_of(
    reading: Reading, found: Fields, known: Mapping[str, Environment], only: list[str]
) -> Environment | None:
    name = found.get("environment")
    if name in known:
        return known[name]
    if name is not None:
        message = f"no environment is named {quoted(name)}"
        reading.refuse("FILE013", message, suggest(name, known), found.place_of("environment"))
    elif "environment" in found.places:
        pass  # told already
    elif len(only) == 1:
        return known[only[0]]
    else:
        reading.refuse(
            "FILE014",
            "the repository names no environment, and there are several",
            f"Add environment: one of {_some(only)}.",
            found.place,
        )
    return None


def _check_access(reading: Reading, found: Fields) -> None:
    """Whether `auth_type` and `credential` go together."""
    auth_type, credential = found.get("auth_type"), found.get("credential")
    if auth_type == "public" and "credential" in found.places:
        one = "Leave out auth_type, or the credential."
        place = found.place_of("credential")
        reading.refuse("FILE015", "a public repository needs no credential", one, place)
    if auth_type not in (None, "public") and "credential" not in found.places and not credential:
        message = f"auth_type {auth_type} needs a credential"
        hint = "Name a stored one with credential:."
        reading.refuse("FILE016", message, hint, found.place_of("auth_type"))


def _options(reading: Reading, found: Fields, environment: Environment | None) -> Options:
    """What was chosen, above what the environment says, above the defaults."""
    validation = found.get("validation")
    if validation and "auto_deploy" in validation.places and "auto_deploy" in found.places:
        reading.refuse(
            "FILE017",
            "auto_deploy is here and beside validation",
            "Keep one of them.",
            validation.place_of("auto_deploy"),
        )
    base = environment.defaults if environment is not None else DEFAULTS
    chosen = {name: found.values[name] for name in OPTION_KEYS if name in found.values}
    if validation:
        chosen |= {
            name: validation.values[key]
            for name, key in OPTIONS_IN_VALIDATION.items()
            if key in validation.values
        }
    for name in chosen.keys() & {"paths", "pipelines", "report"}:
        chosen[name] = sorted({one for one in chosen[name] if one is not None})
    options = Options.from_json({**base.to_json(), **chosen})
    try:
        check_together(options)
    except Invalid as problem:
        reading.refuse_as(problem, found.place_of("submodules"))
    if options.team is not None and environment and options.team not in environment.teams:
        message = f"environment {quoted(environment.name)} has no team {quoted(options.team)}"
        hint = suggest(options.team, environment.teams) or "Give it bundles: teams: {NAME: NUMBER}."
        reading.refuse("FILE018", message, hint, found.place_of("team"))
    return options


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:5])
