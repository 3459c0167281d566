"""The statement of a release: what Windlass vouches for, to be signed (docs/contract/store.md)."""

import base64
import json
from dataclasses import asdict, dataclass
from typing import Any

from windlass.domain.options import NewDags

FORMAT = 1
PURPOSE = "windlass.release"
"""What a signature of a statement is good for, and nothing else."""

_KEY_KIND = "ed25519:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said of one release, in the words of its file.

    `bundle` None: the release is for no bundle, but a folder. `manifest` is the SHA-256 of
    `manifest.json.gz`, `verdict` that of the findings it was allowed with. `dag_id_prefix` None:
    any id will do. `dag_id_prefixes`: those that files build at run time begin with one of them; ()
    for any. `pool` None: tasks that name no pool stay in Airflow's default one.
    """

    release: str
    environment: str
    environment_id: str
    bundle: str | None
    namespace: str
    repository: str
    revision: str
    content_of: str | None
    artifact: str
    manifest: str
    verdict: str
    validated: bool
    new_dags: NewDags
    tags: tuple[str, ...]
    dag_id_prefix: str | None
    dag_id_prefixes: tuple[str, ...]
    pool: str | None
    created_at: str

    def to_bytes(self) -> bytes:
        """The very bytes that are signed."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode() + b"\n"


def tags_of(namespace: str, repository: str) -> tuple[str, ...]:
    """The tags that every DAG of a repository gets in Airflow.

    >>> tags_of("company", "orders")
    ('ns:company', 'repo:orders')
    """
    return f"ns:{namespace}", f"repo:{repository}"


def signature_file(key_id: str, signature: bytes) -> bytes:
    """What lies beside a statement."""
    signed = {"key": key_id, "signature": base64.b64encode(signature).decode()}
    return json.dumps({"format": FORMAT, "signatures": [signed]}).encode() + b"\n"


def key_text(public: bytes) -> str:
    """A public key as `store.json` and Airflow's settings hold it.

    >>> key_text(bytes(32))
    'ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
    """
    return _KEY_KIND + base64.b64encode(public).decode()


def is_key_text(value: Any) -> bool:
    """Whether this is a public key in the form of `key_text`."""
    if not isinstance(value, str) or not value.startswith(_KEY_KIND):
        return False
    try:
        return len(base64.b64decode(value.removeprefix(_KEY_KIND), validate=True)) == 32
    except ValueError:
        return False
