"""Files of other tools, tests/cases/imports/<tool>/, beside what is made of them: NAME.out holds
the documents and what is told. After a change that is meant,
`.venv/bin/python -m tests.unit.compiler.importing_cases` writes them again, to be reviewed."""

from collections.abc import Callable, Mapping
from pathlib import Path

from windlass.compiler.pipelines.importing.dag_factory import import_dag_factory
from windlass.compiler.pipelines.importing.notes import Import
from windlass.compiler.pipelines.importing.pipeweaver import import_pipeweaver

FOLDER = Path(__file__).parents[2] / "cases" / "imports"
READERS: Mapping[str, Callable[[str, bytes], Import]] = {
    "dag_factory": import_dag_factory,
    "pipeweaver": import_pipeweaver,
}
CASES = sorted(path for tool in READERS for path in (FOLDER / tool).glob("*.y*ml"))


def imported(case: Path) -> Import:
    return READERS[case.parent.name](case.name, case.read_bytes())


def told(made: Import) -> str:
    return "".join(f"# {f.place} {f.code} {f.message}. {f.hint}\n" for f in made.findings)


def made_of(case: Path) -> str:
    made = imported(case)
    return told(made) + "".join(f"--- # {one.name}\n{one.text}" for one in made.pipelines)


if __name__ == "__main__":
    for one in CASES:
        one.with_suffix(".out").write_text(made_of(one), "utf-8")
