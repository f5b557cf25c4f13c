"""Tables of campaigns and of what they tell the CRM."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema.columns import (
    METADATA,
    evidence,
    flag,
    integer,
    lead_key,
    moment,
    one_of,
    provenance,
    stage_table,
    text,
)

campaigns = stage_table(
    "campaigns",
    "How to reach each lead: one row per lead.",
    flag("contactable", "True when at least one channel can reach it."),
    text("channels", "Channels planned, in order, comma-separated."),
    text("send_day", "Suggested weekday."),
    integer("send_hour", "Suggested hour of the lead's local day, 0-23."),
    text("timezone", "IANA time zone of send_hour."),
    integer("message_count", "Rows in campaign_messages."),
    text("next_step", "The first thing to do."),
    evidence("plan", "Per channel: order, day offset, address kind, reason."),
    integer("dropped_claims", "Citations in a model's answer of facts that there are none of."),
    upstream="analyzed_leads",
)

campaign_messages = sa.Table(
    "campaign_messages",
    METADATA,
    *lead_key(),
    sa.Column("channel", sa.Text, primary_key=True, comment="email, linkedin, call, social or blog."),
    sa.Column("variant", sa.Text, primary_key=True, comment="A or B."),
    text("subject", "Subject line, or title of a blog outline; NULL where the channel has none."),
    text("body", "The draft.", null=False),
    integer("word_count", "Words in the body.", null=False),
    text("fact_ids", "Facts the draft cites, comma-separated.", null=False),
    text(
        "template_version",
        "Template and its version; prompt and its version for a model's words.",
        null=False,
    ),
    *provenance(),
    one_of("channel", ("email", "linkedin", "call", "social", "blog")),
    sa.ForeignKeyConstraint(["batch_id", "lead_id"], ["campaigns.batch_id", "campaigns.lead_id"]),
    comment="Outreach drafts: one row per lead, channel and variant; leads of a segment share a post.",
)

crm_synced_leads = stage_table(
    "crm_synced_leads",
    "What the CRM would be told: one row per lead.",
    text("crm", "Which CRM the plan is for.", null=False),
    text("operation", "create, update, unchanged or skip.", null=False),
    text("crm_record_id", "Record the operation is about."),
    text("changed_fields", "Fields that would change, comma-separated."),
    evidence("diff", "Per changed field: before and after."),
    one_of("operation", ("create", "update", "unchanged", "skip")),
    upstream="campaigns",
)

crm_preview_records = sa.Table(
    "crm_preview_records",
    METADATA,
    sa.Column("crm_record_id", sa.Text, primary_key=True, comment="Record id in the preview CRM."),
    sa.Column("entity_id", sa.Text, nullable=False, unique=True, comment="The company."),
    evidence("fields", "The record as it would stand once everything planned were sent."),
    moment("updated_at", "UTC time of the last planned change."),
    comment="The local preview CRM: what the CRM would hold after the plan.",
)
