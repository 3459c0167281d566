"""What the API answers, for whoever looks for something that must not be in it."""

import json
from collections.abc import Iterator
from urllib.parse import quote

from windlass.domain.errors import AppError
from windlass.entrypoints.cli.client import Client
from windlass.settings import Settings

_NAMES = {"repositories": "repositories", "environments": "environments", "policies": "policies"}


def api_answers(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """(address, answer) of all that can be read by a name at the most, errors and `/metrics` too.
    What needs more, such as a number of a release, is left out. Raises as `Client` where nobody
    answers."""
    client = Client(settings)
    paths = client.get("/openapi.json")["paths"]
    names = {kind: [one["name"] for one in client.get(f"/api/v1/{kind}")] for kind in _NAMES}
    for template, operations in paths.items():
        if "get" not in operations:
            continue
        kind = template.removeprefix("/api/v1/").partition("/")[0]
        for name in names.get(kind, [""]) if "{name}" in template else [""]:
            address = template.replace("{name}", quote(name, safe=""))
            if "{" not in address:
                yield address, _answer(client, address)


def _answer(client: Client, address: str) -> bytes:
    try:
        found = client.get(address)
    except AppError as error:
        found = str(error)
    return (found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)).encode()
