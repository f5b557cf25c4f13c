"""Tables of evaluations on the golden leads."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema.columns import (
    METADATA,
    TIERS,
    evidence,
    flag,
    integer,
    moment,
    number,
    one_of,
    text,
    within,
)

SOURCES = ("live", "recorded", "rules")

evaluation_runs = sa.Table(
    "evaluation_runs",
    METADATA,
    sa.Column("evaluation_id", sa.Text, primary_key=True, comment="Id of the evaluation."),
    text("engine", "Engine that was evaluated.", null=False),
    text("engine_version", "Its version, as on the rows that it writes.", null=False),
    text("prompt_versions", "Versions of the qualification and the enrichment prompt.", null=False),
    text("golden_version", "Hash of the golden leads.", null=False),
    text("scheme_version", "Hash of the profile's scoring scheme.", null=False),
    text("models", "What answered: models and versions of rules, comma-separated.", null=False),
    text("source", "live: asked now; recorded: answers from a file; rules: no model.", null=False),
    integer("cases", "Golden leads.", null=False),
    number("kendall_tau", "Kendall's tau-b between score and expected tier, -1 to 1.", null=False),
    number("spearman", "Spearman's rank correlation of the same, -1 to 1.", null=False),
    number("tier_accuracy", "Share of leads with a tier that is right, 0-1.", null=False),
    number("fact_precision", "Share of the facts read that is right, 0-1; NULL when none was read."),
    number("fact_recall", "Share of the right facts that was read, 0-1."),
    number("grounding_rate", "Share of a model's claims with valid evidence, 0-1; NULL without claims."),
    number("schema_failure_share", "Share of calls whose answer did not fit the schema, 0-1.", null=False),
    number("fallback_share", "Share of answers that a lesser engine gave, 0-1.", null=False),
    number("replay_share", "Share of answers that were bought earlier, 0-1.", null=False),
    number("cost_usd", "What the evaluation cost, US dollars.", null=False),
    number("saved_usd", "What its replayed answers had cost, US dollars.", null=False),
    number("qualification_p50_ms", "Median latency of a qualification, ms.", null=False),
    number("qualification_p95_ms", "95th percentile of the same, ms.", null=False),
    number("enrichment_p50_ms", "Median latency of an enrichment, ms.", null=False),
    number("enrichment_p95_ms", "95th percentile of the same, ms.", null=False),
    evidence("confusion", "Expected tier to given tier to number of leads."),
    flag("accepted", "A person accepted these figures: later ones are compared with them."),
    moment("created_at", "UTC time of the evaluation."),
    one_of("source", SOURCES),
    within("kendall_tau", -1, 1),
    within("spearman", -1, 1),
    within("tier_accuracy", 0, 1),
    within("fact_precision", 0, 1),
    within("fact_recall", 0, 1),
    within("grounding_rate", 0, 1),
    sa.Index("ix_evaluation_runs_created_at", "created_at"),
    comment="Quality of an engine's answers on the golden leads: one row per evaluation.",
)

evaluation_cases = sa.Table(
    "evaluation_cases",
    METADATA,
    sa.Column("evaluation_id", sa.Text, primary_key=True, comment="The evaluation."),
    sa.Column("case_id", sa.Text, primary_key=True, comment="The golden lead."),
    text("expected_tiers", "Tiers that are right, the best one first, comma-separated.", null=False),
    number("score", "Score given; NULL when there was no answer."),
    text("tier", "Tier given."),
    flag("tier_right", "The tier is one of those that are right."),
    text("facts_right", "Facts read that are right, comma-separated."),
    text("facts_wrong", "Facts read that are not."),
    text("facts_missed", "Facts that the lead's words say and nobody read."),
    integer("grounded_claims", "A model's claims with valid evidence.", null=False),
    integer("dropped_claims", "A model's claims without, left out.", null=False),
    text("engines", "What answered, comma-separated.", null=False),
    text("reason", "Why a lesser engine answered, or none."),
    number("cost_usd", "What the lead's answers cost now, US dollars.", null=False),
    one_of("tier", TIERS),
    sa.ForeignKeyConstraint(["evaluation_id"], ["evaluation_runs.evaluation_id"], ondelete="CASCADE"),
    comment="What an evaluation gave for each golden lead.",
)
