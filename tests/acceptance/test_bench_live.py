"""The benchmark of how long a release takes to be live, small, on the Airflow of all tests."""

from windlass.entrypoints.bench.live import measure_on
from windlass.entrypoints.demo.stage import Stage


def test_the_table_has_pushes_and_rollbacks_from_the_pointer_and_from_the_request(
    stage: Stage,
) -> None:
    found = measure_on(stage, files=4, pushes=1, rollback_every=1, progress=lambda _: None)

    assert [(case["case"], case["unit"], case["n"]) for case in found["cases"]] == [
        ("push: flipped to live", "ms", 1),
        ("push: asked to live", "ms", 1),
        ("rollback: flipped to live", "ms", 1),
        ("rollback: asked to live", "ms", 1),
    ]
    assert all(case["min"] > 0 for case in found["cases"])
