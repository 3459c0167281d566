"""What runs in Airflow's interpreter: confinement, and the import of one DAG file per fork.

Nothing here may import more than the standard library and this package; Airflow is imported late,
by name, once the zygote is confined.
"""
