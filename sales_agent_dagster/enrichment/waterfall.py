"""The waterfall: which providers are asked, in which order, for whom, within which caps. One YAML file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sales_agent_dagster.domain.errors import ConfigurationError, value_fault, with_faults
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.domain.yaml_text import yaml_fault
from sales_agent_dagster.enrichment.providers import FIELDS, PROVIDER_NAMES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Section):
    """Which leads a provider is asked about: those that reach both."""

    tier: Tier = Tier.UNQUALIFIED
    score: float = Field(default=0, ge=0, le=100)

    def holds(self, tier: Tier, score: float) -> bool:
        """True for a lead to be asked about."""
        return tier.reaches(self.tier) and score >= self.score


class StepCaps(_Section):
    """Most credits of one provider; None is no limit."""

    run_credits: float | None = Field(default=None, ge=0)
    day_credits: float | None = Field(default=None, ge=0)


class Budget(_Section):
    """Most that all providers together may cost, US dollars; None is no limit."""

    run_usd: float | None = Field(default=None, ge=0)
    day_usd: float | None = Field(default=None, ge=0)


class Step(_Section):
    """One provider in its place.

    Attributes:
        wants: asked only while one of these is not filled; empty is all it offers.
        usd_per_credit: your own price; None is the provider's list price.
    """

    provider: str
    enabled: bool = True
    wants: tuple[str, ...] = ()
    run_only_if: Condition = Condition()
    caps: StepCaps = StepCaps()
    usd_per_credit: float | None = Field(default=None, ge=0)

    @field_validator("provider")
    @classmethod
    def _known_provider(cls, name: str) -> str:
        if name not in PROVIDER_NAMES:
            raise ValueError(f"unknown: {name}; known providers are {', '.join(PROVIDER_NAMES)}")
        return name

    @field_validator("wants")
    @classmethod
    def _known_fields(cls, wants: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in wants if name not in FIELDS]
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; known fields are {', '.join(FIELDS)}")
        return wants

    def open_fields(
        self, offers: Collection[str], filled: Mapping[str, float], filled_at: float
    ) -> list[str]:
        """Fields the provider is still wanted for, given the surest confidence per field."""
        return [name for name in self.wants or offers if filled.get(name, 0.0) < filled_at]


class Waterfall(_Section):
    """The whole file, validated."""

    filled_at: float = Field(default=0.6, gt=0, le=1)
    budget: Budget = Budget()
    steps: tuple[Step, ...]

    @field_validator("steps")
    @classmethod
    def _offline_first_and_each_once(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        names = [step.provider for step in steps]
        twice = sorted({name for name in names if names.count(name) > 1})
        faults = [f"{', '.join(twice)} more than once"] if twice else []
        if not names or names[0] != "offline":
            faults.append("offline must be first: it is free and the others build on it")
        if faults:
            raise ValueError("; ".join(faults))
        return steps

    @property
    def version(self) -> str:
        """Content hash; part of what decides whether a row must be computed again."""
        return _version(self.model_dump_json())


@lru_cache(maxsize=8)
def _version(dumped: str) -> str:
    return content_hash(dumped)[:12]


def load_waterfall(path: Path) -> Waterfall:
    """Read and validate the file.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or has faults; all of them are listed.
    """
    try:
        return _validated(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"Waterfall {path} does not exist. Set SALES_AGENT_WATERFALL_PATH."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"Waterfall {path} is not valid YAML, {yaml_fault(error)}") from None
    except OSError as error:
        raise ConfigurationError(f"Waterfall {path} cannot be read: {error.strerror}") from None


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice: the last one would win, and it may be the higher cap."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping; raises for a key that is there twice."""
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is there twice", key.start_mark
                )
        return super().construct_mapping(node, deep)


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here; is it misspelt?",
    "model_type": "must be keys with values, such as `provider: website`",
    "tuple_type": "must be a list",
}
"""Instead of pydantic's words, where those speak of Python."""


def _told(fault: ErrorDetails, given: Any) -> str:
    """``steps.1.wants (website): ...``: where a fault is, with the provider's name, and what it is."""
    place = ".".join(map(str, fault["loc"])) or "the file"
    if place.startswith("steps."):
        step = given["steps"][fault["loc"][1]]
        name = step.get("provider") if isinstance(step, dict) else None
        place += f" ({name})" if isinstance(name, str) else ""
    words = _WORDS.get(fault["type"]) or value_fault(fault["msg"])
    return f"{place}: {words}"


@lru_cache(maxsize=4)
def _validated(path: Path, content: str) -> Waterfall:
    try:
        given = yaml.load(content, _StrictLoader)  # noqa: S506 - a SafeLoader
        return Waterfall.model_validate(given)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"Waterfall {path} is not valid YAML, {yaml_fault(error)}") from None
    except ValidationError as error:
        faults = [_told(fault, given) for fault in error.errors()]
        raise ConfigurationError(with_faults(f"Waterfall {path}", faults)) from None
