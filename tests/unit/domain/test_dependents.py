"""Which DAG files are parsed again after a change: never too few, seldom too many."""

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import TREES, artifact, file_entry
from windlass.domain.artifact import Artifact, Changes
from windlass.domain.dependents import changes_between, module_names

DAG = "\nfrom airflow.sdk import DAG\nDAG('x')\n"
OTHER = {"other.py": DAG}


def parsed_again(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return set(changes_between(artifact(before), artifact(after)).parsed_again)


def after_change_of(path: str, tree: Mapping[str, str]) -> set[str]:
    """What is parsed again once `path` of the tree has other content; `other.py` never is."""
    before = {**OTHER, **tree}
    return parsed_again(before, {**before, path: before[path] + "\n# changed\n"})


def test_a_change_is_told_as_added_modified_and_removed() -> None:
    before = artifact({"kept.py": DAG, "changed.py": DAG, "gone.py": DAG})
    after = artifact({"kept.py": DAG, "changed.py": DAG + "#", "new.py": DAG})

    assert changes_between(before, after) == Changes(
        added=frozenset({"new.py"}),
        modified=frozenset({"changed.py"}),
        removed=frozenset({"gone.py"}),
        parsed_again=frozenset({"changed.py", "new.py"}),
    )


def test_in_a_folder_modules_have_the_name_that_airflow_finds_them_by() -> None:
    before = {"orders.py": "from sales.dags.rates import VAT" + DAG, "rates.py": "VAT = 1"}
    after = {**before, "rates.py": "VAT = 2"}

    def again(folder: str) -> set[str]:
        return set(changes_between(artifact(before), artifact(after), folder).parsed_again)

    assert (again("sales/dags"), again("")) == ({"orders.py"}, set())


def test_a_file_that_becomes_executable_is_modified() -> None:
    before = Artifact({"a.py": file_entry("a.py", DAG, mode=0o444)})
    after = Artifact({"a.py": file_entry("a.py", DAG, mode=0o555)})

    changes = changes_between(before, after)

    assert changes.modified == changes.parsed_again == {"a.py"}


@pytest.mark.parametrize(
    ("path", "uses"),
    [
        ("helper.py", "import helper"),
        ("helper.py", "from helper import X"),
        ("helper.py", "from helper import *"),
        ("helper.py", "from . import helper"),
        ("helper.py", "def later():\n    import helper"),
        ("team/rates.py", "import team.rates"),
        ("team/rates.py", "from team import rates"),
        ("team/rates.py", "from team.rates import X"),
        ("team/rates.py", "from .team import rates"),
        ("team/rates.py", "from team.rates.deeper import X"),
        ("team/__init__.py", "import team"),
        ("team/__init__.py", "import team.rates"),
        ("team/__init__.py", "from team.rates import X"),
    ],
)
def test_a_dag_file_follows_what_it_imports(path: str, uses: str) -> None:
    assert after_change_of(path, {path: "X = 1", "uses.py": uses + DAG}) == {"uses.py"}


@pytest.mark.parametrize(
    ("path", "uses"),
    [
        ("team/rates.py", "from . import rates"),
        ("team/rates.py", "from .rates import X"),
        ("common.py", "from ..common import X"),
        ("common.py", "from .. import common"),
        ("team/__init__.py", "from . import rates"),
        ("team/__init__.py", "X = 1\nfrom .rates import X"),
    ],
)
def test_a_relative_import_is_followed_from_where_it_stands(path: str, uses: str) -> None:
    assert after_change_of(path, {path: "", "team/uses.py": uses + DAG}) == {"team/uses.py"}


def test_a_package_file_resolves_its_own_relative_imports() -> None:
    tree = {
        "team/__init__.py": "from .rates import X",
        "team/rates.py": "X = 1",
        "uses.py": "import team" + DAG,
    }

    assert after_change_of("team/rates.py", tree) == {"uses.py"}


def test_a_change_reaches_through_helpers_of_helpers() -> None:
    tree = {
        "a.py": "import b" + DAG,
        "b.py": "import c",
        "c.py": "from d import X",
        "d.py": "X = 1",
        "aside.py": "import e" + DAG,
        "e.py": "",
    }

    assert after_change_of("d.py", tree) == {"a.py"}


def test_helpers_that_import_each_other_do_not_hang_it() -> None:
    tree = {"a.py": "import b", "b.py": "import c", "c.py": "import a", "d.py": "import c" + DAG}

    assert after_change_of("b.py", tree) == {"d.py"}


def test_a_removed_helper_touches_its_users() -> None:
    before = {"helper.py": "", "uses.py": "import helper" + DAG, **OTHER}
    after = {path: text for path, text in before.items() if path != "helper.py"}

    assert parsed_again(before, after) == {"uses.py"}


def test_a_new_helper_that_shadows_an_installed_package_touches_its_users() -> None:
    before = {"uses.py": "import requests" + DAG, **OTHER}

    assert parsed_again(before, {**before, "requests.py": ""}) == {"uses.py"}


@pytest.mark.parametrize(
    "mention", ["load.sql", "sql/load.sql", "/opt/dags/sql/load.sql", "sql/*.sql", "**/l*.sql"]
)
def test_a_dag_file_follows_the_data_files_that_it_names(mention: str) -> None:
    uses = f"QUERY = {mention!r}" + DAG

    assert after_change_of("sql/load.sql", {"sql/load.sql": "", "uses.py": uses}) == {"uses.py"}


def test_a_pattern_with_a_question_mark_is_a_pattern() -> None:
    tree = {"sql/load1.sql": "", "uses.py": "Q = 'sql/load?.sql'" + DAG}

    assert after_change_of("sql/load1.sql", tree) == {"uses.py"}


@pytest.mark.parametrize("source", ["f'{table}.sql'", "f'{table}_load.sql'", "name + '.sql'"])
def test_a_file_name_with_only_its_end_written_down_counts_for_all_that_end_so(source: str) -> None:
    tree = {"sql/orders_load.sql": "", "uses.py": f"Q = {source}" + DAG}

    assert after_change_of("sql/orders_load.sql", tree) == {"uses.py"}


def test_a_data_file_named_by_a_helper_touches_the_users_of_the_helper() -> None:
    tree = {"q.sql": "", "helper.py": "Q = 'q.sql'", "uses.py": "import helper" + DAG}

    assert after_change_of("q.sql", tree) == {"uses.py"}


def test_a_data_file_that_nobody_names_touches_nothing() -> None:
    assert (
        after_change_of("README.md", {"README.md": "", "uses.py": "import helper" + DAG}) == set()
    )


def test_a_helper_that_nobody_imports_touches_nothing() -> None:
    assert after_change_of("team/rates.py", {"team/rates.py": "", "uses.py": DAG}) == set()


@given(TREES, TREES)
def test_what_is_parsed_again_is_in_the_new_tree_and_holds_every_changed_dag_file(
    before: dict[str, str], after: dict[str, str]
) -> None:
    new = artifact(after)

    changes = changes_between(artifact(before), new)

    assert changes.parsed_again <= new.dag_files.keys()
    assert changes.parsed_again >= (changes.added | changes.modified) & new.dag_files.keys()


@given(TREES)
def test_an_equal_tree_changes_nothing(tree: dict[str, str]) -> None:
    nothing: frozenset[str] = frozenset()

    assert changes_between(artifact(tree), artifact(tree)) == Changes(
        nothing, nothing, nothing, nothing
    )


@given(TREES, TREES, st.randoms())
def test_the_order_of_files_makes_no_difference(
    before: dict[str, str], after: dict[str, str], random: Random
) -> None:
    def shuffled(tree: dict[str, str]) -> dict[str, str]:
        paths = [*tree]
        random.shuffle(paths)
        return {path: tree[path] for path in paths}

    assert changes_between(artifact(shuffled(before)), artifact(shuffled(after))) == (
        changes_between(artifact(before), artifact(after))
    )


@given(TREES, st.dictionaries(st.sampled_from(["team/a.py", "x.sql"]), st.just("X = 2")))
def test_touching_more_never_parses_less(tree: dict[str, str], more: dict[str, str]) -> None:
    one = {**tree, "b.py": "X = 3"}

    assert parsed_again(tree, one) - more.keys() <= parsed_again(tree, {**one, **more})


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("rates.py", ["rates"]),
        ("team/deep/rates.py", ["team.deep.rates"]),
        ("team/__init__.py", ["team"]),
        ("__init__.py", []),
        ("load.sql", []),
        ("py", []),
    ],
)
def test_a_path_is_imported_under_these_names(path: str, names: list[str]) -> None:
    assert module_names(path) == names
