"""`windlass credential`: logins that several repositories use by name."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from windlass.domain.errors import AppError, Invalid
from windlass.domain.login import (
    AppLogin,
    DeployTokenLogin,
    KeyLogin,
    Login,
    PasswordLogin,
    TokenLogin,
)
from windlass.entrypoints.cli.add import auth_of, secret_line, text_of
from windlass.entrypoints.cli.render import Output, age, print_json, say, table

app = typer.Typer(
    no_args_is_help=True, help="Store logins for Git hosts, which repositories use by name."
)
_ROOT = "/api/v1/credentials"
Name = Annotated[str, typer.Argument(help="The credential's name.", metavar="NAME")]
Username = Annotated[str | None, typer.Option(help="The user, with a password or a deploy token.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password of --username from stdin.")
]
TokenStdin = Annotated[
    bool, typer.Option("--token-stdin", help="Read a token from stdin; needs no --username.")
]
DeployTokenStdin = Annotated[
    bool,
    typer.Option("--deploy-token-stdin", help="Read GitLab's deploy token of --username."),
]
SshKey = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The private key for an ssh URL.")
]
PassphraseStdin = Annotated[
    bool, typer.Option("--passphrase-stdin", help="Read the key's passphrase from stdin.")
]
KnownHosts = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The host keys to believe, for ssh.")
]
HostKey = Annotated[
    str | None,
    typer.Option(metavar="SHA256:…", help="The fingerprint of the one host key to believe."),
]
AppId = Annotated[str | None, typer.Option(help="The id of a GitHub App, with --app-key.")]
AppKey = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The private key of that GitHub App.")
]
Installation = Annotated[
    str | None, typer.Option(help="Its installation; default: that which reads the repository.")
]
ApiUrl = Annotated[
    str | None, typer.Option(help="GitHub's API; default: that of the repository's host.")
]
Expires = Annotated[
    str | None, typer.Option(metavar="YYYY-MM-DD", help="When the secret ends; it is told before.")
]


@app.command(
    epilog="Example: windlass credential add company-git https://git.example/company/dags "
    "--token-stdin < token"
)
def add(
    name: Name,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="A repository that it opens, to try it.")
    ],
    username: Username = None,
    password_stdin: PasswordStdin = False,
    token_stdin: TokenStdin = False,
    deploy_token_stdin: DeployTokenStdin = False,
    ssh_key: SshKey = None,
    passphrase_stdin: PassphraseStdin = False,
    known_hosts: KnownHosts = None,
    host_key: HostKey = None,
    app_id: AppId = None,
    app_key: AppKey = None,
    installation: Installation = None,
    api_url: ApiUrl = None,
    expires: Expires = None,
    store: Annotated[
        str | None,
        typer.Option(help="Where the secret stays: vault, onepassword, aws or azure."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="What that store calls it; docs/credentials.md.")
    ] = None,
    kind: Annotated[
        str, typer.Option(help="What a secret of --store is; as in windlass credential list.")
    ] = "token",
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of the one of that name.")
    ] = False,
    output: Output = "text",
) -> None:
    """Try a login on the repository at URL, and store it.

    It is stored encrypted, under a name. It is never given back, and never sent to another host. On
    a terminal a secret is asked for, and not shown.
    """
    from windlass.entrypoints.cli.client import Client

    body: dict[str, Any] = {
        "name": name,
        "url": url,
        "replace": replace,
        "expires_on": expires,
    }
    if store or reference:
        body["stored_in"] = _stored_in(
            store=store,
            reference=reference,
            kind=kind,
            username=username or app_id,
            known_hosts=text_of(known_hosts) if known_hosts else None,
            host_key=host_key,
            installation_id=installation,
            api_url=api_url,
        )
    else:
        body["auth"] = _auth(
            auth_of(
                username if not deploy_token_stdin else None,
                password_stdin=password_stdin,
                token_stdin=token_stdin,
                ssh_key=ssh_key,
                passphrase_stdin=passphrase_stdin,
                known_hosts=known_hosts,
                host_key=host_key,
            ),
            _deploy_token(username, deploy_token_stdin),
            _github_app(app_id, app_key, installation, api_url),
        )
    stored = Client().post(_ROOT, body)
    if output == "json":
        print_json(stored)
        return
    say(f"Stored {stored['name']} for {stored['host']}.")


@app.command(epilog="Example: windlass credential rotate company-git --token-stdin < new-token")
def rotate(
    name: Name,
    username: Username = None,
    password_stdin: PasswordStdin = False,
    token_stdin: TokenStdin = False,
    deploy_token_stdin: DeployTokenStdin = False,
    ssh_key: SshKey = None,
    passphrase_stdin: PassphraseStdin = False,
    known_hosts: KnownHosts = None,
    host_key: HostKey = None,
    app_id: AppId = None,
    app_key: AppKey = None,
    installation: Installation = None,
    api_url: ApiUrl = None,
    expires: Expires = None,
    keep_old: Annotated[
        int,
        typer.Option(min=0, max=720, help="Hours in which the old one is tried after the new."),
    ] = 24,
    output: Output = "text",
) -> None:
    """Put a new secret in the place of the stored one.

    Nothing stops meanwhile. It must open every repository that uses the credential, else nothing
    is changed. Take the old one away at the Git host only afterwards.
    """
    from windlass.entrypoints.cli.client import Client

    auth = _auth(
        auth_of(
            username if not deploy_token_stdin else None,
            password_stdin=password_stdin,
            token_stdin=token_stdin,
            ssh_key=ssh_key,
            passphrase_stdin=passphrase_stdin,
            known_hosts=known_hosts,
            host_key=host_key,
        ),
        _deploy_token(username, deploy_token_stdin),
        _github_app(app_id, app_key, installation, api_url),
    )
    body = {"auth": auth, "keep_old_h": keep_old, "expires_on": expires}
    rotated = Client().post(f"{_ROOT}/{quote(name, safe='')}/rotate", body)
    if output == "json":
        print_json(rotated)
        return
    users = len(rotated["used_by"])
    say(f"Rotated {name}: it opens what uses it ({users}). Take the old one away at the host now.")


@app.command("test", epilog="Example: windlass credential test company-git")
def try_it(
    name: Name,
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="Default: every repository that uses it."),
    ] = None,
    output: Output = "text",
) -> None:
    """Ask the Git host whether a credential may read.

    Says in a line what is wrong, and exits with 1 then.
    """
    from windlass.entrypoints.cli.client import Client

    tried = Client().post(f"{_ROOT}/{quote(name, safe='')}/test", {"url": url} if url else {})
    if output == "json":
        print_json(tried)
    else:
        for one in tried:
            say(_told(one))
    if any(one["problem"] for one in tried):
        raise typer.Exit(1)


@app.command(
    "deploy-key", epilog="Example: windlass credential deploy-key team git@git.example:team/dags"
)
def deploy_key(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="A repository that it will open.")],
    known_hosts: KnownHosts = None,
    host_key: HostKey = None,
    output: Output = "text",
) -> None:
    """Make and store an ssh key, and show its public half.

    The private half never leaves Windlass. Give the public half the right to read, then try it.
    """
    from windlass.entrypoints.cli.client import Client

    known = text_of(known_hosts) if known_hosts else None
    body = {"name": name, "url": url, "known_hosts": known, "host_key": host_key}
    made = Client().post(f"{_ROOT}/deploy-keys", body)
    if output == "json":
        print_json(made)
        return
    say(made["public_key"])
    say(
        f"Add this line to the repository as a deploy key that may only read, then: "
        f"windlass credential test {name}",
        err=True,
    )


@app.command("renew-key", epilog="Example: windlass credential renew-key team-dags")
def renew_key(
    name: Name,
    keep_old: Annotated[
        int, typer.Option(min=1, max=720, help="Hours in which the old key is used yet.")
    ] = 168,
    output: Output = "text",
) -> None:
    """Make another ssh key under the name, and show its public half.

    The old one is used until the host takes the new one, for --keep-old hours at most.
    """
    from windlass.entrypoints.cli.client import Client

    path = f"{_ROOT}/{quote(name, safe='')}/renew-key"
    made = Client().post(path, {"keep_old_h": keep_old})
    if output == "json":
        print_json(made)
        return
    say(made["public_key"])
    say(
        f"Add this line beside the old one, which may go once it is there. It is used for "
        f"{keep_old} hours more.",
        err=True,
    )


@app.command(epilog="Example: windlass credential publish team-dags --username admin < password")
def publish(
    repository: Annotated[
        str, typer.Argument(metavar="REPOSITORY", help="The repository whose login it is.")
    ],
    username: Annotated[
        str | None, typer.Option(help="A user of Airflow with the role op; its password is read.")
    ] = None,
    known_hosts_file: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where Airflow's hosts know ssh hosts from.")
    ] = None,
    output: Output = "text",
) -> None:
    """Give a repository's login to its Airflow as a connection.

    It is of the type git, for DAG bundles of Airflow's own Git provider. Airflow encrypts it. The
    user is not kept; without one it is that of the environment.
    """
    from windlass.entrypoints.cli.client import Client, address_of

    body: dict[str, Any] = {"known_hosts_file": known_hosts_file}
    if username:
        body["login"] = {"username": username, "password": secret_line()}
    written = Client().post(f"{address_of(repository)}/connection", body)
    if output == "json":
        print_json(written)
        return
    what = "Added" if written["is_new"] else "Replaced"
    say(f"{what} the connection {written['connection_id']} in {written['environment']}.")


@app.command("import", epilog="Example: windlass credential import connections.json")
def import_all(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What airflow connections export wrote (JSON).")
    ],
    output: Output = "text",
) -> None:
    """Store the Git logins of an export of Airflow's.

    Each is tried and stored under the connection's id. What cannot be stored is told, and the rest
    goes on; exits with 1 then. The file holds secrets in clear: delete it afterwards.
    """
    from windlass.domain.connections import exported_logins
    from windlass.entrypoints.cli.client import Client

    client, rows = Client(), []
    for found in exported_logins(text_of(file)):
        try:
            if isinstance(found, Invalid):
                raise found
            body = {"name": found.name, "url": found.url, "auth": auth_body(found.login)}
            rows.append({"name": client.post(_ROOT, body)["name"], "problem": None})
        except AppError as error:
            name = None if isinstance(found, Invalid) else found.name
            problem = {"code": error.code, "message": error.message, "hint": error.hint}
            rows.append({"name": name, "problem": problem})
    if output == "json":
        print_json(rows)
    else:
        say(
            "\n".join(_imported(row) for row in rows)
            or "The file has no connection of the type git."
        )
    if any(row["problem"] for row in rows):
        raise typer.Exit(1)


@app.command("list", epilog="Example: windlass credential list --output json")
def list_all(output: Output = "text") -> None:
    """List credentials, without their secrets, and what uses them."""
    from windlass.entrypoints.cli.client import Client

    found = Client().get(_ROOT)
    if output == "json":
        print_json(found)
    elif not found:
        say("No credentials yet. Add one: windlass credential add --help")
    else:
        heads = ("CREDENTIAL", "KIND", "USER", "HOST", "AGE", "EXPIRES", "USED BY")
        say(table(heads, [_row(one) for one in found], flexible=6))


@app.command(epilog="Example: windlass credential remove company-git")
def remove(name: Name, output: Output = "text") -> None:
    """Forget a credential that nothing uses."""
    from windlass.entrypoints.cli.client import Client

    left = Client().delete(f"{_ROOT}/{quote(name, safe='')}")
    if output == "json":
        print_json(left)
        return
    say(f"Removed {name}.")


def _stored_in(**given: str | None) -> dict[str, str]:
    if not (given["store"] and given["reference"]):
        raise Invalid(
            "CLI001",
            "--store and --reference go together",
            "For example: --store vault --reference secret/team/git#token",
        )
    return {name: value for name, value in given.items() if value is not None}


def _auth(*ways: dict[str, str] | None) -> dict[str, str]:
    given = [one for one in ways if one is not None]
    if len(given) == 1:
        return given[0]
    if given:
        raise Invalid("CLI001", "more than one way to get in was given", "Give one of them.")
    raise Invalid(
        "CLI012",
        "nothing to store was given",
        "Give one of --password-stdin, --token-stdin, --deploy-token-stdin, --ssh-key and "
        "--app-key.",
    )


def _deploy_token(username: str | None, is_wanted: bool) -> dict[str, str] | None:
    if not is_wanted:
        return None
    if not username:
        raise Invalid(
            "CLI001",
            "--deploy-token-stdin needs --username",
            "GitLab shows it beside the token, such as gitlab+deploy-token-7.",
        )
    return {"username": username, "deploy_token": secret_line()}


def _github_app(
    app_id: str | None, key: Path | None, installation: str | None, api_url: str | None
) -> dict[str, str] | None:
    if app_id is None and key is None and not (installation or api_url):
        return None
    if app_id is None or key is None:
        raise Invalid(
            "CLI001",
            "--app-id and --app-key go together",
            "The app's page at GitHub shows its id, and makes the key.",
        )
    given = {"installation_id": installation, "api_url": api_url}
    chosen = {name: value for name, value in given.items() if value is not None}
    return {"app_id": app_id, "app_private_key": text_of(key), **chosen}


def auth_body(login: Login) -> dict[str, str]:
    """The `auth` of a request for a login."""
    match login:
        case PasswordLogin(username, password):
            given: dict[str, str | None] = {"username": username, "password": password}
        case TokenLogin(token, user):
            given = {"token": token, "username": user}
        case DeployTokenLogin(username, token):
            given = {"username": username, "deploy_token": token}
        case AppLogin(app_id, key, installation, _):
            given = {"app_id": app_id, "app_private_key": key, "installation_id": installation}
        case KeyLogin(key, passphrase, known_hosts, host_key):
            given = {"private_key": key, "passphrase": passphrase}
            given |= {"known_hosts": known_hosts, "host_key": host_key}
    return {name: value for name, value in given.items() if value is not None}


def _imported(row: dict[str, Any]) -> str:
    problem = row["problem"]
    if problem is None:
        return f"{row['name']}: stored"
    prefix = f"{row['name']}: " if row["name"] else ""
    return f"{prefix}{problem['code']} {problem['message']}"


def _told(tried: dict[str, Any]) -> str:
    where = tried["repository"] or tried["url"]
    problem = tried["problem"]
    if problem is None:
        return f"{where}: ok"
    return f"{where}: {problem['code']} {problem['message']}. {problem['hint']}".rstrip(" .") + "."


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    return (
        found["name"],
        found["kind"] + (f" ({found['lies_in'].split()[0]})" if found["lies_in"] else ""),
        found["username"] or found["fingerprint"] or "-",
        found["host"] or "-",
        age(found["changed_at"]),
        found["expires_on"] or "-",
        ", ".join(found["used_by"]) or "-",
    )
