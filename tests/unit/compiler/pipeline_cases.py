"""The specification of pipelines by example: tests/cases/pipelines/<case>/in.yaml beside what is
compiled from it for Airflow 3.3 (out.py) and 2.11 (out_2.py), and what is told (findings.txt).

`case.json` names the environment and its clusters, where they matter; `templates/` and
`pipelines.lock` are those of the case. After a change that is meant:
`.venv/bin/python -m tests.unit.compiler.pipeline_cases` writes all of them again, to be reviewed.
"""

import json
from pathlib import Path

from windlass.compiler.pipelines.compile import compile_pipeline
from windlass.domain.finding import Finding
from windlass.domain.pipeline import Bindings, Cluster, Compiled
from windlass.domain.template import Templates

FOLDER = Path(__file__).parents[2] / "cases" / "pipelines"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/in.yaml"))
PATH = "pipelines/in.yaml"
AIRFLOWS = {"": (3, 3), "_2": (2, 11)}


def bindings_of(case: str, airflow: tuple[int, int]) -> Bindings:
    said = FOLDER / case / "case.json"
    given = json.loads(said.read_text("utf-8")) if said.exists() else {}
    clusters = {name: Cluster(**one) for name, one in given.get("clusters", {}).items()}
    return Bindings(airflow, given.get("environment", "default"), clusters)


def templates_of(case: str) -> Templates:
    folder = FOLDER / case
    paths = [*folder.glob("templates/*/*/template.yaml"), *folder.glob("pipelines.lock")]
    return Templates.of({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})


def compiled_of(
    case: str, content: bytes, airflow: tuple[int, int] = (3, 3)
) -> tuple[Compiled | None, tuple[Finding, ...]]:
    """What a document in the place of the case's own is compiled to."""
    return compile_pipeline(PATH, content, bindings_of(case, airflow), templates_of(case))


def made_of(case: str) -> dict[str, str]:
    """File name → what it should hold."""
    content = (FOLDER / case / "in.yaml").read_bytes()
    made = {}
    for suffix, airflow in AIRFLOWS.items():
        compiled, findings = compiled_of(case, content, airflow)
        if compiled is not None:
            made[f"out{suffix}.py"] = compiled.text
        lines = [f"{f.place} {f.code} {f.severity} {f.message}\n    {f.hint}\n" for f in findings]
        made[f"findings{suffix}.txt"] = "".join(lines)
    if made["findings_2.txt"] == made["findings.txt"]:
        del made["findings_2.txt"]
    return {name: text for name, text in made.items() if text}


def files_of(case: str) -> dict[str, str]:
    """File name → what it holds, of those that are made."""
    paths = (FOLDER / case).glob("[fo][iu][nt]*")
    return {path.name: path.read_text("utf-8") for path in paths}


if __name__ == "__main__":
    for name in CASES:
        for old in files_of(name):
            (FOLDER / name / old).unlink()
        for file, text in made_of(name).items():
            (FOLDER / name / file).write_text(text, "utf-8")
