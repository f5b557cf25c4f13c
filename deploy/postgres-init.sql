-- The warehouse's database is made by POSTGRES_DB. Dagster's runs and events get their own: both
-- sides keep an alembic_version table, and they are backed up and cleaned on different schedules.
CREATE DATABASE dagster;
