"""A record of a CRM, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sales_agent_dagster.crm.fields import Kind

Value = str | float | bool
Fields = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the CRM holds it.

    Attributes:
        fields: by our names; absent is empty.
        modified_at: when the CRM last changed it, UTC, by the CRM's clock.
        external_key: our key in it, if it has one.
        writer: the CRM's id of who changed it last; None when it does not say.
        company_id: for all but companies, the CRM's id of the company it belongs to.
        archived: deleted or archived.
        merged_into: the record that took its place, when it was merged away.
        absorbed: ids of the records that were merged into this one, where the CRM tells that.
        url: where a person opens it.
    """

    kind: Kind
    remote_id: str
    fields: Fields
    modified_at: datetime
    external_key: str | None = None
    writer: str | None = None
    company_id: str | None = None
    archived: bool = False
    merged_into: str | None = None
    absorbed: tuple[str, ...] = ()
    url: str | None = None
