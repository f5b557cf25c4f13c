"""Tables of what a CRM holds and what happened there."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema.columns import (
    METADATA,
    evidence,
    flag,
    moment,
    number,
    one_of,
    text,
)


def _crm() -> sa.Column[Any]:
    return sa.Column("crm", sa.Text, primary_key=True, comment="Which CRM.")


def _snapshot(name: str, comment: str, *fields: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        _crm(),
        sa.Column("remote_id", sa.Text, primary_key=True, comment="The CRM's id of the record."),
        text("external_key", "Our key in it."),
        text("company_id", "The CRM's id of its company."),
        *fields,
        moment("modified_at", "UTC time of its last change, by the CRM's clock."),
        text("writer", "The CRM's id of who changed it last."),
        flag("archived", "True when it is deleted, archived or merged away."),
        text("merged_into", "The record that took its place."),
        text("url", "Where a person opens it."),
        text("run_id", "Run that stored it.", null=False),
        moment("pulled_at", "UTC time it was stored."),
        sa.Index(f"ix_{name}_external_key", "crm", "external_key"),
        sa.Index(f"ix_{name}_company_id", "crm", "company_id"),
        comment=comment,
    )


crm_leads = _snapshot(
    "crm_leads",
    "Companies as the CRM holds them, pulled and pushed: what our next plan compares with.",
    text("company", "Name."),
    text("phone", "Number."),
    text("website", "URL."),
    text("linkedin", "LinkedIn page."),
    text("street", "Street address."),
    text("city", "City."),
    text("state", "State."),
    text("zip", "ZIP."),
    text("country", "Country."),
    text("industry", "Industry."),
    text("tier", "Our tier as it stands there."),
    text("brands", "Brands, comma-separated."),
    text("trades", "Trades, comma-separated."),
    text("next_step", "The first thing to do."),
    number("score", "Our score as it stands there."),
    number("expansion_score", "Our expansion score as it stands there."),
    text("sync_hash", "Hash of what we wrote last."),
    text("last_enriched_at", "When we wrote last, ISO 8601."),
    text("source_run", "Run that wrote last."),
    text("status", "The CRM's status of the company."),
    text("owner", "Who owns it."),
    flag("do_not_call", "True when the CRM says not to call.", null=True),
    flag("existing_customer", "True when the CRM says it is a customer.", null=True),
)

crm_contacts = _snapshot(
    "crm_contacts",
    "People as the CRM holds them.",
    text("contact_name", "Name."),
    text("contact_title", "Title."),
    text("email", "Address."),
    text("phone", "Number."),
    flag("email_opt_out", "True when the CRM says not to write.", null=True),
    flag("do_not_call", "True when the CRM says not to call.", null=True),
)

crm_opportunities = _snapshot(
    "crm_opportunities",
    "Opportunities as the CRM holds them.",
    text("status", "The CRM's status."),
    text("outcome", "open, won or lost."),
    number("value", "Value in units of its currency."),
    text("currency", "ISO 4217 code."),
    text("closed_at", "When it was won or lost, ISO 8601."),
)

crm_events = sa.Table(
    "crm_events",
    METADATA,
    _crm(),
    sa.Column("event_id", sa.Text, primary_key=True, comment="The CRM's id."),
    sa.Column(
        "event_at",
        sa.Text,
        primary_key=True,
        comment="When the event was last consolidated, ISO 8601 UTC: with event_id it tells repetitions.",
    ),
    text("action", "created, updated, deleted, merged, unsubscribed or replied.", null=False),
    text("kind", "Kind of record.", null=False),
    text("remote_id", "The record.", null=False),
    text("merged_into", "Of a merge the surviving record."),
    text("writer", "The CRM's id of who did it."),
    text("request_id", "API call that did it."),
    text("address", "E-mail address of unsubscribed and replied."),
    evidence("changed", "Changed fields with their new value, as the CRM told."),
    moment("received_at", "UTC time it was stored."),
    text("run_id", "Run that stored it.", null=False),
    sa.Index("ix_crm_events_remote_id", "crm", "kind", "remote_id"),
    comment="The CRM's events, each once, however often it came.",
)

crm_changes = sa.Table(
    "crm_changes",
    METADATA,
    sa.Column("change_id", sa.Text, primary_key=True, comment="Hash of record, field, value and time."),
    text("crm", "Which CRM.", null=False),
    text("kind", "Kind of record.", null=False),
    text("remote_id", "The record.", null=False),
    text("external_key", "Our key of it, when it is linked."),
    text("field", "The field; archived and merged_into count as fields.", null=False),
    evidence("before", "Value before."),
    evidence("after", "Value after; NULL for cleared."),
    text("writer", "The CRM's id of who did it."),
    moment("changed_at", "UTC time by the CRM's clock."),
    text("run_id", "Run that saw it.", null=False),
    moment("seen_at", "UTC time it was seen."),
    sa.Index("ix_crm_changes_remote_id", "crm", "kind", "remote_id"),
    comment="What others than us changed in the CRM: one row per field and change.",
)

crm_outcomes = sa.Table(
    "crm_outcomes",
    METADATA,
    sa.Column("outcome_id", sa.Text, primary_key=True, comment="Hash of CRM, source and outcome."),
    text("crm", "Which CRM.", null=False),
    text("entity_id", "The company; NULL while the record is not linked."),
    text("kind", "Kind of the record that tells it.", null=False),
    text("remote_id", "That record.", null=False),
    text("company_id", "The CRM's id of its company."),
    text("outcome", "won, lost, replied or unsubscribed.", null=False),
    number("value", "Value of the opportunity, in units of its currency."),
    text("currency", "ISO 4217 code."),
    moment("happened_at", "UTC time by the CRM's clock."),
    text("run_id", "Run that stored it.", null=False),
    one_of("outcome", ("won", "lost", "replied", "unsubscribed")),
    sa.Index("ix_crm_outcomes_entity_id", "entity_id"),
    comment="How it went: for evaluation, and for leaving people alone.",
)
