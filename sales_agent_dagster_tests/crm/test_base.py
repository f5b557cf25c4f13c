from __future__ import annotations

import dataclasses

import pytest

from sales_agent_dagster.crm.base import CrmRecord


def test_records_cannot_be_changed_behind_a_plan():
    record = CrmRecord("record-1", "E1", {"company": "Acme"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.external_key = "E2"  # type: ignore[misc]
