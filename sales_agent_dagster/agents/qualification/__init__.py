"""Judges how well a lead fits the profile.

Belongs here: features, questions and verdicts of qualification. Does not belong here: the scoring scheme
itself (``domain.icp``), tables (stages). The graph module is imported on first use only: LangGraph is heavy.
"""

from pathlib import Path

from sales_agent_dagster.agents.runtime import load_prompt

PROMPT = load_prompt("qualification", Path(__file__).with_name("prompt.md"))
"""The static prompt; ``PROMPT.version`` is its content hash."""
