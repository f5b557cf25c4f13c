"""The ledger: what was asked of models, what came back, what it cost."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.domain.calls import CallOutcome
from sales_agent_dagster.warehouse.schema.columns import METADATA, integer, moment, number, one_of, text

MAX_RESPONSE = 65_536
"""Characters of the longest response that is kept. Answers are bounded far below it by their token limit."""

agent_calls = sa.Table(
    "agent_calls",
    METADATA,
    sa.Column("call_id", sa.Text, primary_key=True, comment="Hash of the call's key, scope, lead and time."),
    text("call_key", "Hash of agent, prompt version, model, parameters, schema and input.", null=False),
    text("agent", "qualification, enrichment, growth or marketing.", null=False),
    text("prompt_version", "Hash of the static part of the prompt; the prompt is not stored.", null=False),
    text("model", "Model that was asked.", null=False),
    text("parameters_hash", "Hash of temperature, token limit and the like.", null=False),
    text("schema_hash", "Hash of the JSON schema the answer had to fit.", null=False),
    text("input_hash", "Hash of the facts given; the facts are not stored.", null=False),
    text("run_id", "Dagster run that asked.", null=False),
    text("batch_id", "Lead batch that asked.", null=False),
    text("lead_id", "Lead that asked.", null=False),
    text(
        "outcome", "ok; invalid: billed but unusable; failed: no answer; duplicate: ok but late.", null=False
    ),
    text("response", "The answer as JSON text; NULL unless ok, and once retention removed it."),
    text("error", "What was wrong when not ok."),
    integer("prompt_tokens", "Input tokens of all billed attempts.", null=False),
    integer("cached_tokens", "Those of them from the provider's prompt cache.", null=False),
    integer("completion_tokens", "Output tokens of all billed attempts.", null=False),
    integer("reasoning_tokens", "Those of them that were not part of the answer.", null=False),
    number("cost_usd", "What the call cost, US dollars.", null=False),
    text("price_date", "Date since which the price applies; NULL: unknown model, assumed price."),
    number("latency_ms", "Wall time as the lead saw it, retries and waits included, ms.", null=False),
    number("queue_ms", "The provider's own time in queue, ms."),
    number("prompt_ms", "The provider's own time for the input, ms."),
    number("completion_ms", "The provider's own time for the output, ms."),
    integer("attempts", "Requests sent.", null=False),
    moment("called_at", "UTC time the call was finished."),
    text("call_day", "UTC date of called_at, ISO 8601.", null=False),
    one_of("outcome", [outcome.value for outcome in CallOutcome]),
    sa.CheckConstraint("cost_usd >= 0", name="cost_usd_range"),
    sa.CheckConstraint("response IS NULL OR outcome = 'ok'", name="response_usable"),
    sa.CheckConstraint(f"LENGTH(response) <= {MAX_RESPONSE}", name="response_length"),
    sa.Index("ix_agent_calls_batch_id", "batch_id", "lead_id"),
    sa.Index("ix_agent_calls_run_id", "run_id"),
    sa.Index("ix_agent_calls_call_day", "call_day", "cost_usd"),
    comment="Every finished call to a model. A key with an answer is never asked again: it is replayed.",
)

_HAS_ANSWER = agent_calls.c.response.is_not(None)

sa.Index(
    "uq_agent_calls_answer",
    agent_calls.c.call_key,
    unique=True,
    sqlite_where=_HAS_ANSWER,
    postgresql_where=_HAS_ANSWER,
)
sa.Index(
    "ix_agent_calls_called_at",
    agent_calls.c.called_at,
    sqlite_where=_HAS_ANSWER,
    postgresql_where=_HAS_ANSWER,
)

agent_replays = sa.Table(
    "agent_replays",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True, comment="Dagster run that asked."),
    sa.Column("batch_id", sa.Text, primary_key=True, comment="Lead batch that asked."),
    sa.Column("agent", sa.Text, primary_key=True, comment="Agent that asked."),
    sa.Column("model", sa.Text, primary_key=True, comment="Model that had answered."),
    sa.Column("day", sa.Text, primary_key=True, comment="UTC date, ISO 8601."),
    integer("replays", "Answers taken from agent_calls instead of being bought.", null=False),
    number("saved_usd", "What those had cost when they were bought, US dollars.", null=False),
    comment="Answers that were not bought again: one row per run, batch, agent, model and day.",
)
