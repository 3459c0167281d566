"""Alembic's entry: migrates over the connection that `Database.migrate` hands in."""

from alembic import context

from windlass.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
