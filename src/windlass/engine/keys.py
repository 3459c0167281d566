"""Another key for the secrets in the database, while all runs."""

from dataclasses import dataclass

from windlass.database.credentials import lock_all, reseal
from windlass.database.deliveries import reseal_bodies
from windlass.database.webhooks import reseal_webhooks
from windlass.domain.audit import Action
from windlass.engine.audit import audited
from windlass.engine.context import Context


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many secrets are under the newest key now, and how many keys went and stayed."""

    secrets: int
    forgotten: int
    kept: int


def rotate_key(context: Context, *, new_key: bool, drop_old: bool, actor: str) -> Rotated:
    """Put a new key first, and every secret under it; nothing stops meanwhile, since every process
    reads the key file at each use and old keys still open what is old.

    The key before stays, for a secret that was encrypted by it and stored in this very moment; the
    next rotation, or `drop_old` some time later, forgets it. Raises Conflict CRED025 where the file
    cannot be written, Invalid CRED001 where no key opens a secret: then nothing is forgotten.
    """
    keyring = context.keyring

    def recode(ciphertext: bytes) -> bytes:
        return keyring.encrypt(keyring.decrypt(ciphertext))

    if new_key:
        keyring.add_key()
    with context.database.transaction() as connection:
        every = lock_all(connection)
        stored = {name: one for name, one in every.items() if one.lies_in is None}
        hooks = reseal_webhooks(connection, recode)
        reseal_bodies(connection, recode)
        for name, one in stored.items():
            ciphertext = recode(one.ciphertext)
            previous = None if one.previous is None else recode(one.previous)
            reseal(connection, name, ciphertext, previous)
        count = len(stored) + hooks
        audited(connection, actor, Action.KEY_ROTATED, "key/secret-keys", secrets=count)
    forgotten = keyring.keep(1 if drop_old else 2)
    return Rotated(count, forgotten, len(keyring.keys()))
