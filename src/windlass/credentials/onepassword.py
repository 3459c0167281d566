"""1Password, through a Connect server.

developer.1password.com/docs/connect/api-reference ("List vaults", "List items", "Get item
details"). Three calls, made by our own judged client instead of its SDK (0026).
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from windlass.credentials.asking import Asker
from windlass.credentials.files import secret_of
from windlass.credentials.vaults import missing, refused, unreadable

_REFERENCE = re.compile(r'(?:op://)?([^/"\\]+)/([^/"\\]+)/(?:[^/"\\]+/)?([^/"\\]+)')
_ID = re.compile(r"[a-z0-9]{26}")


class OnePassword:
    """Reads `op://VAULT/ITEM/FIELD`, by names or ids, with the token of a Connect server."""

    def __init__(self, asker: Asker, url: str, token_file: Path | None) -> None:
        self._asker = asker
        self._url = url.rstrip("/")
        self._token_file = token_file

    def read(self, reference: str) -> str:
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise unreadable(reference, "op://VAULT/ITEM/FIELD, such as op://Deploy/git/password")
        vault, item, name = found.groups()
        vault = self._find("/v1/vaults", "name", vault, reference)
        items = f"/v1/vaults/{quote(vault)}/items"
        whole = self._get(
            f"{items}/{quote(self._find(items, 'title', item, reference))}", reference
        )
        for field in whole.get("fields", ()):
            if name in (field.get("label"), field.get("id")) and field.get("value"):
                return str(field["value"])
        raise missing(self._url, reference)

    def _find(self, path: str, attribute: str, name: str, reference: str) -> str:
        """The id of what has that name; the name itself where it is an id."""
        if _ID.fullmatch(name):
            return name
        listed = self._get(path, reference, {"filter": f'{attribute} eq "{name}"'})
        matching = [one["id"] for one in listed if one.get(attribute) == name]
        if len(matching) != 1:  # two of one name: which is meant is not ours to guess
            raise missing(self._url, reference)
        return str(matching[0])

    def _get(self, path: str, reference: str, params: dict[str, str] | None = None) -> Any:
        token = secret_of(self._token_file, "WINDLASS_ONEPASSWORD_TOKEN_FILE")
        headers = {"Authorization": f"Bearer {token}"}
        answer = self._asker.ask("GET", self._url + path, headers=headers, params=params)
        if answer.status_code in (401, 403):
            raise refused(self._url, f"it answers {answer.status_code}")
        if not answer.is_success:
            raise missing(self._url, reference)
        try:
            return answer.json()
        except ValueError:
            raise missing(self._url, reference) from None
