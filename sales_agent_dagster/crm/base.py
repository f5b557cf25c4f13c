"""A company as the local preview plans it; what other CRMs hold is in ``crm.contract``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Value = str | float
Fields = Mapping[str, Value]
"""A record's fields by our names (``mapping.FIELD_LENGTHS``): text or number, never empty."""


@dataclass(frozen=True, slots=True)
class CrmRecord:
    """A company as the preview holds it.

    Attributes:
        record_id: the preview's id.
        external_key: our id of the company.
    """

    record_id: str
    external_key: str
    fields: Fields
