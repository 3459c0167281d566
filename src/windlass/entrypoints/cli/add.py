"""`windlass repo add`: a repository, and how to get in."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from windlass.domain.errors import Invalid
from windlass.entrypoints.cli.options import Given, read_options
from windlass.entrypoints.cli.render import Output, print_json, say

EXAMPLE = "Example: windlass repo add https://git.example/team/dags --branch main"


def add(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="https://…, ssh://…, or git@HOST:PATH; without a password."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Default: the last part of the URL.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Its owner; default: the name.")] = None,
    environment: Annotated[str | None, typer.Option(help="Which Airflow it goes to.")] = None,
    branch: Annotated[
        str | None, typer.Option(help="The branch to follow; default: main, else what HEAD names.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="The tag to deploy, instead of a branch.")] = None,
    tag_pattern: Annotated[
        str | None, typer.Option(help="Deploy the newest tag that matches, such as 'v*' or '^1.2'.")
    ] = None,
    commit: Annotated[
        str | None, typer.Option(help="Deploy this commit and no other; 40 characters.")
    ] = None,
    path: Annotated[str, typer.Option(help="The folder with the DAGs.")] = ".",
    credential: Annotated[
        str | None, typer.Option(metavar="NAME", help="A stored credential: windlass credential.")
    ] = None,
    username: Annotated[str | None, typer.Option(help="For a private repository.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password of --username from stdin.")
    ] = False,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read a token from stdin; needs no --username.")
    ] = False,
    ssh_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The private key for an ssh URL.")
    ] = None,
    passphrase_stdin: Annotated[
        bool, typer.Option("--passphrase-stdin", help="Read the key's passphrase from stdin.")
    ] = False,
    known_hosts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The host keys to believe, for ssh.")
    ] = None,
    host_key: Annotated[
        str | None,
        typer.Option(metavar="SHA256:…", help="The fingerprint of the one host key to believe."),
    ] = None,
    on_rewrite: Annotated[
        str, typer.Option(help="follow, or hold when history is rewritten or a tag moves.")
    ] = "follow",
    submodules: Annotated[
        bool, typer.Option("--submodules", help="Deploy the files of Git submodules too.")
    ] = False,
    sync_interval: Annotated[
        str | None, typer.Option(help="How often to poll, such as 30s or 5m; default 60s.")
    ] = None,
    option: Given = None,
    output: Output = "text",
) -> None:
    """Add a repository; once checked, its DAGs go to Airflow.

    For a private one: windlass repo add URL --token-stdin < token

    By ssh: windlass repo add git@HOST:PATH --ssh-key FILE

    Options hold from its first release on: -O auto_deploy=false keeps that waiting too.
    """
    from windlass.entrypoints.cli.client import ROOT, Client

    body = {
        "url": url,
        "name": name,
        "namespace": namespace,
        "environment": environment,
        "branch": branch,
        "tag": tag,
        "tag_pattern": tag_pattern,
        "commit": commit,
        "path": path,
        "sync_interval": sync_interval,
        "options": {
            "on_rewrite": on_rewrite,
            "submodules": submodules,
            **read_options(option),
        },
        "credential": credential,
        "auth": auth_of(
            username,
            password_stdin=password_stdin,
            token_stdin=token_stdin,
            ssh_key=ssh_key,
            passphrase_stdin=passphrase_stdin,
            known_hosts=known_hosts,
            host_key=host_key,
        ),
    }
    added = Client().post(ROOT, {key: value for key, value in body.items() if value is not None})
    if output == "json":
        print_json(added)
        return
    what = followed(added["ref_kind"], added["ref"], added["ref_choice"])
    say(f"Added {added['name']}: {added['url']}, {what}.")
    say(f"  See how far it is: windlass repo show {added['name']}")


def auth_of(
    username: str | None,
    *,
    password_stdin: bool,
    token_stdin: bool,
    ssh_key: Path | None,
    passphrase_stdin: bool,
    known_hosts: Path | None,
    host_key: str | None,
) -> dict[str, str] | None:
    """The `auth` of a request, made from the options; None where none was given. Raises Invalid
    CLI001 for options that do not go together. Secrets are read from standard input."""
    found = (
        _password(username, password_stdin=password_stdin)
        or _token(username, token_stdin=token_stdin)
        or _key(ssh_key, known_hosts, host_key, passphrase_stdin=passphrase_stdin)
    )
    ways = (password_stdin or bool(username and not token_stdin), token_stdin, bool(ssh_key))
    if sum(ways) > 1:
        raise Invalid(
            "CLI001",
            "more than one way to get in was given",
            "Give one of --password-stdin, --token-stdin and --ssh-key.",
        )
    return found


_CHOICES = {
    "main": " (no ref was given)",
    "head": " (no ref was given, and the remote had no main: its HEAD names this)",
}


def followed(kind: str, name: str, choice: str = "given") -> str:
    """What a repository follows, in words, and why where nobody gave it: `branch main`, `newest tag
    of v*`.

    >>> followed("commit", "3f9c2d1" + 33 * "0")
    'commit 3f9c2d1'
    """
    if kind == "tag_pattern":
        return f"newest tag of {name}"
    return f"{kind} {name[:7] if kind == 'commit' else name}{_CHOICES.get(choice, '')}"


def _password(username: str | None, *, password_stdin: bool) -> dict[str, str] | None:
    if not password_stdin:
        return None
    if not username:
        raise Invalid(
            "CLI001",
            "--username and --password-stdin go together",
            "windlass repo add URL --username ci --password-stdin < password",
        )
    return {"username": username, "password": secret_line()}


def _token(username: str | None, *, token_stdin: bool) -> dict[str, str] | None:
    if token_stdin:
        return {"token": secret_line()} | ({"username": username} if username else {})
    if username:
        raise Invalid(
            "CLI001",
            "--username says who, and nothing says by what",
            "Add --password-stdin or --token-stdin.",
        )
    return None


def _key(
    key: Path | None, known_hosts: Path | None, host_key: str | None, *, passphrase_stdin: bool
) -> dict[str, str] | None:
    if key is None:
        if known_hosts or host_key or passphrase_stdin:
            raise Invalid(
                "CLI001",
                "--known-hosts, --host-key and --passphrase-stdin go with --ssh-key",
                "windlass repo add git@HOST:PATH --ssh-key FILE",
            )
        return None
    given = {
        "private_key": text_of(key),
        "known_hosts": text_of(known_hosts) if known_hosts else None,
        "host_key": host_key,
        "passphrase": secret_line() if passphrase_stdin else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def secret_line() -> str:
    """The first line of standard input, asked for and not shown where that is a terminal; Invalid
    CLI013 where it is empty."""
    if sys.stdin.isatty():
        line = getpass.getpass("Secret: ")
    else:
        line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Invalid(
            "CLI013",
            "standard input holds no secret: its first line is empty",
            "Give it from a file: windlass … < secret",
        )
    return line


def text_of(file: Path) -> str:
    """The text of a file that a command names; Invalid CLI005 where it cannot be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "it is no text"
        raise Invalid(
            "CLI005",
            f"the key or known_hosts file {str(file)!r} cannot be read: {words}",
            "Name a text file that you can read.",
        ) from error
