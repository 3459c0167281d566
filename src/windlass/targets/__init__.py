"""One module per way to reach an Airflow, and the Airflow REST client."""
