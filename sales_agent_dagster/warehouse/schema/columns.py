"""Column makers shared by the tables: every column carries a comment, every range a constraint."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
STATUSES = ("ok", "skipped", "degraded", "failed")
TIERS = ("PLATINUM", "GOLD", "SILVER", "BRONZE", "UNQUALIFIED")


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Timestamp with zone that is read back in UTC from both databases; SQLite alone would drop the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What values are."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """UTC; raises ValueError for a time without zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times must carry a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def text(name: str, comment: str, *, null: bool = True) -> sa.Column[str]:
    """Text column."""
    return sa.Column(name, sa.Text, nullable=null, comment=comment)


def integer(name: str, comment: str, *, null: bool = True) -> sa.Column[int]:
    """64-bit integer column."""
    return sa.Column(name, sa.BigInteger, nullable=null, comment=comment)


def number(name: str, comment: str, *, null: bool = True) -> sa.Column[float]:
    """Double precision column."""
    return sa.Column(name, sa.Double, nullable=null, comment=comment)


def flag(name: str, comment: str, *, null: bool = False) -> sa.Column[bool]:
    """Boolean column; nullable only where unknown is not false."""
    return sa.Column(name, sa.Boolean, nullable=null, comment=comment)


def moment(name: str, comment: str, *, null: bool = False) -> sa.Column[datetime]:
    """UTC timestamp column."""
    return sa.Column(name, UtcDateTime, nullable=null, comment=comment)


def evidence(name: str, comment: str) -> sa.Column[Any]:
    """JSON column: evidence only, never what analysts filter by."""
    return sa.Column(name, JSON, nullable=True, comment=comment)


def within(name: str, low: float, high: float) -> sa.CheckConstraint:
    """Constraint: ``name`` is NULL or between ``low`` and ``high``."""
    return sa.CheckConstraint(f"{name} BETWEEN {low} AND {high}", name=f"{name}_range")


def one_of(name: str, values: Sequence[str]) -> sa.CheckConstraint:
    """Constraint: ``name`` is NULL or one of ``values``."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{name} IN ({listed})", name=f"{name}_known")


def lead_key() -> list[sa.Column[Any]]:
    """The key of every table that has rows per lead."""
    return [
        sa.Column("batch_id", sa.Text, primary_key=True, comment="Lead batch = Dagster partition."),
        sa.Column("lead_id", sa.Text, primary_key=True, comment="Stable id: file content and record number."),
    ]


def provenance() -> list[sa.Column[Any]]:
    """Who wrote the row when."""
    return [
        text("run_id", "Dagster run that computed the row.", null=False),
        moment("created_at", "UTC time the row was computed."),
    ]


def stage_table(name: str, comment: str, *items: sa.schema.SchemaItem, upstream: str) -> sa.Table:
    """A stage's table: key, outcome, the given columns, provenance; one row per row of ``upstream``."""
    return sa.Table(
        name,
        METADATA,
        *lead_key(),
        text("status", "ok, skipped, degraded or failed.", null=False),
        text("reason", "Why, in one sentence; NULL only when ok needs no words."),
        *items,
        text("engine", "What decided: scorecard, rules or a model.", null=False),
        text("engine_version", "Its version.", null=False),
        number("latency_ms", "Its engine call, or its share of the chunk's time if longer, ms.", null=False),
        number("cost_usd", "What the lead's engine calls cost, US dollars.", null=False),
        text(
            "input_hash",
            "Hash of everything the row was computed from; equal means still current.",
            null=False,
        ),
        *provenance(),
        one_of("status", STATUSES),
        sa.ForeignKeyConstraint(["batch_id", "lead_id"], [f"{upstream}.batch_id", f"{upstream}.lead_id"]),
        sa.Index(f"ix_{name}_lead_id", "lead_id"),
        comment=comment,
    )
