"""Who owns each field: one YAML file that users edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from sales_agent_dagster.crm.fields import FIELDS, FieldType, Kind
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.yaml_text import read_yaml, yaml_fault


class Rule(StrEnum):
    """Who wins, per field."""

    PIPELINE = "pipeline"
    CRM = "crm"
    NEWEST = "newest"
    FILL_IF_EMPTY = "fill_if_empty"
    APPEND_ONLY = "append_only"
    NEVER = "never"


COMPANIONS = ("sync_hash", "last_enriched_at", "source_run")
"""Fields of a company that travel with a change and never cause one; they have no rule."""

RULED = {
    kind: tuple(
        name
        for name, field in FIELDS[kind].items()
        if not field.readable_only and not (kind is Kind.COMPANY and name in COMPANIONS)
    )
    for kind in (Kind.COMPANY, Kind.CONTACT)
}
"""Fields that must have a rule, by kind."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """The rules of all fields.

    Attributes:
        version: hash of the rules.
    """

    rules: Mapping[Kind, Mapping[str, Rule]]
    version: str


def load_ownership(path: Path) -> Ownership:
    """Read and check the rules.

    Raises:
        ConfigurationError: the file is missing or wrong; the message lists every fault at once.
    """
    try:
        document = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read ({error.strerror}). Set SALES_AGENT_CRM_RULES_PATH."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid YAML, {yaml_fault(error)}.") from None
    if faults := list(_faults(document)):
        raise ConfigurationError(f"{path} is wrong:\n  " + "\n  ".join(faults))
    rules = {
        kind: {name: Rule(document[kind.value][name]) for name in names} for kind, names in RULED.items()
    }
    return Ownership(rules, content_hash({kind.value: dict(some) for kind, some in rules.items()}))


def _faults(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "it must hold the sections company and contact"
        return
    known = [kind.value for kind in RULED]
    for name in document.keys() - set(known):
        yield f"{name}: no such section; known are {', '.join(known)}"
    for kind in RULED:
        section = document.get(kind.value)
        if isinstance(section, dict):
            yield from _section_faults(kind, section)
        else:
            yield f"{kind.value}: the section is missing"


def _section_faults(kind: Kind, section: dict[Any, Any]) -> Iterator[str]:
    for name in RULED[kind]:
        if name not in section:
            yield f"{kind.value}.{name}: has no rule"
    for name, rule in section.items():
        if name not in RULED[kind]:
            yield f"{kind.value}.{name}: no field that can be sent"
        elif rule not in tuple(Rule):
            yield f"{kind.value}.{name}: {rule!r} is no rule; known are {', '.join(Rule)}"
        elif rule == Rule.APPEND_ONLY and FIELDS[kind][name].type is not FieldType.LIST:
            yield f"{kind.value}.{name}: append_only is for lists"
