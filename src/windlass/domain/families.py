"""The families of checks, and what switches each one off."""

from dataclasses import dataclass

from windlass.domain.finding import FindingType
from windlass.domain.options import Options


@dataclass(frozen=True, slots=True)
class Family:
    """Checks that are run together. `finds` is what their findings can be.

    `option` names the option of a repository that switches them off, None where nothing does; the
    option `validation` switches all of these off at once.
    """

    name: str
    finds: frozenset[FindingType]
    option: str | None = None


FAMILIES: tuple[Family, ...] = (
    Family("intake", frozenset({FindingType.INTAKE})),
    Family("syntax", frozenset({FindingType.SYNTAX})),
    Family("ownership", frozenset({FindingType.STRUCTURE})),
    Family("lint", frozenset({FindingType.LINT, FindingType.AIRFLOW_COMPAT}), option="validation"),
    Family("security", frozenset({FindingType.DANGEROUS_OPERATION}), option="security_scan"),
    Family("secrets", frozenset({FindingType.HARDCODED_CREDENTIALS}), option="security_scan"),
    Family("structure", frozenset({FindingType.STRUCTURE}), option="validation"),
    Family("dependencies", frozenset({FindingType.DEPENDENCY}), option="validation"),
    Family("references", frozenset({FindingType.REFERENCE}), option="validation"),
    Family("pods", frozenset({FindingType.POD}), option="validation"),
    Family(
        "import",
        frozenset({FindingType.IMPORT, FindingType.DANGEROUS_OPERATION}),
        option="import_check",
    ),
    Family("tests", frozenset({FindingType.TESTS}), option="tests"),
)
"""Every family that there is, in the order in which they run."""

REMEMBERED = frozenset(
    {"lint", "security", "secrets", "structure", "pods", "references", "dependencies"}
)
"""What these say of a file by itself depends on the file alone, and on what judges: while both
stay, it is told again without looking. There is advice in most files, too many to look at each
time."""

OF_TREES = frozenset({"ownership", "import", "tests", "policy"})
"""What these say is found out for each revision, whether its files are read or not. In a repository
`policy` is no family that could be asked for: it is what a release policy demands."""

CODES_OF_TREES = frozenset(
    {
        *("STR012", "STR013", "STR014", "STR015", "PKG001", "PKG002", "PKG003", "PKG004", "PKG005"),
        *("REF001", "REF002", "REF003", "REF004"),
    }
)
"""The same of single rules of other families (`checks/known.py`)."""

OBLIGATORY = frozenset(kind for f in FAMILIES if f.option is None for kind in f.finds)
"""What is looked for in every revision, also where validation is switched off."""


def families_for(options: Options) -> tuple[str, ...]:
    """The names of the families that look at a repository with these options.

    >>> families_for(Options(validation=False))
    ('intake', 'syntax', 'ownership')
    """
    return tuple(
        family.name
        for family in FAMILIES
        if family.option is None or (options.validation and getattr(options, family.option))
    )
