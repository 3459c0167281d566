"""Pipelines: one YAML document in, one DAG file and findings out. Airflow is never imported."""
