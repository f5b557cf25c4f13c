"""What rules judge and what they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext

LISTED = 10
"""Offending leads named in a verdict's metadata."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule judges: one table's rows of one batch.

    Attributes:
        work: says which batch, and by what settings and profile it is judged.
        agent: key of the SLA table, or None when no agent is behind the table.
    """

    work: StageContext
    connection: sa.Connection
    table: sa.Table
    agent: str | None = None

    @property
    def batch_id(self) -> str:
        """The batch."""
        return self.work.batch_id

    @property
    def settings(self) -> Settings:
        """Limits."""
        return self.work.settings

    @property
    def rows(self) -> sa.ColumnElement[bool]:
        """Condition: the table's rows of the batch."""
        return self.table.c.batch_id == self.batch_id

    def count(self, table: sa.Table) -> int:
        """Rows of the batch in any table that has its key."""
        query = sa.select(sa.func.count()).where(table.c.batch_id == self.batch_id)
        return int(self.connection.execute(query).scalar_one())


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """Verdict of one rule.

    Attributes:
        description: the verdict in one sentence, for a person.
        metadata: ``expected`` and ``actual`` at least; plain numbers, texts, lists and mappings.
    """

    passed: bool
    description: str
    metadata: Mapping[str, Any]


Rule = Callable[[Subject], CheckOutcome]
