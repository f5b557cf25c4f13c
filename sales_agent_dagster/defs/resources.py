"""Resources: thin shells that make the plain objects the stages work with.

Belongs here: how an object is made from settings when a run starts, and closed when it ends.
Does not belong here: what the object does. Ops receive the plain object, never the shell.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from sales_agent_dagster.domain.profile import Profile, load_profile
from sales_agent_dagster.inference.build import build_engine
from sales_agent_dagster.inference.engine import Engine
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.fact_service import FactService, build_fact_service
from sales_agent_dagster.stages.pipeline import load_ahead
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse

RESOURCE_KEYS = {"settings", "warehouse", "profile", "engine", "facts"}
"""What an op needs to build its ``StageContext``."""


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The warehouse at ``settings.warehouse_url``, schema up to date, closed when the run ends."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> Warehouse:
        """Open the warehouse, making ``settings.home``, and bring its schema to the newest version."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        warehouse = Warehouse(self.settings.warehouse_url.get_secret_value())
        warehouse.migrate()
        return warehouse

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Warehouse]:
        """The warehouse for as long as the run lasts."""
        warehouse = self.create_resource(context)
        try:
            yield warehouse
        finally:
            warehouse.dispose()


class ProfileResource(dg.ConfigurableResource[Profile]):
    """The profile at ``settings.profile_path``, read anew for every run."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> Profile:
        """Read and validate the file."""
        return load_profile(self.settings.profile_path)


class EngineResource(dg.ConfigurableResource[Engine]):
    """What the agents think with, for as long as the run lasts: its connections and limits outlast steps."""

    settings: dg.ResourceDependency[Settings]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Engine]:
        """The engine that the settings name, its calls recorded in the warehouse."""
        warehouse = Warehouse(self.settings.warehouse_url.get_secret_value())
        engine = build_engine(self.settings, WarehouseCalls(warehouse), warm_up=True)
        try:
            yield engine
        finally:
            engine.close()
            warehouse.dispose()


class FactsResource(dg.ConfigurableResource[FactService]):
    """The providers of facts in use, for as long as the run lasts: their connections outlast steps."""

    settings: dg.ResourceDependency[Settings]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[FactService]:
        """The providers that waterfall and settings name, answers and credits kept in the warehouse."""
        warehouse = Warehouse(self.settings.warehouse_url.get_secret_value())
        service = build_fact_service(self.settings, warehouse)
        try:
            yield service
        finally:
            service.close()
            warehouse.dispose()


def build_resources(
    settings: Settings,
    *,
    warehouse: Warehouse | None = None,
    profile: Profile | None = None,
    engine: Engine | None = None,
    facts: FactService | None = None,
) -> Mapping[str, Any]:
    """The pipeline's resources; a given object is used as it is instead of what settings say."""
    as_settings = fixed(settings, "Every setting, from SALES_AGENT_* and .env.")
    return {
        "settings": as_settings,
        "warehouse": fixed(warehouse) if warehouse else WarehouseResource(settings=as_settings),
        "profile": fixed(profile) if profile else ProfileResource(settings=as_settings),
        "engine": fixed(engine) if engine else EngineResource(settings=as_settings),
        "facts": fixed(facts) if facts else FactsResource(settings=as_settings),
    }


def fixed(value: object, description: str | None = None) -> dg.ResourceDefinition:
    """A resource that is this very object."""
    return dg.ResourceDefinition.hardcoded_resource(value, description)


def stage_context(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> StageContext:
    """The stage's view of a step: the plain objects, the batch and the run."""
    resources = context.resources
    return StageContext(
        warehouse=resources.warehouse,
        settings=resources.settings,
        profile=resources.profile,
        engine=resources.engine,
        batch_id=context.partition_key,
        run_id=context.run.run_id,
        facts=resources.facts,
        meanwhile=load_ahead,
    )
