from __future__ import annotations

from sales_agent_dagster.crm.base import CrmRecord
from sales_agent_dagster.crm.preview import PreviewCrm, record_id_of, replay


def test_replay_applies_payloads_in_order():
    assert replay([{"company": "Acme", "city": "Akron"}, {"city": "Kent"}]) == {
        "company": "Acme",
        "city": "Kent",
    }
    assert replay([]) == {}


def test_lookup_finds_companies_with_planned_payloads_only():
    crm = PreviewCrm({"E1": [{"company": "Acme"}, {"city": "Kent"}], "E2": []})
    assert crm.name == "preview"
    assert crm.lookup(["E1", "E2", "E3"]) == {
        "E1": CrmRecord("preview-E1", "E1", {"company": "Acme", "city": "Kent"})
    }
    assert crm.lookup([]) == {}


def test_record_ids_tell_companies_apart():
    assert record_id_of("E1") != record_id_of("E2")
