"""Every setting's one typed home. Read from ``SALES_AGENT_*`` variables and the project's ``.env``.

Nested values use a double underscore: ``SALES_AGENT_SLA__GROWTH__P95_MS=4000``.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sales_agent_dagster.domain.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


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
    cost_budget: Enforcement = Enforcement.BLOCK
    score_distribution: Enforcement = Enforcement.WARN
    icp_agreement: Enforcement = Enforcement.WARN
    campaign_lint: Enforcement = Enforcement.BLOCK
    largest_cluster: Enforcement = Enforcement.WARN
    review_share: Enforcement = Enforcement.WARN
    explanations_add_up: Enforcement = Enforcement.BLOCK
    bits_distribution: Enforcement = Enforcement.WARN


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
    engine: Literal["scorecard"] = Field("scorecard", description="What the agents think with.")
    batch_size: int = Field(1000, ge=1, le=100_000, description="Leads per batch (= partition).")
    chunk_size: int = Field(100, ge=1, le=10_000, description="Leads per op of an agent stage.")
    concurrency: int = Field(32, ge=1, le=512, description="Engine calls in flight per op.")
    max_file_mb: float = Field(512, gt=0, description="Larger files are quarantined.")
    stable_seconds: float = Field(
        2, ge=0, description="A dropped file must be untouched for this long before the sensor takes it."
    )
    max_rejected_ratio: float = Field(0.2, ge=0, le=1, description="More than this fails the batch.")
    batch_budget_usd: float = Field(1.0, ge=0, description="Spend per batch over all its stages.")
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


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and ``.env``; keyword arguments win.

    Raises:
        ConfigurationError: naming every bad variable and what it must be.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = [
            f"SALES_AGENT_{'__'.join(str(part).upper() for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise ConfigurationError("Settings are wrong:\n  " + "\n  ".join(faults)) from None
