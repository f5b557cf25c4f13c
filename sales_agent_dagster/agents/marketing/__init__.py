"""Drafts outreach for each lead: e-mails, a LinkedIn note, a call script, and when to use which.

Belongs here: fact sheets, wording, lint, channel plans. Does not belong here: sending anything, tables
(stages). The graph module is imported on first use only: LangGraph is heavy.
"""

from pathlib import Path

from sales_agent_dagster.agents.runtime import load_prompt

PROMPT = load_prompt("marketing", Path(__file__).with_name("prompt.md"))
"""The static prompt; ``PROMPT.version`` is its content hash."""
