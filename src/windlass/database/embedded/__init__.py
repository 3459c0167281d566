"""The embedded PostgreSQL (docs/decisions, decision 2). No SQL and no pool live here."""

from windlass.database.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
