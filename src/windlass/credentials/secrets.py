"""What opens stored credentials: keys of ours, and who is asked for secrets that change."""

from dataclasses import dataclass, field

from windlass.credentials.github_app import Installations
from windlass.credentials.keyring import Keyring
from windlass.credentials.vaults import Vaults


@dataclass(frozen=True, slots=True)
class Secrets:
    """Everything that turns a reference into a secret."""

    keyring: Keyring
    apps: Installations = field(default_factory=Installations)
    vaults: Vaults = field(default_factory=Vaults)
