"""The local preview CRM: what a CRM would hold once everything planned were sent. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sales_agent_dagster.crm.base import CrmRecord, Fields, Value


def replay(payloads: Iterable[Fields]) -> dict[str, Value]:
    """A record's fields after its planned payloads, oldest first."""
    fields: dict[str, Value] = {}
    for payload in payloads:
        fields.update(payload)
    return fields


def record_id_of(external_key: str) -> str:
    """Id that the preview gives to a company's record."""
    return f"preview-{external_key}"


class PreviewCrm:
    """Companies as planned payloads make them.

    Args:
        planned: per company the payloads planned so far, oldest first.
    """

    name = "preview"

    def __init__(self, planned: Mapping[str, Sequence[Fields]]) -> None:
        self._planned = planned

    def lookup(self, external_keys: Sequence[str]) -> dict[str, CrmRecord]:
        """The records of these companies, by external key."""
        return {
            key: CrmRecord(record_id_of(key), key, replay(self._planned[key]))
            for key in external_keys
            if self._planned.get(key)
        }
