"""The golden leads: made-up companies with the tier and the facts that a person, not a rule, set for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.oems import canonical
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.domain.trades import TRADES
from sales_agent_dagster.domain.yaml_text import read_yaml
from sales_agent_dagster.settings import PROJECT_ROOT

GOLDEN_DIR = PROJECT_ROOT / "data" / "golden"
CUSTOMERS = ("homes", "businesses")
SERVICE = "service"

Claim = Annotated[str, Field(max_length=60)]
"""A fact in words: ``trade hvac``, ``brand Generac``, ``customers homes``, or ``service`` (of any kind)."""


class GoldenLead(BaseModel):
    """A lead as imported; what is left out is unknown. No person, address or number is real."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    company_name: str = Field(min_length=1, max_length=200)
    oems: str | None = None
    capabilities: str | None = None
    dealer_tier: str | None = None
    industry: str | None = None
    notes: str | None = Field(default=None, max_length=2000)
    website_host: str | None = None
    email: str | None = None
    contact_name: str | None = None
    phone_kind: Literal["geographic", "toll_free", "international"] | None = None
    rating: float | None = Field(default=None, ge=0, le=5)

    @property
    def words(self) -> str:
        """What the lead says of itself, lower case: where every expected fact must be said."""
        return f"{self.company_name}\n{self.notes or ''}".casefold()


class GoldenCase(BaseModel):
    """One lead and what is right about it.

    Attributes:
        why: the judgement by the profile's rubric, in a sentence.
        tiers: the tiers that are right, the best one first.
        facts: what its words say, each with the words that say it.
        optional: what may be read out of its words and need not be; counts neither way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(pattern=r"^[a-z]+-\d\d$")
    why: str = Field(min_length=5, max_length=300)
    lead: GoldenLead
    tiers: list[Tier] = Field(min_length=1, max_length=2)
    facts: dict[Claim, str] = {}
    optional: list[Claim] = []

    @property
    def kind(self) -> str:
        """What makes the case hard, such as ``inject``; the first part of its id."""
        return self.id.partition("-")[0]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for claim in (*self.facts, *self.optional):
            if not _is_claim(claim):
                raise ValueError(f"{claim!r} is no claim")
        for claim, words in self.facts.items():
            if words.casefold() not in self.lead.words:
                raise ValueError(f"{claim}: the lead does not say {words!r}")
        if twice := self.facts.keys() & set(self.optional):
            raise ValueError(f"{', '.join(twice)} cannot be expected and optional")
        if len(self.tiers) == 2 and abs(self.tiers[0].rank - self.tiers[1].rank) != 1:
            raise ValueError("two tiers that are right must be neighbours")
        return self

    def row(self) -> dict[str, Any]:
        """The columns that agents read; those that a golden lead never has are None."""
        absent = ("phone", "phone_2", "city", "state", "zip")
        stated = ("resimercial", "multi_oem", "mep_r", "o_and_m")
        none = dict.fromkeys((*absent, *(f"source_{name}" for name in stated)))
        return {"lead_id": self.id, **none, **self.lead.model_dump()}


def _is_claim(claim: str) -> bool:
    topic, _, value = claim.partition(" ")
    if topic == "trade":
        return value in TRADES
    if topic == "brand":
        return canonical(value) == value
    return claim == SERVICE or (topic == "customers" and value in CUSTOMERS)


def load_golden(folder: Path = GOLDEN_DIR) -> list[GoldenCase]:
    """Every case of the folder's YAML files, by file name and in order.

    Raises:
        ConfigurationError: naming the file and every fault in it; or an id that occurs twice.
    """
    cases: list[GoldenCase] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            cases += TypeAdapter(list[GoldenCase]).validate_python(
                read_yaml(path.read_text(encoding="utf-8"))
            )
        except (ValidationError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{path.name}: {error}") from None
    ids = [case.id for case in cases]
    if not ids or len(set(ids)) < len(ids):
        twice = sorted({case for case in ids if ids.count(case) > 1})
        raise ConfigurationError(f"Golden cases: {', '.join(twice) + ' twice' if twice else 'none found'}.")
    return cases


def golden_version(cases: Sequence[GoldenCase]) -> str:
    """Hash of the cases: figures of different versions are not comparable."""
    return content_hash([case.model_dump(mode="json", exclude={"why"}) for case in cases])[:12]
