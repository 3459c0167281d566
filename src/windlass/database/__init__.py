"""The only place with SQL: tables, queries, migrations, the job engine's schema, and the embedded
server. Everything outside sees values of `windlass.domain`."""
