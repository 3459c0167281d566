"""Release policies as YAML: what they may hold, and how they become values."""

import re
from collections.abc import Mapping
from typing import Any

from windlass.compiler.documents import quoted, read_document
from windlass.compiler.reading import Fields, Reading
from windlass.compiler.shapes import Choice, Flag, Key, Listing, Names, Record, Text, Whole
from windlass.domain.demands import DAG_FIELDS, FILE_FIELDS
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.nearest import suggest
from windlass.domain.pattern import glob, regex, words
from windlass.domain.policy import CustomRule, Level, Policy, Reach, Requirements
from windlass.domain.repository import check_name
from windlass.domain.rules import all_rules

MAX_PATTERN = 200
_NAME = r"^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$"
_SEVERITIES = tuple(one.value for one in Severity)


def _name(text: str) -> str:
    return check_name("policy", text)


def _rule(text: str) -> str:
    """The code of a rule, the beginning of one with a star, a type of findings, or an own rule."""
    known = [*all_rules(), *FindingType]
    if text in known or text.startswith("custom:") or re.fullmatch(r"[A-Z]{1,6}[0-9]*\*", text):
        return text
    hint = suggest(text, known) or "docs/rules/README.md lists every rule."
    raise Invalid("FILE034", f"{quoted(text)} is no rule and no type of findings", hint)


def _short(text: str) -> str:
    if len(text) > MAX_PATTERN:
        raise Invalid("FILE035", f"a pattern of {len(text)} characters", f"At most {MAX_PATTERN}.")
    return text


def _words(text: str) -> str:
    words(_short(text))
    return text


def _glob(text: str) -> str:
    glob(_short(text))
    return text


def _regex(text: str) -> str:
    regex(_short(text))
    return text


_ABOUT = {
    "dag_id": "Globs of dag_ids.",
    "tags": "Globs of tags.",
    "owner": "Globs of owners.",
    "schedule": "Globs of schedules that are texts, such as @hourly.",
    "operators": "Globs of dotted names of classes that the file calls, such as *.BashOperator.",
    "imports": "Globs of modules that the file imports.",
    "paths": "Globs of paths below the DAG root; ** crosses folders.",
}
_MATCH = Record(
    {
        kind: Key(Listing(Text(_glob if kind == "paths" else _words), "the glob"), _ABOUT[kind])
        for kind in (*DAG_FIELDS, *FILE_FIELDS)
    }
)
_CUSTOM = Record(
    {
        "name": Key(Text(_name, _NAME), "Its findings have the code custom:NAME.", required=True),
        "message": Key(Text(), "What is wrong, for the author.", required=True),
        "hint": Key(Text(), "What to do."),
        "severity": Key(Choice(_SEVERITIES), "high where left out."),
        "match": Key(_MATCH, "All keys must fit, of each key one glob.", required=True),
    }
)
_REQUIRE = Record(
    {
        "tags": Key(
            Listing(Text(_words), "the tag"),
            "Each must be there; {repository}, {namespace} and {environment} are filled in.",
        ),
        "owners": Key(Listing(Text(_words), "the owner"), "One of them must fit."),
        "dag_id": Key(Text(_regex), "A regular expression about the whole dag_id."),
        "retries": Key(Whole(1, 100), "At least so many in default_args."),
        "import_seconds": Key(Whole(1, 60), "Importing a file may take so long, in the sandbox."),
        "verified_commits": Key(Flag(), "Whether one of the signers must have signed the commit."),
        "tests": Key(
            Flag(), "Whether the repository's own tests are run, whatever its options say."
        ),
    }
)
_NAMED = Text()
_REACH = Record(
    {
        "repositories": Key(Listing(_NAMED, "the repository"), "Names of repositories."),
        "namespaces": Key(Listing(_NAMED, "the namespace"), "Names of namespaces."),
        "environments": Key(Listing(_NAMED, "the environment"), "Names of environments."),
    }
)
POLICY = Record(
    {
        "deny_at": Key(Choice(_SEVERITIES), "Findings this bad or worse deny; high if left out."),
        "rules": Key(
            Names(Text(_rule, r"^\S+$"), Choice(tuple(Level))),
            "Rule → advise, deny (unless excused with a reason), or always.",
        ),
        "require": Key(_REQUIRE, "What every DAG must have."),
        "custom": Key(Listing(_CUSTOM, "the rule"), "Rules of your own."),
        "applies_to": Key(_REACH, "Whom it is for; the policy named default is for all others."),
    }
)
POLICIES = Names(Text(_name, _NAME), POLICY)


def read_policy(name: str, path: str, content: bytes) -> tuple[Policy | None, tuple[Finding, ...]]:
    """Read the text of one policy; None where anything is wrong with it, and then every problem in
    the order of the text."""
    document = read_document(path, content)
    reading = Reading(path, {}, list(document.findings))
    found = reading.read(POLICY, document.root, "the policy") if document.root else None
    ordered = tuple(sorted(reading.findings, key=lambda one: (one.line or 0, one.column or 0)))
    return (None, ordered) if ordered or found is None else (policy_of(name, found), ())


def policy_of(name: str, found: Fields) -> Policy:
    """The policy that was read."""
    require = found.get("require")
    reach = found.get("applies_to")
    rules: Mapping[str, str] = found.get("rules", {})
    return Policy(
        deny_at=Severity(found.get("deny_at", Severity.HIGH)),
        levels={rule: Level(level) for rule, level in rules.items()},
        require=Requirements(**_values(require)) if require else Requirements(),
        custom=tuple(_custom(one) for one in found.get("custom", ()) if one is not None),
        applies_to=Reach(**_values(reach)) if reach else Reach(),
        name=name,
    )


def _custom(found: Fields) -> CustomRule:
    match = found.get("match")
    return CustomRule(
        name=found.get("name", ""),
        message=found.get("message", ""),
        match=_values(match) if match else {},
        severity=Severity(found.get("severity", Severity.HIGH)),
        hint=found.get("hint", ""),
    )


def _values(found: Fields) -> dict[str, Any]:
    """What was read, lists as tuples, without what was wrong in them."""
    return {
        key: tuple(one for one in value if one is not None) if isinstance(value, list) else value
        for key, value in found.values.items()
    }
