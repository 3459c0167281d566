"""Steps of the type `operator` beside the signatures of what they name."""

from collections.abc import Callable, Iterable

from windlass.compiler.documents import quoted
from windlass.compiler.nodes import Place
from windlass.compiler.reading import Reading
from windlass.domain.finding import Finding
from windlass.domain.nearest import suggest
from windlass.domain.signature import Called, Missing, Signature

SignatureOf = Callable[[str], Signature | Missing | None]
"""The signature of a class; None where it is not known."""


def check_calls(
    path: str, called: Iterable[Called], signature_of: SignatureOf
) -> tuple[Finding, ...]:
    """What the classes of a document do not take, and what they lack, all of it."""
    reading = Reading(path, None, [])
    for one in called:
        found = signature_of(one.path)
        if isinstance(found, Missing):
            _refuse_class(reading, one, found)
        elif found is not None:
            _check_arguments(reading, one, found)
    return tuple(sorted(reading.findings, key=lambda told: (told.line or 0, told.column or 0)))


def _refuse_class(reading: Reading, one: Called, found: Missing) -> None:
    module, _, name = one.path.rpartition(".")
    if found.near:
        message = f"{module} has no class {quoted(name)}"
        reading.refuse("PIPE070", message, suggest(name, found.near), Place(*one.at))
        return
    missing = f"the environment's Airflow has no module {quoted(module)}"
    reading.refuse("PIPE070", missing, "Correct it, or install its provider.", Place(*one.at))


def _check_arguments(reading: Reading, one: Called, found: Signature) -> None:
    name = one.path.rpartition(".")[2]
    for argument, at in one.arguments.items():
        if found.is_whole and argument not in found.known:
            message = f"{name} has no argument {quoted(argument)}"
            reading.refuse("PIPE071", message, suggest(argument, found.known), Place(*at))
    for argument in sorted(found.required - one.arguments.keys()):
        missing = f"{name} needs the argument {quoted(argument)}"
        reading.refuse("PIPE072", missing, f"Add {argument}: below arguments.", Place(*one.at))
