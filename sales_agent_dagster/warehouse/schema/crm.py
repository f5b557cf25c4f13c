"""Tables of CRM sync: what we want, what was agreed on, what is on its way, who is left alone."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema.columns import (
    METADATA,
    evidence,
    flag,
    integer,
    lead_key,
    moment,
    number,
    one_of,
    provenance,
    text,
)

_KINDS = ("company", "contact", "note", "email_draft", "opportunity")
OPEN_STATES = ("planned", "sending", "unknown")
"""States of an operation that is not decided yet: at most one per record."""


def _crm() -> sa.Column[Any]:
    return sa.Column("crm", sa.Text, primary_key=True, comment="Which CRM.")


def _kind() -> sa.Column[Any]:
    return sa.Column("kind", sa.Text, primary_key=True, comment="Kind of record.")


crm_wanted = sa.Table(
    "crm_wanted",
    METADATA,
    *lead_key(),
    text("entity_id", "The company.", null=False),
    evidence("company", "Fields of the company's record that the lead fills."),
    evidence("contacts", "Per contact of the company in the batch the fields of its record."),
    *provenance(),
    sa.ForeignKeyConstraint(
        ["batch_id", "lead_id"], ["crm_synced_leads.batch_id", "crm_synced_leads.lead_id"]
    ),
    sa.Index("ix_crm_wanted_entity_id", "entity_id"),
    comment="What each lead wants its company's record to say, for leads that no gate stopped.",
)

crm_link = sa.Table(
    "crm_link",
    METADATA,
    _crm(),
    _kind(),
    sa.Column("external_key", sa.Text, primary_key=True, comment="Our id of the company or contact."),
    text("entity_id", "The company.", null=False),
    text("remote_id", "The CRM's id of the record.", null=False),
    text(
        "state",
        "linked; review: a person must say; rejected: a person said no; "
        "shared: another company of ours has the record; gone: deleted in the CRM.",
        null=False,
    ),
    text("how", "created, external_key, matched, merged or person.", null=False),
    text("reason", "Why it is that record, in one sentence.", null=False),
    text("remote_url", "Where a person opens it."),
    evidence("explanation", "Waterfall of the match."),
    flag("created_by_us", "True when our sync created the record."),
    text("run_id", "Run that linked it.", null=False),
    moment("updated_at", "UTC time of the last change of the link."),
    one_of("kind", _KINDS),
    one_of("state", ("linked", "review", "rejected", "shared", "gone")),
    one_of("how", ("created", "external_key", "matched", "merged", "person")),
    sa.Index(
        "ux_crm_link_remote_id",
        "crm",
        "kind",
        "remote_id",
        unique=True,
        sqlite_where=sa.text("state = 'linked'"),
        postgresql_where=sa.text("state = 'linked'"),
    ),
    sa.Index("ix_crm_link_remote", "crm", "kind", "remote_id"),
    sa.Index("ix_crm_link_entity_id", "entity_id"),
    comment="Which record of the CRM each company and contact is.",
)

crm_rejections = sa.Table(
    "crm_rejections",
    METADATA,
    _crm(),
    _kind(),
    sa.Column("external_key", sa.Text, primary_key=True, comment="Our id of the company or contact."),
    sa.Column("remote_id", sa.Text, primary_key=True, comment="The CRM's id of the record that it is not."),
    text("run_id", "Run that stored it.", null=False),
    moment("created_at", "UTC time of the answer."),
    one_of("kind", _KINDS),
    comment="Every record of the CRM of which a person said that a company or contact is another one.",
)

crm_shadow = sa.Table(
    "crm_shadow",
    METADATA,
    _crm(),
    _kind(),
    sa.Column("remote_id", sa.Text, primary_key=True, comment="The CRM's id of the record."),
    evidence(
        "fields",
        "Per field: base (the CRM's value at the last agreement), ours (our value then), "
        "locked (edited in the CRM since), edited_at (when).",
    ),
    text("run_id", "Run that agreed last.", null=False),
    moment("synced_at", "UTC time of the last agreement."),
    comment="The last agreed value of each field: the base of three-way merges.",
)


crm_conflicts = sa.Table(
    "crm_conflicts",
    METADATA,
    sa.Column("conflict_id", sa.Text, primary_key=True, comment="Hash of record, field and both values."),
    text("crm", "Which CRM.", null=False),
    text("kind", "Kind of record.", null=False),
    text("remote_id", "The record.", null=False),
    text("external_key", "Our key of it.", null=False),
    text("field", "The field.", null=False),
    text("rule", "Ownership rule that decided.", null=False),
    text("winner", "ours or theirs.", null=False),
    evidence("base", "Value last agreed on."),
    evidence("ours", "Our value."),
    evidence("theirs", "The CRM's value."),
    text("run_id", "Run that met it.", null=False),
    moment("met_at", "UTC time it was met."),
    one_of("winner", ("ours", "theirs")),
    sa.Index("ix_crm_conflicts_remote_id", "crm", "kind", "remote_id"),
    comment="Fields that both sides changed to different values since they last agreed.",
)

crm_outbox = sa.Table(
    "crm_outbox",
    METADATA,
    sa.Column("op_id", sa.Text, primary_key=True, comment="The operation."),
    text("crm", "Which CRM.", null=False),
    text("batch_id", "Lead batch that planned it, for the preview CRM."),
    text("lead_id", "Lead that planned it, for the preview CRM."),
    text("entity_id", "The company.", null=False),
    text("kind", "Kind of record.", null=False),
    text("external_key", "Our id of the company or contact.", null=False),
    text("operation", "create or update.", null=False),
    text(
        "state",
        "planned: not sent yet, and never for the preview; sending: on its way; sent: surely done; "
        "unknown: the answer was lost; "
        "failed: not done, or not to its end, as far as anybody knew, due again; "
        "dead: failed too often, due when it changes.",
        null=False,
    ),
    text("remote_id", "The record."),
    text("company_id", "The CRM's id of its company."),
    text("contact_id", "The CRM's id of its contact."),
    evidence("payload", "Fields as they are sent; null clears."),
    text("payload_hash", "Hash of the payload.", null=False),
    integer("attempts", "Times it was sent."),
    text("failure", "Class of the last failure."),
    text("message", "The CRM's words about it, bounded."),
    text("request_id", "The CRM's id of the request."),
    moment("sending_at", "UTC time it was last given to the CRM.", null=True),
    moment("updated_at", "UTC time of its last change of state.", null=True),
    *provenance(),
    one_of("kind", _KINDS),
    one_of("operation", ("create", "update")),
    one_of("state", ("planned", "sending", "sent", "unknown", "failed", "dead")),
    sa.ForeignKeyConstraint(
        ["batch_id", "lead_id"], ["crm_synced_leads.batch_id", "crm_synced_leads.lead_id"]
    ),
    sa.Index("ix_crm_outbox_entity_id", "entity_id"),
    sa.Index("ix_crm_outbox_batch_id", "batch_id", "lead_id"),
    sa.Index("ix_crm_outbox_state", "crm", "state"),
    sa.Index(
        "ux_crm_outbox_open",
        "crm",
        "kind",
        "external_key",
        unique=True,
        sqlite_where=sa.text("batch_id IS NULL AND state IN ('planned', 'sending', 'unknown')"),
        postgresql_where=sa.text("batch_id IS NULL AND state IN ('planned', 'sending', 'unknown')"),
    ),
    comment="Operations on the CRM and what became of them; at most one open one per record.",
)

crm_dead_letters = sa.Table(
    "crm_dead_letters",
    METADATA,
    _crm(),
    _kind(),
    sa.Column("external_key", sa.Text, primary_key=True, comment="Our id of the company or contact."),
    text("entity_id", "The company.", null=False),
    text("op_id", "Its last operation.", null=False),
    text("operation", "create or update.", null=False),
    text("payload_hash", "Hash of what was refused; another payload is tried at once.", null=False),
    text("failure", "Class of the failure.", null=False),
    text("message", "The CRM's words, bounded.", null=False),
    text("remedy", "What a person can do about it.", null=False),
    integer("attempts", "Times the same payload was refused.", null=False),
    moment("first_seen", "UTC time of the first refusal."),
    moment("last_seen", "UTC time of the last refusal."),
    text("run_id", "Run of the last refusal.", null=False),
    comment="Rows that the CRM refuses, each with reason and remedy. They stay due; a success removes them.",
)

crm_watermarks = sa.Table(
    "crm_watermarks",
    METADATA,
    _crm(),
    sa.Column("stream", sa.Text, primary_key=True, comment="What is pulled."),
    moment("complete_to", "UTC time, by the CRM's clock, up to which every change is stored."),
    moment("updated_at", "UTC time it was moved."),
    text("run_id", "Run that moved it.", null=False),
    comment="How far each stream has been pulled; moved in the transaction that stores its records.",
)

suppression = sa.Table(
    "suppression",
    METADATA,
    sa.Column(
        "token", sa.Text, primary_key=True, comment="HMAC-SHA-256 of scope and value; the value is not kept."
    ),
    text("scope", "email, domain, phone or company.", null=False),
    text("reason", "Why.", null=False),
    text("source", "Where from: a CRM, an erasure or a person.", null=False),
    text("run_id", "Run that added it.", null=False),
    moment("created_at", "UTC time it was added."),
    one_of("scope", ("email", "domain", "phone", "company")),
    comment="Whom never to contact. Never lifted by a CRM's re-subscription.",
)

crm_leases = sa.Table(
    "crm_leases",
    METADATA,
    _crm(),
    text("holder", "Host, process and a random number of the sync that writes.", null=False),
    moment("held_until", "UTC time after which it counts as dead."),
    comment="One writer per CRM at a time.",
)

crm_sync_runs = sa.Table(
    "crm_sync_runs",
    METADATA,
    sa.Column("sync_id", sa.Text, primary_key=True, comment="The sync."),
    text("crm", "Which CRM.", null=False),
    text("mode", "off, dry_run or live.", null=False),
    text("run_id", "Dagster run, or the command line's.", null=False),
    moment("started_at", "UTC."),
    moment("finished_at", "UTC; NULL while it runs and for ever if it was killed.", null=True),
    text("stopped", "Why it ended early; NULL when it did not."),
    integer("pulled", "Records and events pulled.", null=False),
    integer("echoes", "Of these, our own writes or repetitions: nothing new.", null=False),
    integer("human_changes", "Changed fields that others wrote.", null=False),
    integer("conflicts", "Fields that both sides changed.", null=False),
    integer("planned_creates", "Records to create.", null=False),
    integer("planned_updates", "Records to update.", null=False),
    integer("unchanged", "Records that already say all of it.", null=False),
    integer("skipped", "Companies and contacts that a gate stopped.", null=False),
    integer("to_review", "Companies and contacts that wait for a person.", null=False),
    integer("created", "Records created.", null=False),
    integer("updated", "Records updated.", null=False),
    integer("rejected", "Operations that the CRM refused.", null=False),
    integer("deferred", "Operations not done and due again.", null=False),
    integer("unknown", "Operations whose answer was lost.", null=False),
    integer("resolved", "Of earlier or these unknown ones, resolved by reading back.", null=False),
    integer("still_unknown", "Unknown at the end.", null=False),
    integer(
        "suppression_breaches", "Operations sent for somebody suppressed when they were sent.", null=False
    ),
    evidence("rejected_by_class", "Refused operations by class of failure."),
    integer("requests", "Calls to the CRM.", null=False),
    number("p95_ms", "95th percentile of a call, ms."),
    number("quota_left", "Share of the CRM's quota that is left, 0-1."),
    sa.Index("ix_crm_sync_runs_run_id", "run_id"),
    one_of("mode", ("off", "dry_run", "live")),
    comment="Report card: one row per sync.",
)
