"""The LangGraph agents: ``graph.py`` (wiring and nodes), ``state.py``, rules and prompt, one folder each.

Belongs here: how an agent thinks over a chunk of leads, with an ``Engine`` passed in.
Does not belong here: tables, batches, Dagster.
"""
