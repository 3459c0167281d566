"""`windlass check`: the gate on a folder, without a server."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from windlass.domain.errors import Invalid
from windlass.entrypoints.cli.files import read_file, write_file
from windlass.entrypoints.cli.render import EnvironmentName, NamesFile, OutFile, say

if TYPE_CHECKING:
    from windlass.domain.policy import Policy
    from windlass.domain.waiver import Waiver
    from windlass.engine.ruling import Rules
    from windlass.entrypoints.cli.declared import Chosen
    from windlass.entrypoints.reports.subject import Origin, Subject
    from windlass.git.worktree import WorkingTree

Format = Literal["text", "json", "sarif", "junit", "markdown", "html"]


def check(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", exists=True, file_okay=False, help="The folder with the DAGs."
        ),
    ] = Path(),
    form: Annotated[
        Format, typer.Option("--format", help="What to print: for people, or for which tool.")
    ] = "text",
    out: OutFile = None,
    airflow_python: Annotated[
        Path | None,
        typer.Option(
            help="Airflow's python, whose grammar counts and whose Airflow imports the DAG files."
            " Default: as configured, else the one that runs this, without imports."
        ),
    ] = None,
    inventory: NamesFile = None,
    environment: EnvironmentName = None,
    no_import: Annotated[
        bool, typer.Option("--no-import", help="Import nothing; the report says so.")
    ] = False,
    tests: Annotated[
        bool,
        typer.Option("--tests", help="Run the repository's own tests too, by Airflow's python."),
    ] = False,
    tests_limit: Annotated[
        int, typer.Option(min=1, max=3600, metavar="SECONDS", help="How long they may take.")
    ] = 120,
    mode: Annotated[
        Literal["all", "per_file"],
        typer.Option(help="What a bad file denies: the whole tree, or itself."),
    ] = "all",
    policy: Annotated[
        Path | None, typer.Option(help="A release policy (YAML) in place of the built-in one.")
    ] = None,
    repository: Annotated[
        str,
        typer.Option(
            help="The repository's name, for waivers and what the policy demands of tags."
        ),
    ] = "",
    namespace: Annotated[str, typer.Option(help="Its namespace, likewise.")] = "",
    target: Annotated[
        Literal["bundle", "folder"],
        typer.Option(
            help="Of its environment. In a folder modules are imported as "
            "NAMESPACE.REPOSITORY.MODULE."
        ),
    ] = "bundle",
    waivers: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="What `windlass finding waivers --output json` printed: those for the repository"
            " let findings pass here too.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Findings that were there before, and deny nothing.")
    ] = None,
    write_baseline: Annotated[
        bool,
        typer.Option(
            "--write-baseline", help="Write that file; of one that is there, what is left."
        ),
    ] = False,
    add_new: Annotated[
        bool, typer.Option("--add-new", help="Write new findings into it too.")
    ] = False,
) -> None:
    """Check a folder as Windlass would check it after a push. Needs no server and changes nothing.

    In a Git working tree it looks at what a commit of everything would hold. Exits with 0 if all
    of it would be deployed, with 1 if not.
    """
    from windlass.checks.known import Known
    from windlass.domain.demands import Whose
    from windlass.domain.inventory import Inventory
    from windlass.domain.options import Options, VerdictMode
    from windlass.engine.ruling import Rules
    from windlass.entrypoints.cli.declared import chosen
    from windlass.entrypoints.reports.formats import render

    if ((write_baseline or add_new) and baseline is None) or (add_new and not write_baseline):
        raise Invalid("CLI015", "--write-baseline needs --baseline, and --add-new needs both")
    known = _read_baseline(baseline, may_be_missing=write_baseline)
    name = repository or path.resolve().name
    meant = chosen(environment, inventory, airflow_python)
    judged_by = read_policy_file(policy)
    options = Options(verdict_mode=VerdictMode(mode), tests=tests, tests_limit_s=tests_limit)
    rules = Rules(
        judged_by,
        judged_by.applied(options),
        waivers=_read_waivers(waivers, name),
        whose=Whose(name, namespace),
        baseline=known or frozenset(),
        known=Known(
            inventory=Inventory(meant.declared),
            folder=f"{namespace or name}/{name}" if target == "folder" else "",
        ),
    )
    subject = _scan(path, meant, rules, no_import=no_import)
    if write_baseline and baseline is not None:
        rules = replace(rules, baseline=_write_baseline(subject, baseline, known, add_new=add_new))
        subject = _scan(path, meant, rules, no_import=no_import)
    if out is None:
        say(render(form, subject))
    else:
        write_file(out, render(form, subject) + "\n")
        say(render("text", subject))
    raise typer.Exit(0 if subject.report.is_whole else 1)


def _scan(path: Path, meant: "Chosen", rules: "Rules", *, no_import: bool) -> "Subject":
    from windlass.app import importer_of
    from windlass.engine.imports import Imports
    from windlass.engine.scan import scan
    from windlass.engine.testing import Suite
    from windlass.entrypoints.reports.subject import Subject
    from windlass.git.worktree import WorkingTree
    from windlass.sandbox.checker import Checker
    from windlass.settings import load_settings

    settings = load_settings()
    python = meant.python
    if python is not None and python.parent != Path():  # its processes run in another folder
        python = python.absolute()
    tree = WorkingTree(path.resolve())
    checker = Checker(python or Path(sys.executable))
    importer = importer_of(settings, python) if python else None
    because = "--no-import was given" if no_import else ""
    known = rules.known
    imports = Imports(importer, "", known.inventory, folder=known.folder, because=because)
    top, below = _top_of(tree)
    options = rules.options
    tests = Suite(imports, top, below, options.tests_limit_s) if options.tests else None
    try:
        found = scan(checker, tree, rules, imports, tests, environment=meant.name)
    finally:
        checker.close()
        if importer is not None:
            importer.close()
    return Subject(
        report=found.report,
        name=path.resolve().name or "/",
        prefix=tree.prefix,
        here="" if path == Path() else f"{path}/",
        python=found.python,
        imports=found.imports,
        files=tuple(found.artifact.files),
        dag_ids=tuple(sorted(found.artifact.dag_ids)),
        seconds=found.seconds,
        foreign=found.foreign,
        origin=_origin(tree),
        public_url=settings.public_url,
    )


def _top_of(tree: "WorkingTree") -> "tuple[WorkingTree, str]":
    """The whole working tree, and where the DAG root is in it."""
    below = tree.prefix.rstrip("/")
    top = tree.root
    for _ in filter(None, below.split("/")):
        top = top.parent
    return replace(tree, root=top), below


def _origin(tree: "WorkingTree") -> "Origin | None":
    """The commit that is checked out, where its remote has an address without a secret in it."""
    from windlass.domain.remote import parse_remote_url
    from windlass.entrypoints.reports.subject import Origin

    head = tree.find_head()
    if head is None:
        return None
    try:
        url = str(parse_remote_url(head[1]))
    except Invalid:
        return None
    return Origin(url, head[0], head[2])


def read_policy_file(path: Path | None) -> "Policy":
    """The release policy of a file; the built-in one for None. Raises Invalid CLI016."""
    from windlass.compiler.policy import read_policy
    from windlass.domain.policy import Policy
    from windlass.entrypoints.cli.render import finding_lines

    if path is None:
        return Policy()
    made, findings = read_policy("file", str(path), read_file(path))
    if made is not None:
        return made
    for finding in findings:
        say("\n".join(finding_lines(finding.to_json())), err=True)
    raise Invalid("CLI016", f"the policy {str(path)!r} is not understood", "docs/policy.md")


def _read_waivers(path: Path | None, repository: str) -> "tuple[Waiver, ...]":
    from windlass.domain.waiver import read_waivers

    if path is None:
        return ()
    return read_waivers(read_file(path).decode("utf-8", "replace"), repository)


def _read_baseline(path: Path | None, *, may_be_missing: bool) -> frozenset[str] | None:
    """The fingerprints; None where there is no baseline yet, and one is to be written."""
    from windlass.domain.baseline import read_baseline

    if path is None:
        return frozenset()
    if may_be_missing and not path.exists():
        return None
    return read_baseline(read_file(path).decode("utf-8", "replace"))


def _write_baseline(
    subject: "Subject", path: Path, before: frozenset[str] | None, *, add_new: bool
) -> frozenset[str]:
    """Write what is left of it; the fingerprints that it has now."""
    from windlass.domain.baseline import read_baseline, write_baseline

    findings = [issue.finding for issue in subject.report.issues]
    text = write_baseline(findings, before, add_new=add_new)
    write_file(path, text)
    return read_baseline(text)
