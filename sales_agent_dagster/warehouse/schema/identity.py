"""Tables of identity resolution: what linkage looks leads up in, and what people answered."""

from __future__ import annotations

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
    within,
)

resolution_order = sa.Table(
    "resolution_order",
    METADATA,
    sa.Column("batch_id", sa.Text, primary_key=True, comment="Lead batch."),
    sa.Column(
        "resolve_seq",
        sa.BigInteger,
        nullable=False,
        unique=True,
        comment="Order in which batches were first resolved, from 1; a batch sees those before it.",
    ),
    integer("leads", "Leads of the batch when it was resolved.", null=False),
    *provenance(),
    sa.ForeignKeyConstraint(["batch_id"], ["lead_batches.batch_id"]),
    comment="One row per resolved batch. Kept on re-runs, so that they decide as the first run did.",
)

lead_norm = sa.Table(
    "lead_norm",
    METADATA,
    # INTEGER for SQLite, where only that makes the key the row's own number.
    sa.Column(
        "lead_no",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
        comment="Place in the order of resolution: resolve_seq * 1,048,576 + place in the batch from 0.",
    ),
    text("batch_id", "Lead batch = Dagster partition.", null=False),
    text("lead_id", "Stable id: file content and record number.", null=False),
    text("founder_id", "First lead of the company it was resolved to.", null=False),
    text("account_id", "Account of that company.", null=False),
    text("norm_version", "Version of the rules that normalised it.", null=False),
    text("name", "Words of the name, abbreviations spelled out, legal form kept.", null=False),
    text("core", "name without legal form, connectives and branch tail.", null=False),
    text("alias", "Core of the other name in 'owner dba trade name'.", null=False),
    text("phone", "Ten digits of a North American number, else 0 and the national one.", null=False),
    text("phone_2", "Second number.", null=False),
    text("host", "What identifies the firm on the web.", null=False),
    text("page", "Host and path of the website where that says more than host.", null=False),
    text("email", "Address, lower case.", null=False),
    text("linkedin", "Last part of the LinkedIn page's address.", null=False),
    text("contact", "Person, lower case.", null=False),
    text("street_no", "House number, or the box.", null=False),
    text("street", "Words of the street without number, type, direction and unit.", null=False),
    text("unit", "Suite, apartment or floor.", null=False),
    text("city", "City, lower case.", null=False),
    text("state", "Two-letter code.", null=False),
    text("zip5", "Five-digit ZIP.", null=False),
    sa.ForeignKeyConstraint(["batch_id", "lead_id"], ["resolved_leads.batch_id", "resolved_leads.lead_id"]),
    sa.Index("ix_lead_norm_lead_id", "lead_id"),
    comment="Comparable values of each resolved lead; empty text means unknown.",
)

lead_block_keys = sa.Table(
    "lead_key",
    METADATA,
    sa.Column("key_hash", sa.BigInteger, primary_key=True, comment="Hash of kind and value of the key."),
    sa.Column("lead_no", sa.BigInteger, primary_key=True, comment="The lead."),
    sa.ForeignKeyConstraint(["lead_no"], ["lead_norm.lead_no"], ondelete="CASCADE"),
    sa.Index("ix_lead_key_lead_no", "lead_no"),
    sqlite_with_rowid=False,
    comment="Blocking keys: under which leads that may be one company meet. At most 50 leads per key.",
)

capped_keys = sa.Table(
    "capped_keys",
    METADATA,
    sa.Column("key_hash", sa.BigInteger, primary_key=True, comment="Hash of kind and value of the key."),
    text("kind", "Kind of key.", null=False),
    integer("resolve_seq", "Place of the batch that filled it, in resolution_order.", null=False),
    sa.Index("ix_capped_keys_resolve_seq", "resolve_seq"),
    comment="Keys that 50 leads share: they bring later leads no candidates, narrower keys do.",
)

value_counts = sa.Table(
    "value_counts",
    METADATA,
    sa.Column("value_hash", sa.BigInteger, primary_key=True, comment="Hash of kind and value."),
    sa.Column(
        "resolve_seq", sa.BigInteger, primary_key=True, comment="A batch with the value, in resolution_order."
    ),
    integer("leads", "Leads with the value up to and including that batch.", null=False),
    integer("spread", "Different firms or places among them, at least; 1 identifies.", null=False),
    sa.Index("ix_value_counts_resolve_seq", "resolve_seq"),
    sqlite_with_rowid=False,
    comment="How common names, words, phones, hosts, addresses and places are, as each batch found it.",
)

shared_values = sa.Table(
    "shared_values",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True, comment="name, phone, host or email."),
    sa.Column("value", sa.Text, primary_key=True, comment="The value."),
    integer("resolve_seq", "Place of the batch that showed it, in resolution_order.", null=False),
    integer("spread", "Different firms or places with it when it was found.", null=False),
    sa.Index("ix_shared_values_resolve_seq", "resolve_seq"),
    comment="Values that several firms or places share: found in the data, without weight as identity.",
)

identity_reviews = sa.Table(
    "identity_reviews",
    METADATA,
    sa.Column("review_id", sa.Text, primary_key=True, comment="Stable id of the pair."),
    text("batch_id", "Batch of the lead.", null=False),
    text("lead_id", "The lead that may belong to a company known before.", null=False),
    text("other_lead_id", "The lead of that company it is most like.", null=False),
    text("other_entity_id", "That company when asked.", null=False),
    number("bits", "Evidence that the two are one company, log2 of the odds.", null=False),
    number("probability", "The same as a probability, 0-1.", null=False),
    text("reason", "Why it is asked, in one sentence.", null=False),
    text("state", "open, accepted or rejected.", null=False),
    moment("answered_at", "UTC time of the answer.", null=True),
    evidence("explanation", "Waterfall: per field its values, level, similarity and bits."),
    *provenance(),
    one_of("state", ("open", "accepted", "rejected")),
    within("probability", 0, 1),
    sa.ForeignKeyConstraint(["batch_id", "lead_id"], ["resolved_leads.batch_id", "resolved_leads.lead_id"]),
    sa.Index("ix_identity_reviews_batch_id", "batch_id", "lead_id"),
    sa.Index("ix_identity_reviews_state", "state"),
    comment="Review queue: pairs of leads that only a person can decide. The lead stays its own meanwhile.",
)

identity_labels = sa.Table(
    "identity_labels",
    METADATA,
    sa.Column("left_lead_id", sa.Text, primary_key=True, comment="Lead with the smaller id."),
    sa.Column("right_lead_id", sa.Text, primary_key=True, comment="The other lead."),
    flag("same", "True: one company. False: never merge them."),
    text("source", "review or unmerge.", null=False),
    evidence("explanation", "Waterfall of the pair when it was answered."),
    moment("created_at", "UTC time of the answer."),
    one_of("source", ("review", "unmerge")),
    sa.Index("ix_identity_labels_right_lead_id", "right_lead_id"),
    comment="What people answered about pairs of leads. Holds on every later run.",
)

merge_events = sa.Table(
    "merge_events",
    METADATA,
    sa.Column(
        "event_no", sa.BigInteger, primary_key=True, autoincrement=False, comment="Order of events, from 1."
    ),
    text("event", "merge: the lead joined the company; undo: it left it.", null=False),
    text("entity_id", "The company.", null=False),
    text("joined_lead_id", "The lead.", null=False),
    text("matched_lead_id", "The lead of the company it matched.", null=False),
    text("decided_by", "linkage or a person.", null=False),
    evidence("before", "The company's fields before."),
    evidence("after", "The company's fields after."),
    evidence("rules", "Per field of after: the lead it is from and the survivor rule."),
    *provenance(),
    one_of("event", ("merge", "undo")),
    one_of("decided_by", ("linkage", "person")),
    sa.Index("ix_merge_events_joined_lead_id", "joined_lead_id"),
    comment="Every merge and every undo, with the company's fields before and after.",
)

merged_companies = sa.Table(
    "merged_companies",
    METADATA,
    sa.Column("entity_id", sa.Text, primary_key=True, comment="The company."),
    integer("leads", "Leads of the company.", null=False),
    text("company_name", "Name.", null=False),
    text("contact_name", "Person."),
    text("email", "Address."),
    text("phone", "Number, E.164."),
    text("website", "URL."),
    text("linkedin_url", "LinkedIn page."),
    text("street", "Street address."),
    text("city", "City."),
    text("state", "Two-letter code."),
    text("zip", "Five-digit ZIP."),
    flag("do_not_contact", "True when any of its leads says not to contact: that survives every merge."),
    comment="Companies of several leads: the surviving value of each field.",
)

superseded_rows = sa.Table(
    "superseded_rows",
    METADATA,
    *lead_key(),
    sa.Column("input_hash", sa.Text, primary_key=True, comment="Hash of what the row was computed from."),
    number("latency_ms", "Its latency_ms.", null=False),
    *provenance(),
    sa.ForeignKeyConstraint(["batch_id", "lead_id"], ["imported_leads.batch_id", "imported_leads.lead_id"]),
    comment="Rows of resolved_leads that an answer replaced: undone, the row comes back as it was.",
)
