"""Answers by the name of the JSON schema: one module per agent, each computing from the payload alone.

A replier takes the lead's payload and the system prompt and returns the answer as JSON-ready values. What the
schema asks for and a replier leaves out is filled in; what it does not ask for is left out: see ``answer``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sales_agent_dagster_tests.cerebras_server.repliers import enrichment, growth, marketing, qualification
from sales_agent_dagster_tests.cerebras_server.repliers.generic import conform, fill

Replier = Callable[[dict[str, Any], str], dict[str, Any]]

REPLIERS: dict[str, Replier] = {
    "judgement": qualification.judge,
    "reading": enrichment.read,
    "narrative": growth.narrate,
    "email_words": marketing.email,
    "linkedin_words": marketing.linkedin,
    "call_words": marketing.call,
    "social_words": marketing.social,
    "blog_words": marketing.blog,
}
"""Schema name (the output model's class in snake case) to replier."""


def answer(
    name: str, schema: Mapping[str, Any], payload: dict[str, Any] | None, system: str, items: int
) -> Any:
    """The answer to a request for ``schema``.

    Args:
        payload: the lead's facts; None where the prompt holds none, which makes the answer a meaningless one.
        items: elements of an array that nothing says more about.
    """
    replier = REPLIERS.get(name)
    if replier is None or payload is None:
        return fill(schema, items=items)
    try:
        value = replier(payload, system)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        # A prompt that lacks what the answer is made of gets an answer that is not about the lead.
        return fill(schema, items=items)
    return conform(schema, value, items=items)
