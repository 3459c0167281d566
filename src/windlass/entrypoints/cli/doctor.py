"""`windlass doctor`: is everything as it must be, and what to do where it is not."""

from contextlib import ExitStack, closing

import typer

from windlass.entrypoints.cli.render import Output, checkup_lines, print_json, say
from windlass.entrypoints.failures import EXIT_FAILED


def doctor(output: Output = "text") -> None:
    """Examine this machine and each Airflow; say what to do.

    Changes nothing. Run it where the worker runs, with the worker's settings; those of a windlass
    up of this folder hold by themselves. Ends with exit code 1 where something failed.
    """
    from dataclasses import asdict

    from windlass.app import build_context, network_of, open_database, store_of
    from windlass.engine.doctor import Place, examine
    from windlass.home import settings_that_run
    from windlass.settings import load_settings

    settings = load_settings()
    settings = load_settings(**settings_that_run(settings.home))
    place = Place(
        settings.home,
        store_of(settings).root,
        settings.client_url,
        settings.public_url,
        settings.history_days,
        lambda: network_of(settings),
        settings.credential_days,
        settings.secret_files,
    )
    with ExitStack() as opened:
        rows = examine(
            place,
            lambda way: build_context(
                settings, opened.enter_context(closing(open_database(settings))), way
            ),
        )
    found = [asdict(row) for row in rows]
    if output == "json":
        print_json(found)
    else:
        say("\n".join(checkup_lines(found)))
    if any(row["condition"] == "failed" for row in found):
        raise typer.Exit(EXIT_FAILED)
