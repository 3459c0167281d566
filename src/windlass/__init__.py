"""Windlass hauls DAGs from Git into Apache Airflow: checked, versioned, reversible."""

__version__ = "0.1.0"
