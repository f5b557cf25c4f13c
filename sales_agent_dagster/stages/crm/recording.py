"""What a sync leaves behind: conflicts and the report card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.planning import Planned
from sales_agent_dagster.warehouse.schema import crm_conflicts, crm_sync_runs


def save_conflicts(context: SyncContext, connection: sa.Connection, planned: Sequence[Planned]) -> None:
    """Write the conflicts that the plan decided, each once."""
    now = context.now()
    rows = {}
    for one in planned:
        for conflict in one.conflicts:
            key = (context.crm, one.kind, one.remote_id, conflict.name, conflict.ours, conflict.theirs)
            conflict_id = content_hash(*key, conflict.base)
            rows[conflict_id] = {
                "conflict_id": conflict_id,
                "crm": context.crm,
                "kind": one.kind.value,
                "remote_id": one.remote_id,
                "external_key": one.external_key,
                "field": conflict.name,
                "rule": conflict.rule.value,
                "winner": conflict.winner.value,
                "base": conflict.base,
                "ours": conflict.ours,
                "theirs": conflict.theirs,
                "run_id": context.run_id,
                "met_at": now,
            }
    known = set(
        connection.scalars(
            sa.select(crm_conflicts.c.conflict_id).where(crm_conflicts.c.conflict_id.in_(list(rows)))
        )
    )
    new = [row for conflict_id, row in rows.items() if conflict_id not in known]
    context.card.conflicts += len(new)
    context.warehouse.upsert(connection, crm_conflicts, new)


def save_card(context: SyncContext, started_at: datetime, finished_at: datetime | None) -> dict[str, Any]:
    """Write the report card as it stands; returns the row."""
    counters = context.connector.counters
    figures = asdict(context.card)
    figures["rejected_by_class"] = dict(context.card.rejected_by_class) or None
    row = {
        **figures,
        "sync_id": context.sync_id,
        "crm": context.crm,
        "mode": "live" if context.live else "dry_run",
        "run_id": context.run_id,
        "started_at": started_at,
        "finished_at": finished_at,
        "requests": counters.requests,
        "p95_ms": counters.p95_ms(),
        "quota_left": counters.quota_left,
    }
    with context.warehouse.transaction() as connection:
        context.warehouse.upsert(connection, crm_sync_runs, [row])
    return row


def card_of(connection: sa.Connection, run_id: str) -> dict[str, Any] | None:
    """The last report card of a run; None when it has synced nothing."""
    row = crm_sync_runs.c
    query = sa.select(crm_sync_runs).where(row.run_id == run_id).order_by(row.started_at.desc()).limit(1)
    found = connection.execute(query).mappings().one_or_none()
    return dict(found) if found else None


CARD: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Pulled",
        {
            "pulled": "records and events",
            "echoes": "nothing new",
            "human_changes": "fields changed by others",
        },
    ),
    (
        "Planned",
        {
            "planned_creates": "create",
            "planned_updates": "update",
            "unchanged": "unchanged",
            "skipped": "skip",
            "to_review": "review",
            "conflicts": "conflicts",
        },
    ),
    (
        "Sent",
        {
            "created": "created",
            "updated": "updated",
            "rejected": "rejected",
            "deferred": "due again",
            "unknown": "answers lost",
            "resolved": "read back",
            "still_unknown": "still unknown",
            "suppression_breaches": "to suppressed people",
        },
    ),
)
"""The report card's figures by step, with what each counts."""


def figures_of(card: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """All of a report card as lines of step, figure and value."""
    for step, names in CARD:
        for name, words in names.items():
            yield step, words, f"{card[name] or 0:,}"
    for failure, number in (card["rejected_by_class"] or {}).items():
        yield "Rejected", failure, f"{number:,}"
    p95, quota = card["p95_ms"], card["quota_left"]
    yield "Calls", "calls", f"{card['requests']:,}"
    yield "Calls", "p95", "not measured" if p95 is None else f"{p95:,.0f} ms"
    yield "Calls", "quota left", "not told" if quota is None else f"{quota:.1%}"
    if card["stopped"]:
        yield "Stopped", "why", str(card["stopped"])
