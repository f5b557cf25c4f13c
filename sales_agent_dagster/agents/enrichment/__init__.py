"""Collects facts about a lead beyond its row and settles what they say together.

Belongs here: gathering, asking, reconciling facts. Does not belong here: the providers of facts
(``enrichment``), tables (stages). The graph module is imported on first use only: LangGraph is heavy.
"""

from pathlib import Path

from sales_agent_dagster.agents.runtime import load_prompt

PROMPT = load_prompt("enrichment", Path(__file__).with_name("prompt.md"))
"""The static prompt; ``PROMPT.version`` is its content hash."""
