"""Every setting's one typed home. Read from ``SALES_AGENT_*`` variables and the project's ``.env``.

Nested values use a double underscore: ``SALES_AGENT_SLA__GROWTH__P95_MS=4000``.

Belongs here: names, types, defaults and bounds of settings. Does not belong here: what they do.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PositiveFloat, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from sales_agent_dagster.domain.errors import ConfigurationError, value_fault
from sales_agent_dagster.settings.crm import (
    CloseSettings,
    CrmSettings,
    HubSpotSettings,
    SalesforceSettings,
    ServiceSettings,
)
from sales_agent_dagster.settings.enrichment import EnrichmentSettings, WebsiteSettings
from sales_agent_dagster.settings.listed import Listed

__all__ = [
    "PROJECT_ROOT",
    "BudgetSettings",
    "CerebrasSettings",
    "CheckSettings",
    "CloseSettings",
    "CrmSettings",
    "Enforcement",
    "EnrichmentSettings",
    "HubSpotSettings",
    "SalesforceSettings",
    "ServiceSettings",
    "Settings",
    "Sla",
    "SlaTable",
    "WebsiteSettings",
    "load_settings",
    "variable_of",
]

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent


class Enforcement(StrEnum):
    """What a failed asset check does: stop everything downstream, or only show."""

    BLOCK = "block"
    WARN = "warn"


class Sla(BaseModel):
    """Latency limits of one agent, milliseconds per lead; None is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    p50_ms: float | None = Field(default=None, gt=0)
    p95_ms: float | None = Field(default=None, gt=0)


class SlaTable(BaseModel):
    """Limits per agent. ``bdr`` counts per graph node, ``conversation`` per turn, the rest per lead."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    qualification: Sla = Sla(p50_ms=633, p95_ms=1000)
    enrichment: Sla = Sla(p95_ms=3000)
    growth: Sla = Sla(p95_ms=5000)
    marketing: Sla = Sla(p95_ms=4000)
    bdr: Sla = Sla(p95_ms=2000)
    conversation: Sla = Sla(p95_ms=1000)


class CheckSettings(BaseModel):
    """Enforcement of each kind of asset check."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    row_conservation: Enforcement = Enforcement.BLOCK
    schema_and_ranges: Enforcement = Enforcement.BLOCK
    rejected_ratio: Enforcement = Enforcement.BLOCK
    latency_sla: Enforcement = Enforcement.BLOCK
    fallback_share: Enforcement = Enforcement.WARN
    cost_budget: Enforcement = Enforcement.BLOCK
    score_distribution: Enforcement = Enforcement.WARN
    icp_agreement: Enforcement = Enforcement.WARN
    answer_quality: Enforcement = Enforcement.WARN
    campaign_lint: Enforcement = Enforcement.BLOCK
    largest_cluster: Enforcement = Enforcement.WARN
    review_share: Enforcement = Enforcement.WARN
    block_recall: Enforcement = Enforcement.WARN
    explanations_add_up: Enforcement = Enforcement.BLOCK
    bits_distribution: Enforcement = Enforcement.WARN
    provider_hit_rate: Enforcement = Enforcement.WARN
    provider_errors: Enforcement = Enforcement.WARN
    provider_staleness: Enforcement = Enforcement.WARN
    crm_reject_rate: Enforcement = Enforcement.WARN
    crm_unknown: Enforcement = Enforcement.WARN
    crm_second_plan: Enforcement = Enforcement.WARN
    crm_suppression: Enforcement = Enforcement.BLOCK


class BudgetSettings(BaseModel):
    """Most that may be spent on model calls, US dollars; None is no limit. Checked before each call."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    lead_usd: float | None = Field(default=0.02, ge=0)
    batch_usd: float | None = Field(default=5.0, ge=0)
    run_usd: float | None = Field(default=5.0, ge=0)
    day_usd: float | None = Field(default=50.0, ge=0)
    warn_at: float = Field(
        default=0.8, gt=0, le=1, description="Share of a budget at which a warning is logged."
    )


class CerebrasSettings(BaseModel):
    """How models are called.

    Attributes:
        fallback_models: tried in order when ``model`` is unavailable.
        requests_per_minute, tokens_per_minute: limits of the organisation; None learns them from the
            provider's headers. Cerebras names none for requests: set it, or some are refused and wait.
        share: part of those limits this process may use when no Redis shares them out.
        concurrency: most calls in flight per process.
        timeout_s: longest that one request may take.
        deadline_s: longest that one lead waits for one model once its turn has come, retries included; not
            while the provider's limits make it wait for its turn again.
        hedge_after_ms: a call slower than this is asked a second time and the first answer counts; "p95" is
            the 95th percentile of the last calls, None hedges never.
        hedge_share: most hedged calls, as a share of all.
        retention_days: responses are deleted after this many days; their cost stays. None keeps them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str = "gpt-oss-120b"
    fallback_models: Listed = ()
    reasoning_effort: Literal["none", "low", "medium", "high"] = "low"
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    share: float = Field(default=1.0, gt=0, le=1)
    concurrency: int = Field(default=64, ge=1, le=512)
    timeout_s: float = Field(default=10.0, gt=0)
    deadline_s: float = Field(default=30.0, gt=0)
    hedge_after_ms: PositiveFloat | Literal["p95"] | None = None
    hedge_share: float = Field(default=0.1, ge=0, le=1)
    retention_days: int | None = Field(default=None, ge=0)


class Settings(BaseSettings):
    """All settings, frozen. The defaults need no key and no server."""

    model_config = SettingsConfigDict(
        env_prefix="SALES_AGENT_",
        env_nested_delimiter="__",
        env_file=PROJECT_ROOT / ".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Field(PROJECT_ROOT / ".sales_agent", description="All state lives under here.")
    database_url: SecretStr | None = Field(
        None, description="Warehouse, such as postgresql://user:password@host/name; unset is SQLite."
    )
    incoming_dir: Path = Field(PROJECT_ROOT / "data" / "incoming", description="The sensor watches it.")
    profile_path: Path = Field(PROJECT_ROOT / "data" / "profile.yaml", description="Whom to sell what.")
    linkage_model_path: Path | None = Field(
        None, description="Weights from `sales-agent dedupe train`; unset is the model that is shipped."
    )
    engine: Literal["auto", "cerebras", "scorecard"] = Field(
        "auto", description="What the agents think with; auto is Cerebras when a key or base URL is set."
    )
    cerebras_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("CEREBRAS_API_KEY", "cerebras_api_key"),
        description="Key of the model provider.",
    )
    cerebras_base_url: str | None = Field(
        None,
        validation_alias=AliasChoices("CEREBRAS_BASE_URL", "cerebras_base_url"),
        description="Any server that speaks the Cerebras API; unset is Cerebras itself.",
    )
    cerebras: CerebrasSettings = CerebrasSettings()
    model_policy: Literal["all", "uncertain", "none"] = Field(
        "all", description="Which leads the model judges: all, those near a tier line, or none."
    )
    budgets: BudgetSettings = BudgetSettings()
    prices_path: Path | None = Field(
        None, description="Your own model prices, in the form of sales_agent_dagster/inference/prices.yaml."
    )
    crm: CrmSettings = CrmSettings()
    crm_rules_path: Path = Field(
        PROJECT_ROOT / "data" / "crm.yaml", description="Who owns each field of a CRM record."
    )
    suppression_pepper: SecretStr = Field(
        SecretStr("sales-agent"),
        description="Secret part of suppression tokens. Changing it forgets who opted out.",
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis or Valkey that shares limits and breakers between processes."
    )
    waterfall_path: Path = Field(
        PROJECT_ROOT / "data" / "waterfall.yaml", description="Which providers of facts are asked, for whom."
    )
    apollo_api_key: SecretStr | None = Field(None, description="Key of Apollo; switches its providers on.")
    apollo_base_url: str = Field("https://api.apollo.io/api/v1", description="Where Apollo is.")
    hunter_api_key: SecretStr | None = Field(None, description="Key of Hunter; switches its providers on.")
    hunter_base_url: str = Field("https://api.hunter.io/v2", description="Where Hunter is.")
    linkedin_csv_path: Path | None = Field(
        None, description="A CSV that you exported from LinkedIn: your connections, or a list of companies."
    )
    website: WebsiteSettings = WebsiteSettings()
    enrichment: EnrichmentSettings = EnrichmentSettings()
    checkpoints: Literal["auto", "sqlite", "postgres", "valkey", "none"] = Field(
        "auto",
        description="Where graphs of several model steps keep their progress; auto is beside the warehouse.",
    )
    close: CloseSettings = CloseSettings()
    hubspot: HubSpotSettings = HubSpotSettings()
    service: ServiceSettings = ServiceSettings()
    salesforce: SalesforceSettings = SalesforceSettings()
    batch_size: int = Field(1000, ge=1, le=100_000, description="Leads per batch (= partition).")
    chunk_size: int = Field(1000, ge=1, le=10_000, description="Leads per op of an agent stage.")
    max_file_mb: float = Field(512, gt=0, description="Larger files are quarantined.")
    stable_seconds: float = Field(
        2, ge=0, description="A dropped file must be untouched for this long before the sensor takes it."
    )
    max_rejected_ratio: float = Field(0.2, ge=0, le=1, description="More than this fails the batch.")
    max_fallback_share: float = Field(
        0.1, ge=0, le=1, description="A check tells when a lesser engine answered more of the leads."
    )
    failure_webhook_url: SecretStr | None = Field(None, description="Receives run failures as JSON.")
    sla: SlaTable = SlaTable()
    checks: CheckSettings = CheckSettings()

    @property
    def warehouse_url(self) -> SecretStr:
        """SQLAlchemy URL of the warehouse; SQLite under ``home`` unless ``database_url`` is set."""
        return self.database_url or SecretStr(f"sqlite:///{self.home.resolve() / 'warehouse.db'}")

    @property
    def archive_dir(self) -> Path:
        """Source files by content hash."""
        return self.home / "archive"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME: runs, event logs, schedules."""
        return self.home / "dagster"


def variable_of(name: str, *inner: str) -> str:
    """The environment variable of a setting, or of a value inside one."""
    field = Settings.model_fields.get(name)
    if field is not None and isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    section = field.annotation if field is not None else None
    path = [name]
    for part in inner:
        # What follows a value's name says which of its types did not fit: no part of the variable.
        if not (
            isinstance(section, type) and issubclass(section, BaseModel) and part in section.model_fields
        ):
            break
        path.append(part)
        section = section.model_fields[part].annotation
    return f"SALES_AGENT_{'__'.join(path)}".upper()


def _told(fault: ErrorDetails) -> str:
    parts = [str(part) for part in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        return f"SALES_AGENT_{'__'.join(parts).upper()}: there is no such setting"
    name = variable_of(*parts)
    if fault["type"] in ("model_type", "model_attributes_type"):
        return f"{name}: is a section. Set its settings one by one, as in {name}__NAME=value"
    return f"{name}: {value_fault(fault['msg'])}"


_WRONG = "Settings are wrong (.env.example has them all):\n  "


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and ``.env``; keyword arguments win.

    Raises:
        ConfigurationError: naming every bad variable and what it must be.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = dict.fromkeys(map(_told, error.errors(include_input=False)))
        raise ConfigurationError(_WRONG + "\n  ".join(faults)) from None
    except SettingsError as error:
        raise ConfigurationError(_WRONG + _unreadable(str(error))) from None


def _unreadable(message: str) -> str:
    """Of a section, or of one inside, that was set to what is no JSON object."""
    named = re.search(r'field "(\w+)"', message)
    section = variable_of(named[1]) if named else "A setting"
    return (
        f"{section} or a section of it is set to what is no JSON object. Set its settings one by one, as in "
        f"{section}__NAME=value"
    )
