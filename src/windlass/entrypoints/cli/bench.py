"""`windlass bench`: figures of this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from windlass.entrypoints.cli.render import Output, print_json, table

AirflowPython = Annotated[Path | None, typer.Option(help="The python of an Airflow environment.")]

app = typer.Typer(no_args_is_help=True, help="Measure Windlass on this machine.")


@app.command(epilog="Example: windlass bench sync --files 20000 --output json")
def sync(
    files: Annotated[int, typer.Option(min=4, max=49_000, help="DAG files.")] = 1000,
    pushes: Annotated[int, typer.Option(min=1, max=200, help="One-file commits.")] = 15,
    releases: Annotated[
        int, typer.Option(min=0, max=500, help="Measure the disk use of this release; 0: of none.")
    ] = 0,
    rest: Annotated[
        int, typer.Option(min=0, max=600, help="Seconds of rest before an idle one is weighed.")
    ] = 35,
    output: Output = "text",
) -> None:
    """Measure a sync, beside a plain sync tool's work.

    From its request to the flipped pointer; what it touches, and what an idle Windlass costs.
    Everything runs for real below the temporary folder: TMPDIR decides on which file system.
    """
    from windlass.entrypoints.bench.sync import measure

    found = measure(
        files=files,
        pushes=pushes,
        releases=releases,
        rest_s=rest,
        progress=_progress,
    )
    ratio = found["ratio_to_peer"]
    _show(found, output, f"A one-file sync takes {ratio} times what the peer takes (p50).")


@app.command(epilog="Example: windlass bench poll --repositories 1000")
def poll(
    repositories: Annotated[int, typer.Option(min=1, max=5000, help="How many.")] = 1000,
    interval: Annotated[int, typer.Option(min=1, max=600, help="Seconds between polls.")] = 60,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="How long to measure.")] = 60,
    output: Output = "text",
) -> None:
    """Measure polls without news.

    One repository, by plain HTTP and by TLS, and many in one worker by plain HTTP. Everything runs
    for real, on loopback, with a password.
    """
    from windlass.entrypoints.bench.poll import measure

    found = measure(
        repositories=repositories,
        interval_s=interval,
        seconds=seconds,
        progress=_progress,
    )
    worker = (f"{key.replace('_', ' ')}: {value}" for key, value in found["worker"].items())
    _show(found, output, *worker)


@app.command(epilog="Example: windlass bench live --pushes 40")
def live(
    files: Annotated[int, typer.Option(min=4, max=5000, help="DAG files.")] = 20,
    pushes: Annotated[int, typer.Option(min=1, max=500, help="One-file commits.")] = 30,
    airflow_python: Annotated[
        Path | None,
        typer.Option(help="The python of an Airflow environment with airflow-provider-windlass."),
    ] = None,
    output: Output = "text",
) -> None:
    """Measure how long a push and a rollback take to be live.

    *Live* is what a real local Airflow was seen with by its API, as `windlass demo` runs it. Each
    push is followed by a request for a sync, as a webhook would; some are rolled back.
    """
    from windlass.entrypoints.bench.live import measure

    found = measure(
        files=files,
        pushes=pushes,
        airflow_python=airflow_python,
        progress=_progress,
    )
    _show(found, output)


@app.command(epilog="Example: windlass bench webhooks --rate 500")
def webhooks(
    rate: Annotated[int, typer.Option(min=1, max=5000, help="Calls a second.")] = 500,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="How long to call.")] = 30,
    files: Annotated[int, typer.Option(min=4, max=49_000, help="DAG files.")] = 1000,
    pushes: Annotated[int, typer.Option(min=1, max=500, help="One-file commits.")] = 30,
    output: Output = "text",
) -> None:
    """Measure calls of Git hosts.

    How long a signed call takes to the flipped pointer; how soon calls at a steady rate are
    answered, and whether one that was answered is lost when the API is killed. The load generator
    runs on the same machine.
    """
    from windlass.entrypoints.bench.webhooks import measure

    found = measure(
        rate=rate,
        seconds=seconds,
        files=files,
        pushes=pushes,
        progress=_progress,
    )
    answers = ", ".join(f"{count} of {status}" for status, count in found["answers"].items())
    before = found["answered_before_the_kill"]
    _show(
        found,
        output,
        f"Answers: {answers}; {found['accepted_per_s']} accepted a second.",
        f"Of {before} calls answered before a kill, {found['lost']} were lost.",
    )


@app.command(
    epilog="Example: windlass bench gate --files 0 --large 0 --output json;"
    " make peers && windlass bench gate"
)
def gate(
    static: Annotated[int, typer.Option(min=0, help="Files for the static checks.")] = 1500,
    imports: Annotated[int, typer.Option(min=0, help="Files to import, thrice.")] = 300,
    fresh: Annotated[int, typer.Option(min=0, help="Of these, by a fresh python each.")] = 10,
    cold: Annotated[int, typer.Option(min=0, help="Files of a cold check.")] = 1000,
    files: Annotated[int, typer.Option(min=0, max=49_000, help="A repository's files.")] = 1000,
    large: Annotated[int, typer.Option(min=0, max=49_000, help="A large one's files.")] = 10_000,
    pushes: Annotated[int, typer.Option(min=1, max=200, help="One-file commits to each.")] = 15,
    airflow_python: AirflowPython = None,
    peers: Annotated[
        Path, typer.Option(help="An environment with bandit and detect-secrets: make peers.")
    ] = Path(".venv-peers"),
    output: Output = "text",
) -> None:
    """Measure the gate, beside others that look at DAG files.

    The files are copies of the example DAGs that come with Airflow, each with ids of its own. The
    peers read and import the same files in the same run: bandit and detect-secrets, a fresh python
    for each file, and `airflow dags reserialize`. A part with 0 files is left out.
    """
    from windlass.entrypoints.bench.gate import Sizes, measure
    from windlass.entrypoints.demo.airflow import find_airflow

    found = measure(
        Sizes(static, imports, fresh, cold, files, large, pushes),
        python=find_airflow(airflow_python),
        peers=peers,
        progress=_progress,
    )
    ratios = (f"{ratio:g} times as quick as {name}" for name, ratio in found["ratios"].items())
    _show(found, output, *ratios, *_absent(found, peers))


@app.command(epilog="Example: windlass bench plan --dags 2000")
def plan(
    dags: Annotated[int, typer.Option(min=20, max=49_000, help="DAG files.")] = 2000,
    commits: Annotated[int, typer.Option(min=1, max=15, help="Commits of each kind.")] = 9,
    airflow_python: AirflowPython = None,
    output: Output = "text",
) -> None:
    """Measure plans of small commits in a large repository.

    From what is known of the base to the plan, as a server makes it: the head is read, checked and
    imported where it differs. Then the command as CI runs it, a process of its own, without and
    with a folder that remembers imports.
    """
    from windlass.entrypoints.bench.plan import measure
    from windlass.entrypoints.demo.airflow import find_airflow

    found = measure(
        dags=dags,
        commits=commits,
        python=find_airflow(airflow_python),
        progress=_progress,
    )
    _show(found, output)


@app.command("compile", epilog="Example: make peers && windlass bench compile")
def compile_(
    pipelines: Annotated[int, typer.Option(min=1, max=5000, help="How many to compile.")] = 1000,
    parsed: Annotated[int, typer.Option(min=1, max=5000, help="How many to parse.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often.")] = 3,
    peers: Annotated[
        Path, typer.Option(help="An environment with Airflow, dag-factory, blueprint: make peers.")
    ] = Path(".venv-peers3"),
    output: Output = "text",
) -> None:
    """Measure pipelines, beside tools that read YAML.

    How long compiling takes; how long Airflow takes to parse what was compiled, the same pipelines
    by dag-factory and by blueprint; and how much of it again after a change of one. All in one run
    and by one Airflow, what they import already there. Figures are CPU, of one process each.
    """
    from windlass.entrypoints.bench.pipelines import measure

    found = measure(
        compiled=pipelines,
        parsed=parsed,
        rounds=rounds,
        peers=peers,
        progress=_progress,
    )
    ratios = (
        f"{name}: parsed in {ratio:g} times the time" for name, ratio in found["ratios"].items()
    )
    again = (
        f"{name}: DAGs parsed again after a change of one: {count}"
        for name, count in found["parsed_again"].items()
    )
    _show(found, output, *ratios, *again, *_absent(found, peers))


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _absent(found: dict[str, Any], peers: Path) -> list[str]:
    names = found["absent"]
    return [f"{name} is not in {peers}, so it was not measured: make peers" for name in names]


def _show(found: dict[str, Any], output: str, *lines: str) -> None:
    """The figures as a table, then the lines; or all that was found as JSON."""
    if output == "json":
        print_json(found)
        return
    typer.echo(", ".join(f"{key} {value}" for key, value in found["conditions"].items()))
    heads = ("CASE", "UNIT", "N", "MIN", "P50", "P90", "P95", "P99", "MAX")
    typer.echo(table(heads, [_row(case) for case in found["cases"]], flexible=0))
    for line in lines:
        typer.echo(line)


def _row(case: dict[str, Any]) -> tuple[str, ...]:
    values = (_number(case[key]) for key in ("n", "min", "p50", "p90", "p95", "p99", "max"))
    return (case["case"], case["unit"], *values)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
