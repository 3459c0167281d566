"""`windlass plan`: what a change will do, before it is merged."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from windlass.domain.errors import Invalid
from windlass.entrypoints.cli.files import write_file
from windlass.entrypoints.cli.render import EnvironmentName, NamesFile, OutFile, say
from windlass.entrypoints.failures import EXIT_FAILED

if TYPE_CHECKING:
    from windlass.domain.repository import CommitSha
    from windlass.engine.plan import Planner
    from windlass.entrypoints.cli.declared import Chosen
    from windlass.git.clone import Clone

Format = Literal["text", "json", "markdown", "html"]
EXIT_DIFFERENT = 4
"""With --detailed-exitcode: something differs. (terraform plan says 2, which is for usage here.)"""


def plan(
    base: Annotated[
        str | None, typer.Argument(metavar="BASE", help="The branch it will be merged into.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Argument(metavar="HEAD", help="The branch or commit with the change. [HEAD]"),
    ] = None,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", exists=True, file_okay=False, help="The DAG root, in a clone."
        ),
    ] = Path(),
    form: Annotated[
        Format, typer.Option("--format", help="What to print: for people, or for which tool.")
    ] = "text",
    out: OutFile = None,
    airflow_python: Annotated[
        Path | None,
        typer.Option(
            help="Airflow's python, which imports the DAG files. Default: as configured; without"
            " one a plain reading must do, and the plan says so."
        ),
    ] = None,
    inventory: NamesFile = None,
    environment: EnvironmentName = None,
    policy: Annotated[
        Path | None, typer.Option(help="A release policy (YAML) in place of the built-in one.")
    ] = None,
    no_import: Annotated[
        bool, typer.Option("--no-import", help="Import nothing; the plan says so.")
    ] = False,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Import the DAG files too that do not change: who waits for what changes.",
        ),
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option(help="A folder that remembers imports; what it remembers is not imported."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with BASE itself, not with where HEAD left it.")
    ] = False,
    repository: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Ask the server: BASE and HEAD are releases (42) or commits that it fetched; left"
            " out, what is deployed and the newest head.",
        ),
    ] = None,
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode",
            help="Exit with 0 if nothing differs, 4 if something does, 1 if HEAD is denied.",
        ),
    ] = False,
) -> None:
    """Show what a change will do to DAGs, before it is merged. Needs no server.

    YAML pipelines are compiled, DAG files imported in the sandbox, on both sides. Nothing is
    changed. What only Airflow knows, such as runs in flight, is said not to be known; with
    --repository the server is asked, and it asks Airflow.
    """
    from windlass.entrypoints.cli.declared import chosen
    from windlass.entrypoints.reports.plan import render_plan

    if repository is not None:
        found = _ask_server(repository, base, head)
        _print(render_plan, found, form, out, detailed=detailed_exitcode)
        return
    if base is None:
        raise Invalid(
            "PLAN005", "there is no BASE to compare with", "Such as: windlass plan main HEAD"
        )
    meant = chosen(environment, inventory, airflow_python)
    planner = _planner(meant, policy, whole=whole, cache=cache, no_import=no_import)
    found = _plan_clone(planner, (base, head or "HEAD"), path, exact=exact)
    _print(render_plan, found, form, out, detailed=detailed_exitcode)


def _print(
    render: Callable[[str, Mapping[str, Any]], str],
    plan: Mapping[str, Any],
    form: Format,
    out: Path | None,
    *,
    detailed: bool,
) -> None:
    if out is None:
        say(render(form, plan))
    else:
        write_file(out, render(form, plan) + "\n")
        say(render("text", plan))
    if detailed:
        raise typer.Exit(detailed_exit_code(plan))


def _ask_server(repository: str, base: str | None, head: str | None) -> dict[str, Any]:
    from windlass.entrypoints.cli.client import Client, address_of

    body = {"base": base, "head": head}
    found: dict[str, Any] = Client().post(f"{address_of(repository)}/plan", body)
    return found


def apply(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="Its digest, or the first digits that are shown.")
    ],
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")],
) -> None:
    """Approve the release that a plan is of.

    Only if nothing that the plan binds has moved: the content of the release, what it replaces, and
    the release policy.
    """
    from urllib.parse import quote

    from windlass.entrypoints.cli.client import Client

    path = f"/api/v1/plans/{quote(plan.lower(), safe='')}/apply"
    done = Client().post(path, {"reason": reason})
    say(f"Approved: release #{done['id']} of {done['repository']} is being deployed.")
    say(f"  See how far it is: windlass repo show {done['repository']}")


def detailed_exit_code(plan: Mapping[str, Any]) -> int:
    """What --detailed-exitcode says of a plan."""
    from windlass.entrypoints.reports.plan_lines import is_empty

    if plan["allowed"] is False:
        return EXIT_FAILED
    return 0 if is_empty(plan) else EXIT_DIFFERENT


def _planner(
    meant: "Chosen",
    policy: Path | None,
    *,
    whole: bool,
    cache: Path | None,
    no_import: bool,
) -> "Planner":
    from windlass.app import importer_of
    from windlass.checks.known import Known
    from windlass.domain.inventory import Inventory
    from windlass.domain.options import Options
    from windlass.engine.imports import Imports, KeepNothing
    from windlass.engine.pipelines import Pipelines, bindings_of
    from windlass.engine.plan import Planner
    from windlass.engine.ruling import Rules
    from windlass.entrypoints.cli.check import read_policy_file
    from windlass.sandbox.checker import Checker
    from windlass.sandbox.compiler import PipelineCompiler
    from windlass.sandbox.remembered import FolderKeep
    from windlass.settings import load_settings

    settings = load_settings()
    python = meant.python
    if python is not None and python.parent != Path():  # its processes run in another folder
        python = python.absolute()
    known = Inventory(meant.declared)
    checker = Checker(python or Path(sys.executable))
    keep = FolderKeep(cache.absolute()) if cache else KeepNothing()
    because = "--no-import was given" if no_import else ""
    importer = importer_of(settings, python) if python else None
    read = partial(checker.read_ignores, syntax=known.declared.ignore_syntax)
    imports = Imports(importer, "", known, keep=keep, because=because, read_ignores=read)
    options = Options()
    around = Known(checker.installed, known, read_ignores=read)
    bindings = bindings_of(checker.installed, known.declared, meant.name)
    return Planner(
        checker,
        Rules(read_policy_file(policy), options, known=around),
        imports,
        Pipelines(PipelineCompiler(), bindings, options.pipelines, checker.signature),
        whole=whole,
    )


def _plan_clone(
    planner: "Planner", names: tuple[str, str], path: Path, *, exact: bool
) -> dict[str, Any]:
    from windlass.engine.source import RevisionSource
    from windlass.git.clone import Clone
    from windlass.git.listing import ListingMemory

    clone = Clone.at(path.resolve())
    target, head = (clone.commit(name) for name in names)
    base = target if exact else clone.fork_point(target, head)
    sources = [
        RevisionSource(clone.mirror, sha, clone.prefix, ListingMemory()) for sha in (base, head)
    ]
    before = sources[0] if clone.has_folder(base) else None
    try:
        made = planner.plan(before, sources[1])
    finally:
        planner.close()
    about = {
        "name": path.resolve().name or "/",
        "base": _side(clone, base),
        "head": _side(clone, head),
    }
    return {"about": about, **made.to_json()}


def _side(clone: "Clone", sha: "CommitSha") -> dict[str, Any]:
    return {"revision": sha, "shown": sha[:7], "subject": clone.mirror.describe(sha).subject}
