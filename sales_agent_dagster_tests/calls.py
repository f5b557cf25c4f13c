"""Records of calls for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sales_agent_dagster.domain.calls import CallOutcome, CallRecord, CallScope, Usage

CALLED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SCOPE = CallScope("run-1", "batch-1")


def call(key: str = "key-1", **fields: Any) -> CallRecord:
    """A finished call with an answer, for lead-1 of batch-1, that cost a quarter of a dollar."""
    defaults: dict[str, Any] = {
        "call_key": key,
        "agent": "qualification",
        "prompt_version": "prompt-1",
        "model": "gpt-oss-120b",
        "parameters_hash": "parameters-1",
        "schema_hash": "schema-1",
        "input_hash": "input-1",
        "scope": SCOPE,
        "lead_id": "lead-1",
        "outcome": CallOutcome.OK,
        "response": '{"score":1}',
        "error": None,
        "usage": Usage(1000, 600, 300, 100),
        "cost_usd": 0.25,
        "price_date": "2026-11-22",
        "latency_ms": 312.5,
        "queue_ms": 1.5,
        "prompt_ms": 20.25,
        "completion_ms": 250.0,
        "attempts": 2,
        "called_at": CALLED,
    }
    fields = defaults | fields
    if fields["outcome"] is not CallOutcome.OK:
        fields["response"] = None
    return CallRecord(**fields)
