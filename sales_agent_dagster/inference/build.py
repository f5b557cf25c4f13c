"""Which engine the settings ask for, and making it: the only place that does."""

from __future__ import annotations

from sales_agent_dagster.inference.engine import Engine, ScorecardEngine
from sales_agent_dagster.inference.ports import CallStore
from sales_agent_dagster.settings import Settings


def engine_name(settings: Settings) -> str:
    """Name of the engine: ``auto`` is cerebras when a key or base URL is set, else scorecard."""
    if settings.engine != "auto":
        return settings.engine
    return "cerebras" if settings.cerebras_api_key or settings.cerebras_base_url else "scorecard"


def build_engine(settings: Settings, store: CallStore, *, warm_up: bool = False) -> Engine:
    """The engine; close it when it is no longer needed.

    Args:
        settings: which engine, where, within which limits.
        store: the ledger, for engines whose calls cost money.
        warm_up: begin at once, in the background, what else the first question would wait for.

    Raises:
        ConfigurationError: the engine lacks a setting.
    """
    if engine_name(settings) == "scorecard":
        return ScorecardEngine()
    from sales_agent_dagster.inference.cerebras.engine import CerebrasEngine

    engine = CerebrasEngine(settings, store)
    if warm_up:
        engine.warm_up()
    return engine
