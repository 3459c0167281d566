"""The `windlass` command: its tree, and how failures end it."""

import json
import sys
from typing import Annotated

import typer

from windlass import __version__
from windlass.domain.errors import AppError
from windlass.entrypoints.cli import (
    airflow,
    audit,
    backup,
    bench,
    check,
    config,
    credential,
    dag,
    delivery,
    doctor,
    environment,
    explain,
    finding,
    holds,
    importing,
    key,
    lifecycle,
    looks,
    operate,
    plan,
    policy,
    pull,
    release,
    repo,
    reviews,
    template,
    webhook,
)
from windlass.entrypoints.cli import (
    compile as compile_command,
)
from windlass.entrypoints.cli.render import say
from windlass.entrypoints.cores import leave_no_core
from windlass.entrypoints.failures import EXIT_BUG, EXIT_INTERRUPTED, exit_code

app = typer.Typer(
    name="windlass",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Windlass hauls DAGs from Git into Apache Airflow: checked, versioned, reversible.",
    epilog="Try it: windlass demo",
)
lifecycle.add_commands(repo.app)
looks.add_commands(release.app)
holds.add_commands(release.app)
reviews.add_commands(release.app)
app.add_typer(repo.app, name="repo")
app.add_typer(release.app, name="release")
app.add_typer(environment.app, name="environment")
app.add_typer(airflow.app, name="airflow")
app.add_typer(config.app, name="config")
app.add_typer(credential.app, name="credential")
app.add_typer(key.app, name="key")
app.add_typer(webhook.app, name="webhook")
app.add_typer(pull.app, name="pr")
app.add_typer(delivery.app, name="delivery")
app.add_typer(policy.app, name="policy")
app.add_typer(finding.app, name="finding")
app.add_typer(audit.app, name="audit")
app.add_typer(dag.app, name="dag")
app.add_typer(bench.app, name="bench")
app.add_typer(template.app, name="template")
app.add_typer(importing.app, name="import")
app.command(epilog="Example: windlass up --airflow")(operate.up)
app.command(epilog="Example: WINDLASS_DATABASE_URL=postgresql://… windlass api")(operate.api)
app.command(epilog="Example: WINDLASS_DATABASE_URL=postgresql://… windlass worker")(operate.worker)
app.command(epilog="Example: windlass check dags --format sarif --out windlass.sarif")(check.check)
app.command("compile", epilog="Example: windlass compile . --check")(compile_command.compile_)
app.command(epilog="Example: windlass plan origin/main HEAD dags")(plan.plan)
app.command(epilog='Example: windlass apply 5d1e0c2a77b1 --reason "reviewed"')(plan.apply)
app.command(epilog="Example: windlass doctor --output json")(doctor.doctor)
app.command(epilog="Example: windlass backup --passphrase-file phrase")(backup.backup)
app.command(epilog="Example: windlass restore windlass-20261121T020000Z.tar")(backup.restore)
app.command(epilog="Example: windlass explain orders")(explain.explain)
app.command(epilog="Example: windlass demo --once")(operate.demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"windlass {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def run() -> None:
    """The console script: runs one command and exits with a code of `entrypoints.failures`."""
    leave_no_core()
    try:
        app()
    except AppError as error:
        _explain(error)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # `windlass … | head`
        sys.stderr.close()
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # our bug: no traceback for users by default
        _explain_bug(error)
        sys.exit(EXIT_BUG)


def _explain(error: AppError) -> None:
    if _wants_json(sys.argv[1:]):
        problem = {"code": error.code, "message": error.message, "hint": error.hint}
        say(json.dumps(problem), err=True)
        return
    say(f"{error.code} {error.message}", err=True)
    if error.hint:
        say(f"  {error.hint}", err=True)


def _wants_json(arguments: list[str]) -> bool:
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        one in ("--output=json", "--format=json", "-ojson")
        or (one in ("--output", "--format", "-o") and then == "json")
        for one, then in pairs
    )


def _explain_bug(error: Exception) -> None:
    import traceback
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile("w", prefix="windlass-bug-", suffix=".txt", delete=False) as file:
        file.write(f"windlass {__version__}, Python {sys.version}\n")
        traceback.print_exception(error, file=file)
    say(f"WIND001 Windlass failed with {type(error).__name__}, a bug.", err=True)
    say(f"  Please report it with {file.name}.", err=True)
