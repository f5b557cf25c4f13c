"""The weights of linkage as a versioned JSON document.

A pair of leads is explained in one of several ways: they are the same firm (*match*), they are strangers, or
one of the *alternatives*, which agree on much without being the same: a branch or franchise of one brand, two
tenants of one building, two users of one phone, sister firms. Each way gives every level of every field a
probability; the odds are the match's over the sum of the others' (Fellegi and Sunter 1969, with a mixture of
non-matches).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from sales_agent_dagster.domain.errors import ConfigurationError, value_faults
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.matching.levels import ALTERNATIVES, FIELDS, LEVELS, LONE, SLOTS, SPREADING
from sales_agent_dagster.matching.normalise import NORM_VERSION

Positive = Annotated[float, Field(gt=0, lt=1e9)]


class FieldWeights(BaseModel):
    """What one field's levels are worth.

    Attributes:
        m: level to its probability among matches where the field is known.
        u: level to its probability among strangers. For agreement on a value (``VALUED``) it is the
            expected number of other leads, of the whole table, that agree as much by chance, per lead that
            holds the value.
        u_lone: the same for an equal value that no other firm seems to hold.
        share: level to its share among the matches that the model finds where it was trained: what
            ``train`` compares a table with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    m: dict[str, Positive]
    u: dict[str, Positive]
    u_lone: Positive | None = None
    share: dict[str, Positive]


class Alternative(BaseModel):
    """One way in which leads agree on much without being the same firm.

    Attributes:
        rate: expected leads of this kind per lead and holder of the shared value.
        levels: field to level to its probability.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    rate: Positive
    levels: dict[str, dict[str, Positive]]


class Thresholds(BaseModel):
    """Bits from which something is done.

    Attributes:
        same: best estimate: from here two leads are one firm more likely than not.
        auto: merged without a person's look.
        review: shown to a person.
        gap: how much better the best entity must be than the second to be merged without a look.
        write: merged without a look where the outcome is written into a CRM.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    same: float
    auto: float
    review: float
    gap: float
    write: float

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if not self.review <= self.same <= self.auto <= self.write:
            raise ValueError("review <= same <= auto <= write does not hold")
        return self


class LinkageModel(BaseModel):
    """Everything that turns compared leads into bits.

    Attributes:
        version: changes with every change of a figure; of trained ones a hash of them.
        norm_version: version of the normalisation it was trained on.
        trained_on: what the figures come from, for people.
        matches_per_lead: expected matching pairs per lead.
        usual_repeats: ``repeats.usual_repeats`` of the lists it was trained on, where a list with more of
            them has as many more matches per lead; None where other fields tell which equal names match.
        chains: one pair is enough to join two groups of leads; else the groups must agree on the whole.
        report: of the training, for people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: str
    norm_version: str
    trained_on: str
    matches_per_lead: Positive
    fields: dict[str, FieldWeights]
    alternatives: dict[str, Alternative]
    thresholds: Thresholds
    usual_repeats: float | None = Field(default=None, gt=1)
    chains: bool = False
    report: dict[str, Any] = Field(default_factory=dict)
    _weights: Weights | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _complete(self) -> LinkageModel:
        if set(self.fields) != set(FIELDS):
            raise ValueError(f"fields must be {', '.join(FIELDS)}")
        if set(self.alternatives) != set(ALTERNATIVES):
            raise ValueError(f"alternatives must be {', '.join(ALTERNATIVES)}")
        for name, weights in self.fields.items():
            tables = [weights.m, weights.u, weights.share]
            tables += [alternative.levels.get(name, {}) for alternative in self.alternatives.values()]
            if any(set(table) != set(LEVELS[name][1:]) for table in tables):
                raise ValueError(
                    f"field {name} must have the levels {', '.join(LEVELS[name][1:])} everywhere"
                )
            if (weights.u_lone is not None) != (name in SPREADING):
                raise ValueError(f"u_lone belongs to {', '.join(SPREADING)} and to no other field")
        return self

    def refitted(self, changes: Mapping[str, Any], trained_on: str) -> LinkageModel:
        """The model with other figures, and a ``version`` of their own that follows from them."""
        found = LinkageModel.model_validate(dict(self) | dict(changes) | {"trained_on": trained_on})
        figures = found.model_dump(mode="json", exclude={"version", "trained_on", "report"})
        return found.model_copy(update={"version": content_hash(figures)[:12]})

    def expecting(self, factor: float) -> LinkageModel:
        """The model with ``factor`` times as many matches per lead."""
        found = self.matches_per_lead * factor
        return LinkageModel.model_validate(dict(self) | {"matches_per_lead": found})

    def linking_from(self, bits: float) -> LinkageModel:
        """The model with another ``thresholds.same``, no lower than what is shown to a person.

        With ``chains`` it is ``thresholds.auto`` as well: in a list of mentions nobody looks at each.
        """
        found = min(max(bits, self.thresholds.review), self.thresholds.auto)
        changed = {"same": found} | ({"auto": found} if self.chains else {})
        return self.model_copy(update={"thresholds": self.thresholds.model_copy(update=changed)})

    @property
    def weights(self) -> Weights:
        """The figures as arrays, made once."""
        if self._weights is None:
            self._weights = Weights(self)
        return self._weights


class Weights:
    """A model's figures as log2 tables by slot: ``SLOTS`` slots per field, one per level and ``LONE``.

    Attributes:
        match, stranger: one figure per slot.
        others: alternatives by slots.
        rates: log2 of the alternatives' rates.
        prior: log2 of matches per lead.
    """

    def __init__(self, model: LinkageModel) -> None:
        self.match = _table({name: weights.m for name, weights in model.fields.items()})
        self.stranger = _table({name: weights.u for name, weights in model.fields.items()})
        for number, name in enumerate(FIELDS):
            lone = model.fields[name].u_lone
            if lone is not None:
                self.stranger[number * SLOTS + LONE] = np.log2(lone)
        self.others = np.stack([_table(model.alternatives[name].levels) for name in ALTERNATIVES])
        self.rates = np.log2([model.alternatives[name].rate for name in ALTERNATIVES])
        self.prior = float(np.log2(model.matches_per_lead))


def _table(figures: dict[str, dict[str, float]]) -> NDArray[np.float64]:
    table = np.zeros(len(FIELDS) * SLOTS)
    for number, name in enumerate(FIELDS):
        for level, text in enumerate(LEVELS[name][1:], 1):
            table[number * SLOTS + level] = np.log2(figures[name][text])
    return table


def load_model(path: Path | None = None, *, by_name: bool = False) -> LinkageModel:
    """The model in a file, or the one that is shipped: ``by_name`` for lists without places and phones.

    Raises:
        ConfigurationError: the file cannot be read or is not a model; every fault is listed.
    """
    if path is not None:
        return read_model(path)
    return _shipped("names_model.json" if by_name else "default_model.json")


@lru_cache(maxsize=2)
def _shipped(name: str) -> LinkageModel:
    text = files("sales_agent_dagster.matching").joinpath(name).read_text(encoding="utf-8")
    return LinkageModel.model_validate_json(text)


def read_model(path: Path) -> LinkageModel:
    """See ``load_model``."""
    try:
        model = LinkageModel.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror or error}. Give the path of a model file."
        ) from None
    except ValidationError as error:
        faults = "; ".join(value_faults(error, "document")[:10])
        raise ConfigurationError(
            f"{path} is not a linkage model: {faults}. Make one with `sales-agent dedupe train`."
        ) from None
    if model.norm_version != NORM_VERSION:
        raise ConfigurationError(
            f"{path} was made for version {model.norm_version[:20]} of the normalisation, and this is "
            f"version {NORM_VERSION}: its weights do not fit. Make one anew with `sales-agent dedupe train`."
        )
    return model
