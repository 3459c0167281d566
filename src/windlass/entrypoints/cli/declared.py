"""Files that the command line reads in the place of an environment."""

from pathlib import Path

from windlass.compiler.declaration import read_inventory
from windlass.domain.errors import Invalid
from windlass.domain.inventory import Declared


def declared_in(path: Path | None) -> Declared:
    """The inventory that a file declares; Invalid CLI007 names everything that is wrong with it."""
    if path is None:
        return Declared()
    declared, findings = read_inventory(str(path), path.read_bytes())
    if declared is None:
        told = "\n".join(f"{one.place} {one.message} {one.hint}" for one in findings)
        raise Invalid("CLI007", f"the inventory cannot be read:\n{told}", "Correct it.")
    return declared
