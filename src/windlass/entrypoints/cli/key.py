"""`windlass key`: the keys that encrypt stored credentials."""

from typing import Annotated

import typer

from windlass.entrypoints.cli.render import Output, print_json, say

app = typer.Typer(no_args_is_help=True, help="The keys that encrypt stored credentials.")


@app.command(epilog="Example: windlass key rotate")
def rotate(
    no_new_key: Annotated[
        bool,
        typer.Option("--no-new-key", help="Use the first key of the file; somebody put it there."),
    ] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Keep the newest key alone.")
    ] = False,
    output: Output = "text",
) -> None:
    """Put every stored secret under a new key; nothing stops meanwhile.

    The key before stays in the file for what was stored in this moment; the next rotation forgets
    it. Old backups open with the keys of their time only.
    """
    from windlass.entrypoints.cli.client import Client

    body = {"new_key": not no_new_key, "drop_old": drop_old}
    rotated = Client().post("/api/v1/keys/rotate", body)
    if output == "json":
        print_json(rotated)
        return
    secrets, kept = rotated["secrets"], rotated["kept"]
    say(f"Secrets under the newest key: {secrets}. Keys in the file: {kept}.")
