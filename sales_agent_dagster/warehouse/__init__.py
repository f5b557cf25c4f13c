"""The tables: schema, migrations, transactions, idempotent writes, analyst views, read-only queries.

Belongs here: everything that knows SQL dialects. SQLite (embedded default) and PostgreSQL, one code path.
Does not belong here: deciding what rows say (stages, agents).
"""
