"""Analyses what the list itself says about a company's market and what to make of it.

Belongs here: market figures, the expansion score, plays. Does not belong here: loading the population
(stages). The graph module is imported on first use only: LangGraph is heavy.
"""

from pathlib import Path

from sales_agent_dagster.agents.runtime import load_prompt

PROMPT = load_prompt("growth", Path(__file__).with_name("prompt.md"))
"""The static prompt; ``PROMPT.version`` is its content hash."""
