"""The profile: whom to sell what, how to score it, what to leave alone. One YAML file that users edit."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sales_agent_dagster.domain.errors import ConfigurationError, value_faults, with_faults
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.domain.trades import TRADES
from sales_agent_dagster.domain.yaml_text import read_yaml, yaml_fault

Channel = Literal["email", "linkedin", "call", "social", "blog"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Seller(_Section):
    """Who writes the outreach. CAN-SPAM wants a postal address in every commercial e-mail."""

    company: str = Field(min_length=1, max_length=80)
    sender_name: str = Field(min_length=1, max_length=80)
    sender_title: str = Field(min_length=1, max_length=80)
    offering: str = Field(min_length=10, max_length=300)
    value_points: list[str] = Field(min_length=1, max_length=6)
    call_to_action: str = Field(min_length=5, max_length=200)
    postal_address: str = Field(min_length=5, max_length=200)


class IcpWeights(_Section):
    """Weights of the four ICP dimensions; they sum to 1."""

    resimercial: float = Field(ge=0, le=1)
    multi_oem: float = Field(ge=0, le=1)
    mep_r: float = Field(ge=0, le=1)
    o_and_m: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.resimercial + self.multi_oem + self.mep_r + self.o_and_m
        if abs(total - 1) > 0.001:
            raise ValueError(f"the four weights must sum to 1, they sum to {total:.3f}")
        return self


class Signals(_Section):
    """Points added to the ICP score when the lead shows the signal; negative points subtract."""

    own_website: float = Field(ge=-20, le=20)
    reachable_email: float = Field(ge=-20, le=20)
    named_contact: float = Field(ge=-20, le=20)
    well_rated: float = Field(ge=-20, le=20)
    target_oem: float = Field(ge=-20, le=20)
    target_trade: float = Field(ge=-20, le=20)
    toll_free_only: float = Field(ge=-20, le=20)
    no_website: float = Field(ge=-20, le=20)


class TierLines(_Section):
    """Lowest score of each tier, 0-100; below BRONZE is UNQUALIFIED."""

    PLATINUM: float = Field(ge=0, le=100)
    GOLD: float = Field(ge=0, le=100)
    SILVER: float = Field(ge=0, le=100)
    BRONZE: float = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _descending(self) -> Self:
        if not self.PLATINUM > self.GOLD > self.SILVER > self.BRONZE:
            raise ValueError("the lines must fall from PLATINUM over GOLD and SILVER to BRONZE")
        return self

    def tier_of(self, score: float) -> Tier:
        """The tier whose line ``score`` reaches."""
        for tier in (Tier.PLATINUM, Tier.GOLD, Tier.SILVER, Tier.BRONZE):
            if score >= getattr(self, tier.value):
                return tier
        return Tier.UNQUALIFIED


class Uncertain(_Section):
    """Which scores a second opinion may change what is done with the lead."""

    tier_margin: float = Field(default=3, ge=0, le=50, description="Points from a tier line, either side.")
    confidence_below: float = Field(default=0.2, ge=0, le=1)


class Icp(_Section):
    """Ideal customer profile: the scoring scheme."""

    weights: IcpWeights
    signals: Signals
    tiers: TierLines
    target_oems: list[str] = Field(min_length=1)
    target_trades: list[str] = Field(min_length=1)
    assumed_dealer_tier: str | None = Field(
        default=None, description="OEM dealer tier of lists that do not say, such as Elite."
    )
    rubric: str = Field(min_length=20, max_length=4000, description="What a model is told to judge by.")
    uncertain: Uncertain = Uncertain()

    @field_validator("target_trades")
    @classmethod
    def _known_trades(cls, trades: list[str]) -> list[str]:
        unknown = [trade for trade in trades if trade not in TRADES]
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; known trades are {', '.join(TRADES)}")
        return trades


class Gates(_Section):
    """The tier a lead must reach to be worked on by each stage."""

    enrichment: Tier
    growth: Tier
    campaign: Tier
    crm: Tier


class Suppress(_Section):
    """Never contact these: existing customers, partners, people who opted out."""

    domains: list[str] = []
    emails: list[str] = []
    phones: list[str] = []
    companies: list[str] = []


class Outreach(_Section):
    """What campaigns look like."""

    channels: list[Channel] = Field(min_length=1)
    tone: Literal["professional", "friendly", "direct"]
    brief: str = Field(default="", max_length=600, description="What a model is told to write towards.")
    email_max_words: int = Field(ge=40, le=400)
    linkedin_max_chars: int = Field(ge=100, le=1900)
    call_max_words: int = Field(ge=40, le=400)
    social_max_chars: int = Field(default=280, ge=100, le=3000)
    blog_max_words: int = Field(default=160, ge=40, le=400, description="Of an outline.")
    preferred_days: list[Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]] = Field(
        min_length=1
    )
    preferred_hours: list[int] = Field(min_length=1, description="Hours of the lead's local day, 0-23.")


class Profile(_Section):
    """The whole profile, validated."""

    name: str = Field(min_length=1, max_length=60)
    seller: Seller
    icp: Icp
    gates: Gates
    suppress: Suppress = Suppress()
    outreach: Outreach

    @property
    def version(self) -> str:
        """Content hash; part of what decides whether a row must be computed again."""
        return _version(self.model_dump_json())


@lru_cache(maxsize=8)
def _version(dumped: str) -> str:
    return content_hash(dumped)[:12]


def load_profile(path: Path) -> Profile:
    """Read and validate the profile.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or has faults; all of them are listed.
    """
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"Profile {path} does not exist. Set SALES_AGENT_PROFILE_PATH.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Profile {path} is not valid YAML, {yaml_fault(error)}") from None
    try:
        return Profile.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError(with_faults(f"Profile {path}", value_faults(error, "(file)"))) from None
