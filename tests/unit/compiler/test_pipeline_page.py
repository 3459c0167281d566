"""The examples of docs/pipelines/README.md do what the page says."""

import re
from pathlib import Path

from windlass.compiler.declaration import read_inventory
from windlass.compiler.pipelines.compile import compile_pipeline
from windlass.domain.pipeline import Bindings, Cluster

PAGE = (Path(__file__).parents[3] / "docs" / "pipelines" / "README.md").read_text("utf-8")
FIRST, OLDER, _, PROD = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PATH = "pipelines/orders.yaml"


def test_the_first_pipeline_compiles_to_what_the_page_shows() -> None:
    compiled, findings = compile_pipeline(PATH, FIRST.encode(), Bindings())

    assert findings == ()
    assert compiled is not None
    assert compiled.text.partition("\n\n")[2] == PYTHON


def test_a_mistake_is_told_as_the_page_shows() -> None:
    text = FIRST.replace("defaults:", "defualts:")
    _, (told,) = compile_pipeline(PATH, text.encode(), Bindings())

    assert f"{told.place} {told.code} {told.message}. {told.hint}" in PAGE


def test_the_older_form_compiles_with_the_findings_that_the_page_names() -> None:
    compiled, findings = compile_pipeline(PATH, OLDER.encode(), Bindings())

    assert compiled is not None
    assert [one.code for one in findings] == ["PIPE014", "PIPE014", "PIPE020"]
    assert [one for one in findings if "`" in one.message] == []
    assert all(part in PAGE for part in ("postgres_db_example_com_shop", "snowflake_dw"))


def test_the_inventory_is_good() -> None:
    declared, findings = read_inventory("prod.yaml", PROD.encode())

    assert findings == ()
    assert declared is not None
    assert declared.clusters["big"] == Cluster("etl", "large")
