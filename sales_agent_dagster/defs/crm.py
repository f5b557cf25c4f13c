"""What comes back from the CRM: its records and events, pulled on a schedule. How: ``stages.crm.pulling``."""

from collections.abc import Iterator

import dagster as dg
import sqlalchemy as sa

from sales_agent_dagster.defs.failures import only_transient_retried
from sales_agent_dagster.defs.metadata import GROUP, OWNERS, code_link, column_schema
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.crm.context import ReportCard, open_sync
from sales_agent_dagster.stages.crm.pulling import pull
from sales_agent_dagster.warehouse.schema import crm_contacts, crm_events, crm_leads

EVERY_MINUTES = 15

PULLED = {
    crm_leads: "Companies as the CRM holds them.\n\nThe next plan compares with them.",
    crm_contacts: "People as the CRM holds them.\n\nThe next plan compares with them.",
    crm_events: "What happened in the CRM, once each.\n\nChanges, deletions, merges, replies, opt-outs.",
}
"""Tables and what the UI says of them: the catalogue shows no Markdown, the graph 50 characters."""


@dg.multi_asset(
    name="pull_from_crm",
    specs=[
        dg.AssetSpec(
            table.name,
            group_name=GROUP,
            description=description,
            owners=OWNERS,
            kinds={"python"},
            metadata={
                "dagster/table_name": table.name,
                "dagster/column_schema": column_schema(table),
                "dagster/code_references": code_link(pull),
            },
        )
        for table, description in PULLED.items()
    ],
    required_resource_keys={"settings", "warehouse", "profile"},
)
def crm_pull(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Read what changed since the last pull."""
    resources = context.resources
    settings: Settings = resources.settings
    with only_transient_retried(context):
        if settings.crm.system == "preview" or settings.crm.mode == "off":
            raise ConfigurationError(
                "There is no CRM to pull from: set SALES_AGENT_CRM__SYSTEM to close, hubspot or salesforce."
            )
        sync = open_sync(resources.warehouse, settings, resources.profile, context.run.run_id, live=False)
        try:
            pull(sync)
        finally:
            sync.connector.close()
        with resources.warehouse.reading() as connection:
            rows = {table.name: _rows(connection, table, sync.crm) for table in PULLED}
    for table in PULLED:
        yield dg.MaterializeResult(asset_key=table.name, metadata=_metadata(rows[table.name], sync.card))


def _rows(connection: sa.Connection, table: sa.Table, crm: str) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(table.c.crm == crm)
    return int(connection.scalar(query) or 0)


def _metadata(rows: int, card: ReportCard) -> dict[str, int]:
    return {
        "dagster/row_count": rows,
        "pulled": card.pulled,
        "nothing_new": card.echoes,
        "fields_changed_by_others": card.human_changes,
        "conflicts": card.conflicts,
    }


CRM_PULL = dg.define_asset_job(
    "crm_pull",
    selection=dg.AssetSelection.assets(*(table.name for table in PULLED)),
    description="Reads what changed in the CRM. Writes nothing to it.",
)


def pull_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every quarter of an hour; on by itself where a CRM is configured."""
    configured = settings.crm.system != "preview" and settings.crm.mode != "off"
    return dg.ScheduleDefinition(
        name="crm_pull_schedule",
        job=CRM_PULL,
        cron_schedule=f"*/{EVERY_MINUTES} * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING if configured else dg.DefaultScheduleStatus.STOPPED,
        description="Pulls from the CRM; webhooks bring the same sooner.",
    )
