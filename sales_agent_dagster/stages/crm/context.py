"""What all steps of a sync work with, and the report card that they fill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from uuid import uuid4

from sales_agent_dagster.crm.contract import Connector
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.ownership import Ownership, load_ownership
from sales_agent_dagster.crm.registry import connect
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.suppression import SuppressionList
from sales_agent_dagster.matching.model import LinkageModel, load_model
from sales_agent_dagster.settings import CrmSettings, Settings
from sales_agent_dagster.warehouse.database import Warehouse


@dataclass
class ReportCard:
    """Figures of one sync; columns of ``crm_sync_runs`` tell what each is."""

    pulled: int = 0
    echoes: int = 0
    human_changes: int = 0
    conflicts: int = 0
    planned_creates: int = 0
    planned_updates: int = 0
    unchanged: int = 0
    skipped: int = 0
    to_review: int = 0
    created: int = 0
    updated: int = 0
    rejected: int = 0
    deferred: int = 0
    unknown: int = 0
    resolved: int = 0
    still_unknown: int = 0
    suppression_breaches: int = 0
    rejected_by_class: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None


@dataclass(frozen=True)
class SyncContext:
    """One sync of one CRM.

    Attributes:
        connector: its transport refuses to write unless ``live``.
        suppress: the profile's lists.
        pepper: secret part of suppression tokens.
        live: whether records may be written.
        card: filled by the steps.
    """

    warehouse: Warehouse
    connector: Connector
    settings: CrmSettings
    ownership: Ownership
    suppress: SuppressionList
    pepper: str
    model: LinkageModel
    run_id: str
    live: bool
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sync_id: str = field(default_factory=lambda: uuid4().hex)
    card: ReportCard = field(default_factory=ReportCard)

    @property
    def crm(self) -> str:
        """Name of the CRM."""
        return self.connector.name

    @cached_property
    def writer(self) -> str | None:
        """Who we are to the CRM (``Description.writer``)."""
        return self.connector.describe().writer

    @cached_property
    def holds(self) -> Mapping[Kind, frozenset[str]]:
        """By kind the fields that the CRM can hold; some CRMs have to be asked."""
        return dict(self.connector.capabilities.fields)

    def fields_of(self, kind: Kind) -> frozenset[str]:
        """Fields that the CRM can hold; empty when it has no such kind."""
        return self.holds.get(kind, frozenset())


def open_sync(
    warehouse: Warehouse,
    settings: Settings,
    profile: Profile,
    run_id: str,
    *,
    live: bool | None = None,
    connector: Connector | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SyncContext:
    """The context of a sync with the configured CRM; close its connector afterwards.

    Args:
        warehouse: the tables.
        settings: ``crm.system`` names the CRM.
        profile: its suppression lists.
        run_id: who runs.
        live: False never writes; None is what ``crm.mode`` says, and True needs it to say ``live``.
        connector: of tests; the configured one else.
        now: the time.

    Raises:
        ConfigurationError: the CRM, its settings or the rules are wrong.
    """
    writes = settings.crm.mode == "live" and live is not False
    # What may be wrong with these is told before anything is connected, which somebody has to close.
    ownership, model = load_ownership(settings.crm_rules_path), load_model(settings.linkage_model_path)
    if connector is None:
        options = TransportOptions(dry_run=not writes, concurrency=settings.crm.concurrency)
        connector = connect(settings.crm.system, settings, options)
    return SyncContext(
        warehouse=warehouse,
        connector=connector,
        settings=settings.crm,
        ownership=ownership,
        suppress=SuppressionList(profile.suppress),
        pepper=settings.suppression_pepper.get_secret_value(),
        model=model,
        run_id=run_id,
        live=writes,
        now=now,
    )
