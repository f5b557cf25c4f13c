"""The seam to a CRM. Today only the local preview is behind it; real connectors come here later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Value = str | float
Fields = Mapping[str, Value]
"""A record's fields by our names (``mapping.FIELD_LENGTHS``): text or number, never empty."""


@dataclass(frozen=True, slots=True)
class CrmRecord:
    """A record as the CRM holds it.

    Attributes:
        record_id: the CRM's own id.
        external_key: our id of the company, kept in the CRM so that no record is created twice.
    """

    record_id: str
    external_key: str
    fields: Fields


class Connector(Protocol):
    """What planning needs of a CRM: to read. Writing is the outbox's business."""

    name: str

    def lookup(self, external_keys: Sequence[str]) -> dict[str, CrmRecord]:
        """The records of these companies that the CRM has, by external key."""
        ...
