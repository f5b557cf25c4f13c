from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.crm.base import CrmRecord, Fields
from sales_agent_dagster.crm.mapping import FIELD_LENGTHS
from sales_agent_dagster.crm.plan import Operation, RecordPlan, plan_record
from sales_agent_dagster.crm.preview import replay

TEXT = st.text(alphabet="abc", min_size=1, max_size=3)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "company": TEXT,
        "city": TEXT,
        "brands": st.lists(TEXT, min_size=1, max_size=4, unique=True).map(", ".join),
        "score": st.floats(0, 100),
    },
)


def record(fields: Fields) -> CrmRecord:
    return CrmRecord("record-1", "E1", fields)


def test_a_company_the_crm_does_not_have_is_created():
    assert plan_record({"company": "Acme", "score": 60.0}, None) == RecordPlan(
        Operation.CREATE,
        {"company": "Acme", "score": 60.0},
        {"company": {"before": None, "after": "Acme"}, "score": {"before": None, "after": 60.0}},
        "The CRM has no record of the company.",
    )


def test_an_update_sends_what_differs_and_says_before_and_after():
    plan = plan_record(
        {"company": "Acme", "score": 60.0, "city": "Akron"}, record({"company": "Acme", "score": 55.0})
    )
    assert plan == RecordPlan(
        Operation.UPDATE,
        {"score": 60.0, "city": "Akron"},
        {"score": {"before": 55.0, "after": 60.0}, "city": {"before": None, "after": "Akron"}},
        "record-1 differs in: score, city.",
    )


def test_what_the_crm_has_already_is_not_sent():
    plan = plan_record({"company": "Acme"}, record({"company": "Acme", "city": "Akron"}))
    assert plan == RecordPlan(Operation.UNCHANGED, {}, {}, "record-1 already says all of it.")


def test_lists_gain_items_and_lose_none():
    plan = plan_record({"brands": "Kohler, Cummins"}, record({"brands": "Generac, Kohler"}))
    assert plan.payload == {"brands": "Generac, Kohler, Cummins"}
    assert plan_record({"brands": "Kohler"}, record({"brands": "Generac, Kohler"})).payload == {}


def test_a_joined_list_stays_within_the_field():
    held = ", ".join(f"Brand{number}" for number in range(200))[: FIELD_LENGTHS["brands"]]
    plan = plan_record({"brands": "Zeta" * 10}, record({"brands": held}))
    assert all(len(str(value)) <= FIELD_LENGTHS["brands"] for value in plan.payload.values())


@given(FIELDS, FIELDS)
def test_after_the_plan_nothing_is_left_to_do_and_nothing_was_blanked(wanted: Fields, held: Fields):
    plan = plan_record(wanted, record(held))
    after = replay([held, plan.payload])
    assert held.keys() <= after.keys()
    assert all(value not in (None, "") for value in after.values())
    assert plan_record(wanted, record(after)).operation is Operation.UNCHANGED
    assert {name: change["after"] for name, change in plan.diff.items()} == plan.payload
    assert {name: change["before"] for name, change in plan.diff.items()} == {
        name: held.get(name) for name in plan.payload
    }
