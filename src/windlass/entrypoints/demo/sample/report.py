"""Two steps, one after the other."""

from airflow.sdk import dag, task


@dag(schedule=None, tags=["sample"])
def report():
    @task
    def collect() -> list[int]:
        return [3, 1, 2]

    @task
    def write(rows: list[int]) -> str:
        return ", ".join(str(row) for row in sorted(rows))

    write(collect())


report()
