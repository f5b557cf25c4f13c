from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from sales_agent_dagster.defs.build import build_defs
from sales_agent_dagster.defs.crm import pull_schedule
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.settings import CloseSettings, CrmSettings, Settings, load_settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.close_server.calls import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose


@pytest.fixture
def with_close(tmp_path: Path, close: RunningClose) -> Settings:
    """Settings with Close's stand-in as the CRM."""
    return load_settings(
        home=tmp_path / "home",
        crm=CrmSettings(system="close"),
        close=CloseSettings(api_key=SecretStr(API_KEY), base_url=close.url),
    )


def run_pull(settings: Settings, warehouse: Warehouse, profile: Profile) -> dg.ExecuteInProcessResult:
    defs = build_defs(settings=settings, warehouse=warehouse, profile=profile)
    with dg.DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def("crm_pull").execute_in_process(instance=instance, raise_on_error=False)


def test_a_pull_materializes_what_the_crm_holds(
    with_close: Settings, sqlite_warehouse: Warehouse, profile: Profile, close: RunningClose
) -> None:
    close.fill(3)
    done = run_pull(with_close, sqlite_warehouse, profile)
    assert done.success
    rows = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in done.get_asset_materialization_events()
        if event.asset_key
    }
    assert set(rows) == {"crm_leads", "crm_contacts", "crm_events"}
    assert rows["crm_leads"]["dagster/row_count"].value == 3
    assert close.writes() == []


def test_without_a_crm_it_fails_with_what_to_set(
    settings: Settings, sqlite_warehouse: Warehouse, profile: Profile
) -> None:
    done = run_pull(settings, sqlite_warehouse, profile)
    failure = next(event for event in done.all_events if event.is_step_failure)
    assert "SALES_AGENT_CRM__SYSTEM" in failure.step_failure_data.error.message


def test_the_schedule_is_on_where_there_is_a_crm(settings: Settings, with_close: Settings) -> None:
    assert pull_schedule(settings).default_status is dg.DefaultScheduleStatus.STOPPED
    assert pull_schedule(with_close).default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_lead_batch_does_not_pull(settings: Settings) -> None:
    job = build_defs(settings=settings).resolve_job_def("lead_pipeline")
    assert not {"pull_from_crm"} & {node.name for node in job.nodes}
