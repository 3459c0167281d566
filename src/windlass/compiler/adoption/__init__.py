"""The settings of git-sync and of Airflow's GitDagBundle, read as repositories of Windlass.

Text in, values out; nothing is asked and nothing registered. Values of settings are shown only
where they are taken over: any other may be a secret.
"""
