"""Deletions and merges in the CRM: links follow, and nothing that went is created again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.stored import (
    Link,
    agreements_of,
    links_to,
    save_agreements,
    save_links,
    save_snapshots,
    snapshots_of,
)


def archive(
    context: SyncContext, connection: sa.Connection, kind: Kind, remote_id: str, at: datetime
) -> None:
    """A record was deleted: its link says so, and a later, older copy of it counts for nothing.

    Nor does a deletion count that is older than the living record: that was restored since.
    """
    known = snapshots_of(connection, context.crm, kind, [remote_id]).get(remote_id)
    if known is not None and not known.archived:
        if at < known.modified_at:
            return
        save_snapshots(context, connection, [replace(known, archived=True, modified_at=at)])
    links = links_to(connection, context.crm, kind, [remote_id]).get(remote_id, [])
    gone = [
        replace(link, state="gone", reason="The record was deleted in the CRM.")
        for link in links
        if link.state in ("linked", "shared", "review")
    ]
    save_links(context, connection, gone)


def revive(context: SyncContext, connection: sa.Connection, kind: Kind, remote_ids: Sequence[str]) -> None:
    """Records that are there: what was linked to one before it was deleted is linked to it again."""
    found = links_to(connection, context.crm, kind, remote_ids)
    restored = []
    for links in found.values():
        gone = next((link for link in links if link.state == "gone"), None)
        if gone is not None and all(link.state != "linked" for link in links):
            reason = "The record was restored in the CRM."
            restored.append(replace(gone, state="linked", reason=reason))
    save_links(context, connection, restored)


def follow_merge(
    context: SyncContext, connection: sa.Connection, kind: Kind, source: str, target: str
) -> bool:
    """A record was merged into another: links move, what was agreed moves where nothing was.

    Returns whether the surviving record is known.
    """
    records = snapshots_of(connection, context.crm, kind, [source, target])
    gone = records.get(source)
    if gone is not None and gone.merged_into != target:
        save_snapshots(context, connection, [replace(gone, archived=True, merged_into=target)])
    survivor = records.get(target)
    if survivor is not None and survivor.merged_into not in (None, source, target):
        return follow_merge(context, connection, kind, source, str(survivor.merged_into))
    links = links_to(connection, context.crm, kind, [source, target])
    taken = any(link.state == "linked" for link in links.get(target, []))
    moved = _moved(links.get(source, []), target, taken=taken)
    # A record has one link; the others give it up first.
    save_links(context, connection, [link for link in moved if link.state != "linked"])
    save_links(context, connection, [link for link in moved if link.state == "linked"])
    agreed = agreements_of(connection, context.crm, kind, [source, target])
    if source in agreed and target not in agreed and any(link.state == "linked" for link in moved):
        carried = {name: replace(one, carried=True) for name, one in agreed[source].items()}
        save_agreements(context, connection, kind, {target: carried})
    return survivor is not None


def _moved(links: Sequence[Link], target: str, *, taken: bool) -> list[Link]:
    """The links of a record that was merged away, as they are now."""
    moved = []
    for link in links:
        if link.state == "linked" and not taken:
            taken = True
            reason = f"Its record was merged into {target} in the CRM."
            moved.append(replace(link, remote_id=target, how="merged", reason=reason))
        elif link.state in ("linked", "shared"):
            reason = f"Its record was merged into {target}, which another company of ours has."
            moved.append(replace(link, remote_id=target, state="shared", how="merged", reason=reason))
        elif link.state in ("review", "gone"):
            moved.append(replace(link, remote_id=target, reason=f"{link.reason} It is {target} now."))
    return moved


def shared_where_taken(context: SyncContext, connection: sa.Connection, links: Sequence[Link]) -> list[Link]:
    """New links, those to a record that people merged another of ours into meanwhile as shared ones."""
    held: dict[tuple[Kind, str], str] = {}
    for kind in {link.kind for link in links}:
        ids = [link.remote_id for link in links if link.kind is kind]
        for remote_id, others in links_to(connection, context.crm, kind, ids).items():
            for one in others:
                if one.state == "linked":
                    held[kind, remote_id] = one.external_key
    reason = "Another of ours has its record by now."
    return [
        link
        if held.get((link.kind, link.remote_id), link.external_key) == link.external_key
        else replace(link, state="shared", how="merged", reason=reason)
        for link in links
    ]
