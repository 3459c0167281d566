"""What the command line is told of an environment: by its name, by files, by options."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Chosen:
    """The environment that is meant: `python` is its interpreter, None where none is on this
    machine; `declared` its inventory."""

    name: str
    python: Path | None
    declared: Declared


def chosen(name: str | None, inventory: Path | None, python: Path | None) -> Chosen:
    """The environment of that name in windlass.yaml, where there is one; a file and an interpreter
    that are named go before its own. Raises as `find_environment` and `declared_in` do."""
    from windlass.app import find_environment
    from windlass.settings import load_settings

    there = find_environment(name) if name else None
    own = Path(there.interpreter) if there and there.interpreter else None
    if python is None:
        python = own if own and own.exists() else load_settings().airflow_python
    declared = there.inventory if there and inventory is None else declared_in(inventory)
    return Chosen(name or "default", python, declared)
