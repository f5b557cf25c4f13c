"""What calls cost: a dated price list, and estimates from it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.domain.errors import ConfigurationError, value_faults
from sales_agent_dagster.domain.yaml_text import read_yaml, yaml_fault

BUILT_IN = Path(__file__).with_name("prices.yaml")
PER = 1_000_000
"""Prices are for this many tokens."""

_log = logging.getLogger(__name__)

_Rate = Annotated[float, Field(ge=0)]


class Price(BaseModel):
    """US dollars per million tokens: input, input from the provider's cache, output with its reasoning."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    input: _Rate
    cached: _Rate
    output: _Rate

    def of(self, usage: Usage) -> float:
        """US dollars for these tokens."""
        fresh = usage.prompt - usage.cached
        return (fresh * self.input + usage.cached * self.cached + usage.completion * self.output) / PER


class DatedPrice(Price):
    """A price and the first UTC date it holds for."""

    since: date


class _PriceFile(BaseModel):
    """What a file of one's own may say."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    models: dict[str, Annotated[list[DatedPrice], Field(min_length=1)]] = {}
    unknown_model: Price | None = None


class _WholePriceFile(_PriceFile):
    """What the built-in file says."""

    unknown_model: Price


FileT = TypeVar("FileT", bound=_PriceFile)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost.

    Attributes:
        price_date: date since which its price applies, ISO 8601; None when the model is in no list.
    """

    usd: float
    price_date: str | None


class PriceList:
    """Prices by model and date.

    Args:
        models: prices of each model, in any order.
        unknown_model: taken for every other model, so that budgets never count with nothing.
    """

    def __init__(self, models: Mapping[str, Sequence[DatedPrice]], unknown_model: Price) -> None:
        self._models = {
            model: sorted(prices, key=lambda price: price.since, reverse=True)
            for model, prices in models.items()
        }
        self.unknown_model = unknown_model
        self._warned: set[str] = set()

    def price(self, model: str, day: date) -> DatedPrice | None:
        """The model's price on a UTC date, its oldest one before that; None for an unknown model.

        The first question about an unknown model logs a warning.
        """
        prices = self._models.get(model)
        if prices is None:
            self._warn(model)
            return None
        return next((price for price in prices if price.since <= day), prices[-1])

    def cost(self, model: str, usage: Usage, day: date) -> Cost:
        """Cost of tokens that were billed on a UTC date; an unknown model's is an assumption."""
        price = self.price(model, day)
        if price is None:
            return Cost(self.unknown_model.of(usage), None)
        return Cost(price.of(usage), price.since.isoformat())

    def estimate(self, model: str, prompt_tokens: int, max_completion_tokens: int, day: date) -> float:
        """The most that a request can cost, US dollars: nothing cached, the longest answer allowed."""
        return self.cost(model, Usage(prompt=prompt_tokens, completion=max_completion_tokens), day).usd

    def _warn(self, model: str) -> None:
        if model not in self._warned:
            self._warned.add(model)
            _log.warning(
                "No price is known for model %s: its spend is an assumption of $%g per million input and $%g "
                "per million output tokens. Add its price to a file and set SALES_AGENT_PRICES_PATH.",
                model,
                self.unknown_model.input,
                self.unknown_model.output,
            )


def load_prices(path: Path | None = None) -> PriceList:
    """The built-in price list, corrected and extended by the file at ``path``.

    Raises:
        ConfigurationError: the file cannot be read or is malformed.
    """
    built_in = _read(BUILT_IN, _WholePriceFile)
    own = _read(path, _PriceFile) if path else _PriceFile()
    return PriceList({**built_in.models, **own.models}, own.unknown_model or built_in.unknown_model)


def _read(path: Path, kind: type[FileT]) -> FileT:
    try:
        return kind.model_validate(read_yaml(path.read_text(encoding="utf-8")))
    except OSError as error:
        fault = error.strerror or str(error)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        fault = f"is not valid YAML, {yaml_fault(error)}"
    except ValidationError as error:
        fault = "; ".join(value_faults(error, "file"))
    raise ConfigurationError(f"SALES_AGENT_PRICES_PATH {path}: {fault}")
