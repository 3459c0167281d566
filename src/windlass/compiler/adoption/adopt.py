"""From what was found to repositories of Windlass, and those as text for windlass.yaml."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from windlass.compiler.adoption import bundles, gitsync
from windlass.compiler.adoption.found import Adopted, Left, adopted_among, left_among
from windlass.compiler.adoption.texts import Findings
from windlass.compiler.declaration_text import repositories_text
from windlass.domain.environment import Environment
from windlass.domain.repository import suggest_name
from windlass.domain.text import plain

_HEAD = (
    "# Each first release waits for `windlass release approve`. Before that, end what serves the",
    "# repository now; after it, take auto_deploy away.",
)


def adopt_all(
    findings: Findings,
    *,
    environment: str,
    urls: Mapping[str, str],
    credential: str | None,
) -> list[Adopted | Left]:
    """Everything that was found, each repository once and by a name of its own.

    None is deployed before a person approves its first release: what serves it now must stop first.
    """
    # What runs once, before the one that goes on, tells less.
    groups = sorted(findings.groups, key=lambda one: one.value("one-time") is not None)
    found: list[Adopted | Left] = [gitsync.adopt(one, environment) for one in groups]
    for where, item in findings.items:
        one = bundles.adopt(item, where, environment, urls=urls, variables=findings.variables)
        if one is not None:
            found.append(one)
    known: dict[tuple[object, ...], None] = {}
    taken: set[str] = set()
    kept: list[Adopted | Left] = []
    for one in found:
        if isinstance(one, Left):
            kept.append(one)
            continue
        same = (one.repository.url, one.repository.ref, one.repository.path)
        if same not in known:  # each pod has a git-sync that runs before it, and one beside it
            known[same] = None
            kept.append(_finished(one, taken, credential))
    return kept


def _finished(one: Adopted, taken: set[str], credential: str | None) -> Adopted:
    name, number = one.repository.name, 1
    while name in taken:
        number += 1
        name = suggest_name(f"{one.repository.name[:58]}-{number}")
    taken.add(name)
    repository = replace(
        one.repository,
        name=name,
        namespace=name,
        credential=credential if one.needs_login else None,
        options=replace(one.repository.options, auto_deploy=False),
    )
    return replace(one, repository=repository)


def adoption_text(found: Iterable[Adopted | Left], environment: Environment) -> str:
    """What was found as the list `repositories` of windlass.yaml, with its notes as comments."""
    everything = list(found)
    lines = [*_HEAD, "repositories:"] if adopted_among(everything) else ["repositories: []"]
    for one in adopted_among(everything):
        lines.append(f"  # {plain(one.where)}")
        lines += repositories_text([one.repository], [environment]).splitlines()
        if one.needs_login and one.repository.credential is None:
            store = f"windlass credential add NAME {one.repository.url} …"
            lines.append(f"    # credential: NAME   # store it first: {store}")
        lines += [f"    # - {plain(note)}" for note in one.notes]
    left = left_among(everything)
    if left:
        lines.append("# not taken over:")
        lines += [f"# - {plain(one.where)}: {plain(one.why)}" for one in left]
    return "\n".join(lines) + "\n"
