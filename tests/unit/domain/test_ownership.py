"""The prefix that a repository may ask of its dag_ids."""

import pytest

from tests.unit.examples import file_entry
from windlass.domain.artifact import Artifact, Outline
from windlass.domain.ownership import prefix_findings


@pytest.mark.parametrize(
    ("prefix", "refused"),
    [(None, []), ("company__", ["a.py", "b.py"]), ("a", ["b.py", "company__c.py"])],
)
def test_every_id_without_the_prefix_is_denied_at_its_file(
    prefix: str | None, refused: list[str]
) -> None:
    files = {
        f"{name}.py": file_entry(f"{name}.py", "", outline=Outline((name,), is_candidate=True))
        for name in ("a", "b", "company__c")
    }

    found = prefix_findings(Artifact(files), prefix)

    assert [(f.code, f.path) for f in found] == [("STR003", path) for path in refused]
