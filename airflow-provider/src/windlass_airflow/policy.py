"""The cluster policy: Airflow finds these hooks by the entry point `airflow.policy`.

Two are used: the one that is asked for the time limit of a file, which is before the file runs, and
the one that sees each DAG. Airflow imports this while it is being imported itself, so all else of
this distribution is imported by the first call.
"""

from typing import Any

from pluggy import HookimplMarker

hookimpl = HookimplMarker("airflow.policy")


@hookimpl(tryfirst=True)
def get_dagbag_import_timeout(dag_file_path: str) -> None:
    """Refuse a file that Windlass did not release; the time limit is left to others."""
    from windlass_airflow.guard import check_file

    check_file(dag_file_path)


@hookimpl
def dag_policy(dag: Any) -> None:
    """Refuse a DAG that Windlass did not release; else give it what its repository asks for."""
    from windlass_airflow.guard import check_dag

    check_dag(dag)
