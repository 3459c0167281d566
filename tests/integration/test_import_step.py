"""The import step: what it makes of a tree, and when it believes what it knows."""

import ast
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.sham import make_sham_airflow
from windlass.checks.module import Module
from windlass.checks.outline import outline_of
from windlass.database import tables as t
from windlass.database.imports import find_serialized
from windlass.domain.airflowignore import IGNORE_FILE
from windlass.domain.artifact import Artifact, FileEntry, Outline
from windlass.domain.digest import digest_bytes
from windlass.domain.imported import Imported, ImportNote
from windlass.domain.inventory import Declared, Inventory
from windlass.domain.names import Names
from windlass.engine.context import Context
from windlass.engine.imports import ImportMemory, Imports
from windlass.engine.register import Registration
from windlass.sandbox.importer import Importer, Limits

VALUES = {"variable": {"n": "named"}}
DAG = "from airflow.sdk import DAG\nDAG('{}')\n"


@pytest.fixture(scope="module")
def sham(session_folder: Path) -> Path:
    session_folder.chmod(0o755)
    return make_sham_airflow(session_folder / "sham-for-steps")


@pytest.fixture(scope="module")
def importer(sham: Path) -> Iterator[Importer]:
    made = Importer(sham, limits=Limits(limit_s=60))
    yield made
    made.close()


@pytest.fixture
def importing(context: Context, importer: Importer) -> Context:
    """A whole Windlass that imports."""
    return replace(context, importer=importer)


class Remembering(dict[str, Imported]):
    """A store of results, as the database keeps them, that counts what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = 0

    def find(self, keys: Any) -> Mapping[str, Imported]:
        return {key: self[key] for key in keys if key in self}

    def find_whole(self, keys: Any) -> Mapping[str, Imported]:
        return self.find(keys)

    def keep(self, results: Mapping[str, Imported]) -> None:
        self.kept += len(results)
        for key, one in results.items():
            self[key] = Imported.from_json(one.to_json())


def artifact_of(files: Mapping[str, str]) -> Artifact:
    found = {}
    for path, text in sorted(files.items()):
        content = text.encode()
        outline = outline_of(Module(path, content, ast.parse(text))) if path[-3:] == ".py" else None
        if path.endswith(IGNORE_FILE):
            outline = Outline(names=Names(ignore=text))
        found[path] = FileEntry(path, 0o444, digest_bytes(content), "", len(content), outline)
    return Artifact(found)


def imported(imports: Imports, files: Mapping[str, str]) -> tuple[Any, ...]:
    """What the step says of a tree: its ids by file, its findings, and how many it imported."""
    contents = {digest_bytes(text.encode()): text.encode() for text in files.values()}
    found = imports.of(
        artifact_of(files), (), lambda entries: {e.digest: contents[e.digest] for e in entries}
    )
    assert found.note is not None
    ids = {path: outline.dag_ids for path, outline in found.artifact.dag_files.items()}
    told = sorted((f.code, f.path, f.line, f.message) for f in found.findings)
    return ids, told, found.note.again


def test_a_file_that_changed_is_imported_and_no_other(importer: Importer) -> None:
    imports = Imports(importer, "one")
    files = {"a.py": DAG.format("a"), "b.py": DAG.format("b")}

    assert imported(imports, files)[2] == 2
    assert imported(imports, files)[2] == 0
    assert imported(imports, files | {"a.py": DAG.format("c")}) == (
        {"a.py": ("c",), "b.py": ("b",)},
        [],
        1,
    )


def test_what_a_file_looked_at_is_what_it_is_imported_again_for(importer: Importer) -> None:
    imports = Imports(importer, "two")
    files = {
        "a.py": "import rates\n" + DAG.format("a"),
        "b.py": DAG.format("b"),
        "rates.py": "",
        "note.txt": "",
    }
    imported(imports, files)

    assert imported(imports, files | {"note.txt": "x"})[2] == 0
    assert imported(imports, files | {"rates.py": "x = 1"})[2] == 1
    assert imported(imports, files | {"rates/__init__.py": ""})[2] == 1


def test_another_process_believes_what_was_kept(importer: Importer) -> None:
    keep = Remembering()
    files = {"a.py": "import rates\n" + DAG.format("a"), "rates.py": ""}
    imported(Imports(importer, "x", memory=ImportMemory(), keep=keep), files)

    again = Imports(importer, "x", memory=ImportMemory(), keep=keep)
    assert imported(again, files)[2] == 0
    assert imported(again, files | {"rates.py": "x = 1"})[2] == 1


def test_files_that_airflow_ignores_are_not_imported(importer: Importer) -> None:
    files = {"a.py": DAG.format("a"), "drafts/b.py": "1 / 0\n" + DAG.format("b")}

    told = imported(Imports(importer, "three"), files | {".airflowignore": "drafts/\n"})

    assert told == ({"a.py": ("a",), "drafts/b.py": ()}, [], 1)


def test_another_package_or_value_means_another_import(room: Path) -> None:
    python = make_sham_airflow(room / "venv")
    room.chmod(0o755)
    site = next((room / "venv" / "lib").glob("python*/site-packages"))
    text = "from airflow.sdk import DAG, Variable\nDAG(Variable.get('n', default='x'))\n"
    files = {"a.py": "import importlib.metadata as m\n" + text}
    importer = Importer(python)
    imports = Imports(importer, "four")
    try:
        counts = [imported(imports, files)[2], imported(imports, files)[2]]
        (site / "rates-2.0.dist-info").mkdir()
        counts.append(imported(imports, files)[2])
        named = replace(imports, inventory=Inventory(Declared(sandbox_values=VALUES)))
        ids, _, count = imported(named, files)
    finally:
        importer.close()

    assert (counts, count, ids) == ([1, 0, 1], 1, {"a.py": ("named",)})


NAMES = ["a.py", "b.py", "rates.py", "lib/__init__.py", "lib/rates.py", "x.sql", "d/y.sql"]
TEXTS = {
    ".py": [
        DAG.format("one"),
        DAG.format("two"),
        "import rates\n" + DAG.format("three"),
        "from airflow.sdk import DAG\nimport rates\nDAG('of_' + rates.NAME)\n",
        "from airflow.sdk import DAG\nfrom lib import rates\nDAG(rates.NAME)\n",
        "from airflow.sdk import DAG\nimport os\n"
        "[DAG(n.replace('.sql', '')) for n in os.listdir(os.path.dirname(__file__))"
        " if n.endswith('.sql')]\n",
        "from airflow.sdk import DAG\nimport pathlib\n"
        "p = pathlib.Path(__file__).parent / 'd' / 'y.sql'\n"
        "DAG(p.read_text() if p.exists() else 'none')\n",
        "from airflow.sdk import DAG\nimport pathlib\n"
        "DAG('there' if (pathlib.Path(__file__).parent / 'd').is_dir() else 'gone')\n",
        "from airflow.sdk import DAG\ntry:\n    import lib\n"
        "    DAG('lib' + str(lib.__file__)[-3:])\n"
        "except ImportError:\n    DAG('nolib')\n",
        "NAME = 'eu'\n",
        "NAME = 'us'\n",
        "from lib import rates\nNAME = rates.NAME\n",
        "",
    ],
    ".sql": ["q", "r"],
}
EDITS = st.lists(
    st.sampled_from(NAMES).flatmap(
        lambda name: st.tuples(
            st.just(name), st.one_of(st.none(), st.sampled_from(TEXTS[name[name.rfind(".") :]]))
        )
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=25, deadline=None)
@given(trees=st.lists(EDITS, min_size=2, max_size=4))
def test_what_is_remembered_is_what_a_cold_check_says(
    importer: Importer, trees: list[list[tuple[str, str | None]]]
) -> None:
    keep = Remembering()
    memory = ImportMemory()
    files: dict[str, str] = {"a.py": TEXTS[".py"][3], "rates.py": "NAME = 'eu'\n"}
    for number, edits in enumerate(trees):
        for path, text in edits:
            files.pop(path, None) if text is None else files.update({path: text})
        if number % 2:  # another worker goes on
            memory = ImportMemory()
        warm = imported(Imports(importer, "warm", memory=memory, keep=keep), files)
        cold = imported(Imports(importer, f"cold-{next(COLD)}"), files)

        assert warm[:2] == cold[:2]


COLD = itertools.count()


def test_a_sync_imports_and_the_ids_are_those_that_were_made(
    importing: Context, registration: Registration, origin: Origin
) -> None:
    text = "from airflow.sdk import DAG\nDAGS = [DAG('orders_' + z) for z in ('eu', 'us')]\n"
    origin.push("first", {"orders.py": text})
    repository = register(importing, registration)

    run_sync(importing, repository)

    with importing.database.transaction() as connection:
        claimed = connection.execute(sa.select(t.dag_claim.c.dag_id)).scalars().all()
        note = connection.execute(sa.select(t.verdict.c.imports)).scalar_one()
        key = connection.execute(sa.select(t.imported_file.c.key)).scalar_one()
        assert [*find_serialized(connection, key)] == ["orders_eu", "orders_us"]
    assert sorted(claimed) == ["orders_eu", "orders_us"]
    assert importing.importer is not None
    tier = importing.importer.probe().tier
    assert ImportNote(**note) == ImportNote(tier=tier, files=1, again=1)


def test_a_file_that_cannot_be_imported_is_never_released(
    importing: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"orders.py": DAG.format("orders")})
    repository = register(importing, registration)
    run_sync(importing, repository)

    origin.push("second", {"orders.py": f"{DAG.format('orders')}import rates_of_today\n"})
    run_sync(importing, repository)

    told = [(f.code, f.path, f.line) for f in status_of(importing).facts.findings]
    assert told == [("IMP001", "orders.py", 3)]
    assert deployed_files(importing) == {"orders.py": DAG.format("orders")}


def test_a_changed_helper_denies_the_file_that_no_longer_imports(
    importing: Context, registration: Registration, origin: Origin
) -> None:
    text = f"from rates import RATE\n{DAG.format('orders')}"
    origin.push("first", {"orders.py": text, "rates.py": "RATE = 1\n"})
    repository = register(importing, registration)
    run_sync(importing, repository)

    origin.push("second", {"rates.py": "RATES = 1\n"})
    run_sync(importing, repository)

    assert [f.code for f in status_of(importing).facts.findings] == ["IMP001"]
    assert deployed_files(importing)["rates.py"] == "RATE = 1\n"


def test_per_file_the_mixture_is_what_is_imported(
    importing: Context, registration: Registration, origin: Origin
) -> None:
    text = f"from rates import RATE\n{DAG.format('orders')}"
    origin.push("first", {"orders.py": text, "rates.py": "RATE = 1\n", "b.py": DAG.format("b")})
    repository = register(importing, registration, options={"verdict_mode": "per_file"})
    run_sync(importing, repository)

    origin.push("second", {"rates.py": "1 / 0\n", "b.py": DAG.format("c")})
    run_sync(importing, repository)

    assert deployed_files(importing) == {
        "orders.py": text,
        "rates.py": "RATE = 1\n",
        "b.py": DAG.format("c"),
    }


def test_a_file_that_takes_too_long_is_told_and_the_others_go_on(sham: Path) -> None:
    importer = Importer(sham, limits=Limits(limit_s=1, least="limits"))
    files = {"slow.py": f"{DAG.format('slow')}while True: pass\n", "good.py": DAG.format("good")}
    ids, told, _ = imported(Imports(importer, "slow"), files)
    importer.close()

    assert [(code, message) for code, *_, message in told] == [
        ("IMP005", "its import takes longer than 1 s")
    ]
    assert ids["good.py"] == ("good",)


def test_an_option_leaves_files_unimported_and_the_verdict_says_so(
    importing: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"orders.py": f"{DAG.format('orders')}import rates_of_today\n"})
    repository = register(importing, registration, options={"import_check": False})

    run_sync(importing, repository)

    with importing.database.transaction() as connection:
        note = connection.execute(sa.select(t.verdict.c.imports)).scalar_one()
    assert str(ImportNote(**note)) == "not imported: the repository's options switch it off"


def test_a_host_that_confines_too_little_deploys_nothing(
    context: Context, sham: Path, registration: Registration, origin: Origin
) -> None:
    weak = Importer(sham, limits=Limits(tiers=("limits",), least="landlock"))
    origin.push("first", {"orders.py": DAG.format("orders")})
    importing = replace(context, importer=weak)
    repository = register(importing, registration)

    run_sync(importing, repository)
    weak.close()

    facts = status_of(importing).facts
    assert ([f.code for f in facts.findings], deployed_files(importing)) == (["IMP010"], {})
