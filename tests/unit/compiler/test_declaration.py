"""windlass.yaml: what it says, every problem at once, and what an editor is told of it."""

import json
import string
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.compiler.declaration import (
    Declaration,
    DeclaredRepository,
    Surroundings,
    check_credentials,
    read_declaration,
)
from windlass.compiler.declaration_shape import declaration_schema
from windlass.compiler.declaration_text import declaration_text, repositories_text
from windlass.domain.environment import Environment, Target
from windlass.domain.login import KnownCredential
from windlass.domain.options import DEFAULTS, Filter, NewDags, OnImportError, OnRewrite, VerdictMode
from windlass.domain.ref import Ref, RefKind
from windlass.domain.repository import Owner

DESIGN = """\
environments:
  prod: {target: bundle, airflow_url: https://airflow.example, credential: airflow-prod, \
interpreter: /opt/airflow/bin/python, bundles: 64}
repositories:
  - name: company-workflows
    url: https://github.com/company/workflows
    branch: main                 # or tag, tag pattern, commit
    path: .                      # sub-path that is the DAG root
    environment: prod            # may be left out where there is one
    auth_type: ssh_key
    credential: company-deploy-key
    sync_interval: 60s
    namespace: company
    validation: {enabled: true, security_scan: true, auto_deploy: false}
"""
ONE = "repositories:\n  - name: dags\n    url: https://git.example/team/dags\n"


def read(text: str, **around: Any) -> Declaration:
    declared, findings = read_declaration("windlass.yaml", text.encode(), Surroundings(**around))
    assert findings == ()
    assert declared is not None
    return declared


def problems(text: str, **around: Any) -> list[str]:
    """Each as `line:column code message hint`."""
    declared, findings = read_declaration("windlass.yaml", text.encode(), Surroundings(**around))
    assert declared is None
    return [f"{f.line}:{f.column} {f.code} {f.message} {f.hint}".rstrip() for f in findings]


def test_the_example_of_the_design_is_read() -> None:
    assert read(DESIGN) == Declaration(
        (
            Environment(
                name="prod",
                target=Target.BUNDLE,
                airflow_url="https://airflow.example",
                credential="airflow-prod",
                interpreter="/opt/airflow/bin/python",
                bundles=64,
                owner=Owner.FILE,
            ),
        ),
        (
            DeclaredRepository(
                name="company-workflows",
                url="https://github.com/company/workflows",
                environment="prod",
                namespace="company",
                ref=Ref(RefKind.BRANCH, "main"),
                path=".",
                credential="company-deploy-key",
                sync_interval_s=60,
                options=replace(DEFAULTS, auto_deploy=False),
            ),
        ),
    )


def test_what_is_left_out_has_its_default() -> None:
    assert read(ONE, sync_interval_s=30).repositories == (
        DeclaredRepository(
            "dags",
            "https://git.example/team/dags",
            environment="default",
            namespace="dags",
            sync_interval_s=30,
        ),
    )


@pytest.mark.parametrize(
    ("line", "ref"),
    [
        ("branch: develop", Ref(RefKind.BRANCH, "develop")),
        ("tag: v1.8", Ref(RefKind.TAG, "v1.8")),
        ("tag_pattern: v1.*", Ref(RefKind.TAG_PATTERN, "v1.*")),
        (f"commit: {'ab' * 20}", Ref(RefKind.COMMIT, "ab" * 20)),
        (f'commit: "{"12" * 20}"', Ref(RefKind.COMMIT, "12" * 20)),
    ],
)
def test_a_repository_follows_one_ref(line: str, ref: Ref) -> None:
    assert read(f"{ONE}    {line}\n").repositories[0].ref == ref


@pytest.mark.parametrize("place", ["auto_deploy: false", "validation: {auto_deploy: false}"])
def test_auto_deploy_is_read_at_both_places(place: str) -> None:
    options = read(f"{ONE}    {place}\n").repositories[0].options

    assert options == replace(DEFAULTS, auto_deploy=False)


def test_every_option_is_a_key_of_the_file() -> None:
    text = (
        f"environments: {{default: {{teams: {{ml: 2}}}}}}\n{ONE}"
        "    validation: {enabled: false, security_scan: false, import_check: false, tests: true,\n"
        "                 tests_limit_s: 300}\n"
    )
    below: dict[str, Any] = {"validation": False, "security_scan": False, "import_check": False}
    below |= {"tests": True, "tests_limit_s": 300}
    chosen: dict[str, Any] = {**below, "team": "ml", "pool": "Company pool"}
    chosen |= {
        "depth": 7,
        "approval_expires_h": 72,
        "paths": ("a",),
        "submodules": False,
    }  # that goes without paths
    chosen |= {"dag_id_prefixes": ("sales_",), "pipelines": ("b",)}
    chosen |= {"report": ("sarif", "status")}
    chosen |= {"api_credential": "api", "api_url": "https://git.example/api"}
    for field in fields(DEFAULTS):
        default = getattr(DEFAULTS, field.name)
        if field.name not in chosen:
            other: Any = 7 if type(default) is int else not default
            if hasattr(default, "value"):
                other = next(one for one in type(default) if one != default)
            chosen[field.name] = other
    keys = {name: v for name, v in chosen.items() if name not in below}
    text += "".join(f"    {name}: {json.dumps(value)}\n" for name, value in keys.items())

    assert read(text).repositories[0].options == replace(DEFAULTS, **chosen)


def test_an_environment_says_what_its_repositories_start_from() -> None:
    text = f"environments: {{prod: {{new_dags: paused, verdict_mode: per_file}}}}\n{ONE}"

    assert read(text).repositories[0].options == replace(
        DEFAULTS, new_dags=NewDags.PAUSED, verdict_mode=VerdictMode.PER_FILE
    )
    assert read(text + "    new_dags: keep\n").repositories[0].options == replace(
        DEFAULTS, verdict_mode=VerdictMode.PER_FILE
    )


def test_a_repository_may_go_to_an_environment_that_is_there_already() -> None:
    text = f"environments: {{stage: {{}}}}\n{ONE}    environment: prod\n"

    assert read(text, environments=(Environment("prod"),)).repositories[0].environment == "prod"


def test_variables_are_replaced_in_texts() -> None:
    text = (
        "repositories:\n  - name: ${TEAM}\n    url: https://${HOST:-git.example}/${TEAM}/dags\n"
        "    path: a$$b/${EMPTY:-x}\n"
    )

    (one,) = read(text, variables={"TEAM": "data", "EMPTY": ""}).repositories

    assert (one.name, one.url, one.path) == ("data", "https://git.example/data/dags", "a$b/x")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a/${A", '4:11 FILE008 "${A" begins a variable and does not end it'),
        ("${EMPTY}", '4:11 FILE010 the variable "EMPTY" is set, and empty'),
        ("${WINDLASS_HOME}", '4:11 FILE010 the variable "WINDLASS_HOME" is not given to this file'),
    ],
)
def test_a_variable_that_gives_no_text_is_told_with_its_place(text: str, told: str) -> None:
    (problem,) = problems(f"{ONE}    path: {text}\n", variables={"A": "a", "EMPTY": ""})

    assert problem.startswith(told)


def test_a_variable_cannot_add_keys() -> None:
    told = problems(ONE + "    namespace: ${X}\n", variables={"X": "a\n    path: /etc"})

    assert [one[:12] for one in told] == ["4:16 REPO001"]


WRONG = """\
environments:
  prod: {target: bundel, bundles: 999}
  Stage: {}
repositories:
  - name: Company
    url: ftp://git.example/x
    brnach: main
    environment: prdo
    auth_type: ssh_key
    sync_interval: 60
  - name: a
    url: https://ci:s3cret@git.example/x
    branch: main
    tag: v1
    password: s3cret
    validation: {enabled: no, auto_deploy: false}
    auto_deploy: true
    path: ${GIT_TOKEN}/${NOPE}/${-}
    credential:
  - url: https://git.example/x
    environment: prod
    commit: 1234567
    team: ml
  - just-a-name
  - name: a
    url: https://git.example/y
    environment: prod
    auth_type: public
    credential: x
"""


def test_an_environment_has_no_more_bundles_than_an_airflow_bears() -> None:
    text = "environments:\n  prod: {bundles: 200, teams: {ml: 40, bi: 40}}\nrepositories: []\n"

    assert problems(text) == [
        '2:9 FILE012 environment "prod" has 280 bundles with those of its teams '
        "At most 256 are allowed."
    ]


def test_every_problem_is_told_at_once_at_its_place_with_the_nearest_word() -> None:
    told = problems(WRONG)

    assert [one for one in told if " GIT001 " not in one] == [
        '2:18 FILE005 "bundel" is no target Did you mean "bundle"?',
        "2:35 FILE006 bundles 999 is out of bounds Expected a whole number from 0 to 256.",
        '3:3 FILE019 "Stage" is no name of an environment For example prod.',
        "5:11 REPO001 repository name 'Company' is not valid: expected 1 to 63 of a-z 0-9 . _ - "
        "that begin and end with a letter or a digit For example 'company'.",
        '7:5 FILE001 the repository has no key "brnach" Did you mean "branch"?',
        '8:18 FILE013 no environment is named "prdo" Did you mean "prod"?',
        "9:16 FILE016 auth_type ssh_key needs a credential Name a stored one with credential:.",
        '10:20 FILE004 sync_interval must be a text, not 60 Write "60", in quotes.',
        "14:10 FILE003 the repository has both branch and tag "
        "Keep one of branch, tag, tag_pattern, commit.",
        '15:5 FILE001 the repository has no key "password" '
        "Secrets are never in this file: store a credential, and name it with credential:.",
        '16:27 YAML012 "no" is a truth value to some readers of YAML and a text to others '
        'Write "no" in quotes for the text; else true, false or a decimal number.',
        "16:44 FILE017 auto_deploy is here and beside validation Keep one of them.",
        "18:11 FILE009 ${GIT_TOKEN} may be a secret, and this file's values are shown in clear "
        "Store it as a credential, and name that with credential:.",
        '18:11 FILE010 the variable "NOPE" is not set '
        "Set NOPE where the worker runs, or write ${NOPE:-default}.",
        '18:11 FILE008 "-" names no variable '
        "Write ${NAME} or ${NAME:-default}, and $$ for a dollar.",
        "19:16 FILE007 credential holds nothing, expected a text "
        "Leave the key out for its default.",
        "20:5 FILE002 the repository has no name Add name: The repository's name here, unique.",
        '22:13 FILE004 commit must be a text, not 1234567 Write "1234567", in quotes.',
        '23:11 FILE018 environment "prod" has no team "ml" Give it bundles: teams: {NAME: NUMBER}.',
        '24:5 FILE007 the repository holds "just-a-name", expected keys such as name, url, branch',
        '25:11 FILE011 the name "a" is here twice First at windlass.yaml:11:11.',
        "29:17 FILE015 a public repository needs no credential "
        "Leave out auth_type, or the credential.",
    ]
    assert [one.split()[:2] for one in told if " GIT001 " in one] == [
        ["6:10", "GIT001"],
        ["12:10", "GIT001"],
    ]
    assert "s3cret" not in "".join(told)


def test_a_repository_must_say_which_of_several_environments_it_goes_to() -> None:
    assert problems(f"environments: {{prod: {{}}, stage: {{}}}}\n{ONE}") == [
        "3:5 FILE014 the repository names no environment, and there are several "
        "Add environment: one of prod, stage."
    ]


def test_a_file_without_repositories_is_refused_since_half_a_file_would_remove_them() -> None:
    assert problems("environments: {}\n") == [
        "1:1 FILE002 the file has no repositories Add repositories: All repositories of the file."
    ]
    assert [one.split()[1] for one in problems("")] == ["YAML006"]
    assert read("repositories: []\n") == Declaration((), ())


def test_credentials_are_looked_up_by_name_and_kind() -> None:
    text = (
        "environments: {prod: {credential: airflw}}\n"
        f"{ONE}    auth_type: ssh_key\n    credential: token\n"
        "  - {name: b, url: https://git.example/b, credential: tokn}\n"
    )

    known = {"token": KnownCredential("basic"), "airflow": KnownCredential("basic")}

    found = check_credentials("w.yaml", read(text), known)

    assert [f"{one.place} {one.code} {one.message} {one.hint}" for one in found] == [
        "w.yaml:3:5 FILE021 auth_type ssh_key needs a credential of the kind ssh_key, and "
        '"token" is of the kind basic Leave auth_type out, or correct it.',
        'w.yaml:7:5 FILE020 the credential of repository "b" does not exist Did you mean "token"?',
        'w.yaml:1:22 FILE022 the credential of environment "prod" does not exist '
        'Did you mean "airflow"?',
    ]


@pytest.mark.parametrize(
    ("url", "credential", "codes"),
    [
        ("https://git.example/x", KnownCredential("token", "git.example"), []),
        ("git@git.example:x", KnownCredential("ssh_key", "git.example"), []),
        ("https://git.example/x", KnownCredential("basic"), []),
        ("https://git.example/x", KnownCredential("ssh_key", "git.example"), ["FILE023"]),
        ("ssh://git.example/x", KnownCredential("token"), ["FILE023"]),
        ("https://evil.example/x", KnownCredential("token", "git.example"), ["FILE024"]),
    ],
)
def test_a_credential_goes_with_its_url_and_to_its_host_only(
    url: str, credential: KnownCredential, codes: list[str]
) -> None:
    text = f"repositories: [{{name: a, url: '{url}', credential: c}}]\n"

    found = check_credentials("w.yaml", read(text), {"c": credential})

    assert [one.code for one in found] == codes


# ---- the schema and the reader -------------------------------------------------------------

SCHEMA = declaration_schema()
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, 64, 300, 1.5, 64.0, "", "x", "Bad Name", [], {}]
)
TEXTS: dict[str, list[Any]] = {
    "name": ["a", "b-1", "-x"],
    "url": ["https://git.example/a", "https://git.example/b"],
    "branch": ["main", "dev"],
    "tag": ["v1"],
    "tag_pattern": ["v*"],
    "commit": ["a" * 40, "a" * 39],
    "path": [".", "dags"],
    "auth_type": ["public", "basic", "ssh_key", "guess"],
    "credential": ["c", "C!"],
    "sync_interval": ["60s", "5m", "1d", "often"],
    "namespace": ["team", "Team"],
    "auto_deploy": [True, False],
    "verdict_mode": ["all", "per_file", "none"],
    "new_dags": ["keep", "paused"],
    "priority": [0, -5, 1001],
    "self_heal": [True],
    "submodules": [False, True],
    "depth": ["full", 1, 0],
    "approval_expires_h": ["never", 72, 0],
    "filter": ["none", "blob:none", "tree:0"],
    "paths": [["dags"], [], ["a", "b"], [1], "dags"],
}
VALIDATION = st.dictionaries(
    st.sampled_from(["enabled", "security_scan", "auto_deploy", "other"]),
    st.booleans() | JUNK,
    max_size=3,
)


def keys_of(values: dict[str, list[Any]], **more: st.SearchStrategy[Any]) -> Any:
    known = st.fixed_dictionaries(
        {}, optional={k: st.sampled_from(v[:1] * 9 + v) for k, v in values.items()} | more
    )
    spoiled = st.tuples(known, st.sampled_from([*values, "brnach", "password"]), JUNK).map(
        lambda parts: parts[0] | {parts[1]: parts[2]}
    )
    return known | known | known | spoiled


ENVIRONMENT = keys_of(
    {
        "target": ["bundle", "folder", "bucket"],
        "airflow_url": ["https://airflow.example", "airflow", "http://a/b c"],
        "airflow_username": ["windlass"],
        "credential": ["c"],
        "interpreter": ["/opt/python"],
        "bundles": [0, 64, 257],
        "new_dags": ["paused", "never"],
    },
    teams=st.dictionaries(st.sampled_from(["ml", "ML"]), st.integers(0, 2) | JUNK, max_size=2),
)
REPOSITORY = keys_of(TEXTS, validation=VALIDATION | JUNK).map(
    lambda keys: {"name": "dags", "url": "https://git.example/dags"} | keys
)
FILES = st.fixed_dictionaries(
    {"repositories": st.lists(REPOSITORY | REPOSITORY | JUNK, max_size=1)},
    optional={
        "environments": st.dictionaries(
            st.sampled_from(["default", "Prod"]), ENVIRONMENT, max_size=1
        )
        | JUNK,
    },
)


def is_accepted_by(judge: Callable[[], object]) -> bool:
    try:
        judge()
    except jsonschema.ValidationError:
        return False
    return True


@given(FILES | FILES | FILES | st.fixed_dictionaries({"else": JUNK}) | JUNK)
def test_the_schema_and_the_reader_accept_the_same(tree: Any) -> None:
    declared, _ = read_declaration("x.yaml", json.dumps(tree).encode(), Surroundings())

    by_schema = is_accepted_by(lambda: jsonschema.Draft202012Validator(SCHEMA).validate(tree))
    assert (declared is not None) == by_schema


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_leaves_texts_with_variables_to_the_reader() -> None:
    tree = {"repositories": [{"name": "${TEAM}", "url": "https://${HOST}/x"}]}

    assert is_accepted_by(lambda: jsonschema.validate(tree, SCHEMA))


# ---- writing it ----------------------------------------------------------------------------

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,6}[a-z0-9])?", fullmatch=True)
PATHS = st.sampled_from(
    [
        "dags",
        "a b",
        "no",
        "0777",
        "1:30",
        "a$b",
        "${X}",
        "a: b",
        "#x",
        "ü\u200e",
        "x'y\"",
        "[a]",
        "~",
    ]
)
OPTIONS = st.builds(
    replace,
    st.just(DEFAULTS),
    auto_deploy=st.booleans(),
    validation=st.booleans(),
    security_scan=st.booleans(),
    verdict_mode=st.sampled_from(VerdictMode),
    new_dags=st.sampled_from(NewDags),
    on_rewrite=st.sampled_from(OnRewrite),
    on_import_error=st.sampled_from(OnImportError),
    self_heal=st.booleans(),
    priority=st.integers(-1000, 1000),
    team=st.none() | st.just("ml"),
    depth=st.none() | st.integers(1, 1_000_000),
    approval_expires_h=st.none() | st.integers(1, 8760),
    filter=st.sampled_from(Filter),
    paths=st.sets(PATHS, max_size=3).map(lambda paths: tuple(sorted(paths))),
    dag_id_prefixes=st.sampled_from([(), ("sales_",), ("a.b-", "5_")]),
)
ENVIRONMENTS = st.builds(
    Environment,
    name=st.sampled_from(["prod", "default", "no", "1"]),
    target=st.sampled_from(Target),
    airflow_url=st.none() | st.just("https://airflow.example/x"),
    airflow_username=st.none() | st.sampled_from(["windlass", "a: b", "5"]),
    credential=st.none() | NAMES,
    interpreter=st.none() | st.just("/opt/python"),
    bundles=st.integers(0, 8),
    teams=st.just({"ml": 1}),
    new_dags=st.sampled_from(NewDags),
    verdict_mode=st.sampled_from(VerdictMode),
    owner=st.just(Owner.FILE),
)
REFS = st.sampled_from(
    [
        None,
        Ref(RefKind.BRANCH, "main"),
        Ref(RefKind.BRANCH, "on"),
        Ref(RefKind.TAG, "1.10"),
        Ref(RefKind.TAG_PATTERN, "v*"),
        Ref(RefKind.COMMIT, "12" * 20),
    ]
)


@st.composite
def declarations(draw: st.DrawFn) -> Declaration:
    environments = draw(st.lists(ENVIRONMENTS, min_size=1, max_size=2, unique_by=lambda e: e.name))
    repository = st.builds(
        DeclaredRepository,
        name=NAMES,
        url=st.just("https://git.example/team/dags.git"),
        environment=st.sampled_from([one.name for one in environments]),
        namespace=NAMES,
        ref=REFS,
        path=PATHS,
        credential=st.none() | NAMES,
        sync_interval_s=st.integers(1, 86400),
        options=OPTIONS,
    )
    repositories = draw(st.lists(repository, max_size=3, unique_by=lambda r: r.name))
    return Declaration(tuple(environments), tuple(repositories))


@given(declarations())
def test_what_is_written_reads_back_the_same(declared: Declaration) -> None:
    assert read(declaration_text(declared)) == declared


@given(declarations())
def test_repositories_alone_read_back_beside_their_environments(declared: Declaration) -> None:
    text = repositories_text(declared.repositories, declared.environments)

    again = read(
        f"repositories:{(text and chr(10) + text) or ' []'}", environments=declared.environments
    )
    assert again.repositories == declared.repositories


def test_the_text_is_as_a_person_would_write_it() -> None:
    assert declaration_text(read(DESIGN)) == (
        "environments:\n"
        "  prod:\n"
        "    airflow_url: https://airflow.example\n"
        "    credential: airflow-prod\n"
        "    interpreter: /opt/airflow/bin/python\n"
        "    bundles: 64\n"
        "repositories:\n"
        "  - name: company-workflows\n"
        "    url: https://github.com/company/workflows\n"
        "    branch: main\n"
        "    environment: prod\n"
        "    namespace: company\n"
        "    credential: company-deploy-key\n"
        "    sync_interval: 60s\n"
        "    validation: {auto_deploy: false}\n"
    )


@pytest.mark.parametrize("given", ["ghp_CANARYzq7Xw", "${LOGIN}"])
def test_a_token_in_the_place_of_a_credentials_name_is_not_told(given: str) -> None:
    text = f"repositories: [{{name: a, url: 'https://git.example/a', credential: '{given}'}}]\n"
    around = Surroundings({"LOGIN": "ghp_CANARYzq7Xw"}, (), 60)

    _, findings = read_declaration("windlass.yaml", text.encode(), around)

    assert "REPO001" in [one.code for one in findings]
    assert "canary" not in repr(findings).lower()


def test_depth_may_be_full_and_paths_are_in_their_normal_form() -> None:
    text = (
        "repositories: [{name: a, url: 'https://git.example/a', depth: full, filter: 'blob:none',"
        " paths: [b/, a, ./b]}]\n"
    )

    [found] = read(text).repositories

    assert (found.options.depth, found.options.filter, found.options.paths) == (
        None,
        Filter.BLOB_NONE,
        ("a", "b"),
    )


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("depth: 0", "FILE006"),
        ("depth: all", "FILE007"),
        ("filter: tree:0", "FILE005"),
        ("paths: [.]", "REPO021"),
        ("paths: [../x]", "REPO004"),
        ("paths: a", "FILE007"),
        ("paths: [a], submodules: true", "REPO021"),
    ],
)
def test_what_a_mirror_cannot_hold_is_refused(keys: str, code: str) -> None:
    text = f"repositories: [{{name: a, url: 'https://git.example/a', {keys}}}]\n"

    _, findings = read_declaration("windlass.yaml", text.encode(), Surroundings())

    assert [one.code for one in findings] == [code]


def _of(alphabet: str, length: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=length)


LETTERS = string.ascii_letters + string.digits
TOKENS = st.one_of(
    *(_of(LETTERS, 36).map(prefix.__add__) for prefix in ("ghp_", "gho_", "ghs_", "npm_")),
    _of(LETTERS + "_", 82).map("github_pat_".__add__),
    *(_of(LETTERS + "-_", 20).map(prefix.__add__) for prefix in ("glpat-", "gldt-")),
    _of(LETTERS, 24).map("ATBB".__add__),
    _of(LETTERS + "-", 40).map("xoxb-".__add__),
    _of(string.ascii_uppercase + "234567", 16).map("AKIA".__add__),
    _of(string.ascii_lowercase + "234567", 52),  # Azure DevOps
    _of("0123456789abcdef", 40),  # Gitea, some of which are numbers to YAML
    _of(string.digits, 20),
    st.tuples(_of(LETTERS, 20), _of(LETTERS, 40)).map(lambda parts: f"eyJ{parts[0]}.{parts[1]}"),
)
CASES = st.sampled_from([str, str.lower, str.upper])
PLACES = st.sampled_from(
    [
        "environments: {{prod: {{credential: {}}}}}\nrepositories: []\n",
        "repositories: [{{name: a, url: 'https://git.example/a', credential: {}}}]\n",
        "repositories: [{{name: a, url: 'https://git.example/a', credential: '{}'}}]\n",
    ]
)


@given(TOKENS, CASES, PLACES)
def test_no_token_in_the_place_of_a_credentials_name_is_told(
    token: str, cased: Callable[[str], str], place: str
) -> None:
    text = place.format(cased(token))
    around = Surroundings({}, (Environment("prod"),), 60)

    declared, findings = read_declaration("windlass.yaml", text.encode(), around)
    if declared is not None:
        findings = check_credentials("windlass.yaml", declared, {"c": KnownCredential("token")})

    assert findings
    assert token.lower() not in repr(findings).lower()
