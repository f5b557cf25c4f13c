from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.matching.base import MAX_CANDIDATES, Decision, KnownRecord, Record, entity_id_of
from sales_agent_dagster.matching.exact import CROWDED_ABOVE, MAX_EVIDENCE, NEW, ExactMatcher
from sales_agent_dagster_tests.matching.records import record

PHONE, OTHER_PHONE, TOLL_FREE = "+13305550101", "+14195550101", "+18005550101"


def resolve(*new: Record, known: tuple[KnownRecord, ...] = ()) -> list[Decision]:
    return ExactMatcher().resolve(new, known)


def known(lead: Record, entity_id: str = "E-old", founder_id: str = "L0") -> KnownRecord:
    return KnownRecord(lead, entity_id, founder_id)


def test_strangers_found_their_own_companies():
    first, second = resolve(record("L1", "Acme"), record("L2", "Zenith"))
    assert (first.entity_id, first.founder_id, first.rule) == (entity_id_of("L1"), "L1", None)
    assert (second.entity_id, second.reason, second.evidence) == (entity_id_of("L2"), NEW, {})


def test_same_phone_merges_and_says_so():
    _, second = resolve(record("L1", "Acme", phone=PHONE), record("L2", "Acme Solar", phone=PHONE))
    assert second == Decision(
        lead_id="L2",
        entity_id=entity_id_of("L1"),
        founder_id="L1",
        rule="phone",
        related_to=None,
        reason=f"Same phone {PHONE} as L1 Acme (line 1).",
        evidence={
            "merged": [
                {
                    "key": "phone",
                    "value": PHONE,
                    "lead_id": "L1",
                    "entity_id": entity_id_of("L1"),
                    "finding": "same",
                }
            ]
        },
    )


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"phone": TOLL_FREE}, "phone"),
        ({"site": "acme.example"}, "domain"),
        ({"email": "pat@gmail.com"}, "email"),
        ({"city": "Akron", "state": "OH"}, "name_place"),
    ],
)
def test_each_kind_of_key_merges(fields: dict[str, str], rule: str):
    _, second = resolve(record("L1", **fields), record("L2", "ACME ELECTRICAL INC", **fields))
    assert (second.entity_id, second.rule) == (entity_id_of("L1"), rule)


def test_any_phone_matches_any_phone():
    _, second = resolve(record("L1", phones=(OTHER_PHONE, PHONE)), record("L2", "Zenith", phones=(PHONE,)))
    assert second.rule == "phone"


def test_all_matching_keys_are_named_strongest_first():
    lead = {
        "phone": PHONE,
        "site": "acme.example",
        "email": "pat@acme.example",
        "city": "Akron",
        "state": "OH",
    }
    _, second = resolve(record("L1", **lead), record("L2", **lead))
    assert second.rule == "phone"
    assert second.reason == (
        f"Same phone {PHONE} and website acme.example and e-mail pat@acme.example and name and town "
        "as L1 Acme Electric (line 1)."
    )


def test_contradiction_goes_to_the_earliest_company_and_is_told():
    first, second, third = resolve(
        record("L1", "Acme", phone=PHONE),
        record("L2", "Zenith", site="zenith.example"),
        record("L3", "Acme", phone=PHONE, site="zenith.example"),
    )
    assert first.entity_id != second.entity_id
    assert (third.entity_id, third.rule) == (first.entity_id, "phone")
    assert third.reason == (
        f"Same phone {PHONE} as L1 Acme (line 1); its website zenith.example is also that of another "
        "company, L2 Zenith (line 2): merged into the earlier one, the two are not fused."
    )
    assert {finding["entity_id"] for finding in third.evidence["merged"]} == {
        first.entity_id,
        second.entity_id,
    }


def test_the_earliest_company_wins_even_by_a_weaker_key():
    first, _, third = resolve(
        record("L1", "Acme", site="acme.example"),
        record("L2", "Zenith", phone=PHONE),
        record("L3", "Acme", phone=PHONE, site="acme.example"),
    )
    assert (third.entity_id, third.rule) == (first.entity_id, "domain")


def test_duplicates_of_a_duplicate_join_its_company():
    first, _, third = resolve(
        record("L1", phone=PHONE),
        record("L2", phone=PHONE, site="acme.example"),
        record("L3", site="acme.example"),
    )
    assert (third.entity_id, third.founder_id) == (first.entity_id, "L1")
    assert "as L2" in third.reason


def test_known_leads_come_before_new_ones():
    old = known(record("L0", "Acme", phone=PHONE, where="line 7 of batch-0"))
    [only] = resolve(record("L9", "Acme", phone=PHONE), known=(old,))
    assert (only.entity_id, only.founder_id) == ("E-old", "L0")
    assert only.reason.endswith("as L0 Acme (line 7 of batch-0).")


def test_branches_of_one_website_are_related_not_merged():
    first, second = resolve(
        record("L1", "Voltstore of Akron", phone=PHONE, site="voltstore.example"),
        record("L2", "Voltstore of Toledo", phone=OTHER_PHONE, site="voltstore.example"),
    )
    assert (second.rule, second.related_to) == (None, first.entity_id)
    assert second.entity_id != first.entity_id
    assert second.reason == (
        "Same website voltstore.example as L1 Voltstore of Akron (line 1), but another name and "
        "area codes 419 and 330: branch or franchise, not merged."
    )


def test_a_merged_branch_keeps_its_relation_to_others_only():
    first, second, third = resolve(
        record("L1", "Voltstore of Akron", phone=PHONE, site="voltstore.example"),
        record("L2", "Voltstore of Toledo", phone=OTHER_PHONE, site="voltstore.example"),
        record("L3", "Voltstore of Toledo", phone=OTHER_PHONE, site="voltstore.example"),
    )
    assert (third.entity_id, third.rule) == (second.entity_id, "phone")
    assert third.related_to == first.entity_id
    assert {finding["entity_id"] for finding in third.evidence["related"]} == {first.entity_id}
    assert "apart" not in third.evidence


def test_a_shared_number_does_not_merge_and_says_so():
    _, second = resolve(
        record("L1", "Acme", phone=TOLL_FREE, site="acme.example"),
        record("L2", "Zenith", phone=TOLL_FREE, site="zenith.example"),
    )
    assert (second.rule, second.related_to) == (None, None)
    assert second.reason == (
        f"Same phone {TOLL_FREE} as L1 Acme (line 1), "
        "but names and websites differ: a shared one, not merged."
    )
    assert [finding["key"] for finding in second.evidence["apart"]] == ["phone"]


def test_a_name_alone_is_explained():
    _, second = resolve(record("L1", "Acme Power", phone=PHONE), record("L2", "ACME POWER", phone=TOLL_FREE))
    assert second.rule is None
    assert second.reason == (
        "Same name as L1 Acme Power (line 1), but no phone, website, e-mail or town confirms it: not merged."
    )


def test_a_host_nobody_listed_is_found_in_the_data():
    words = ["Acme", "Bolton", "Crane", "Dunlap", "Ellis", "Foster", "Grant", "Hobbs", "Irwin", "Jarvis"]
    leads = [record(f"L{number}", word, site="platform.example") for number, word in enumerate(words)]
    few, many = resolve(*leads[:CROWDED_ABOVE]), resolve(*leads[: CROWDED_ABOVE + 1])
    assert len({decision.entity_id for decision in few}) == 1
    assert len({decision.entity_id for decision in many}) == CROWDED_ABOVE + 1


def test_work_and_evidence_stay_bounded_for_a_key_that_thousands_share():
    leads = [
        record(f"L{number}", "Acme", site=f"acme{number}.example") for number in range(MAX_CANDIDATES * 20)
    ]
    decisions = resolve(*leads)
    assert len({decision.entity_id for decision in decisions}) == len(leads)
    assert max(len(decision.evidence.get("apart", ())) for decision in decisions) == MAX_EVIDENCE


def test_long_names_are_cut_in_reasons():
    _, second = resolve(record("L1", "Acme " * 100, phone=PHONE), record("L2", phone=PHONE))
    assert len(second.reason) < 200


LEADS = st.lists(
    st.builds(
        lambda name, phone, site: (name, phone, site),
        st.sampled_from(
            ["Acme Electric", "Acme Elec LLC", "Zenith Solar", "Bolton Heating", "Heating & Air"]
        ),
        st.sampled_from([None, PHONE, OTHER_PHONE, TOLL_FREE]),
        st.sampled_from([None, "acme.example", "zenith.example"]),
    ),
    max_size=12,
)


@given(LEADS, st.integers(0, 12))
def test_every_lead_has_one_explained_company_whatever_the_batches(
    leads: list[tuple[str, str | None, str | None]], cut: int
):
    records = [
        record(f"L{number}", name, phone=phone, site=site) for number, (name, phone, site) in enumerate(leads)
    ]
    whole = resolve(*records)
    founders = {decision.entity_id: decision.founder_id for decision in whole if decision.rule is None}
    assert [decision.lead_id for decision in whole] == [lead.lead_id for lead in records]
    assert all(founders[decision.entity_id] == decision.founder_id for decision in whole)
    assert all(decision.reason.endswith(".") for decision in whole)

    head = resolve(*records[:cut])
    earlier = tuple(
        KnownRecord(lead, decision.entity_id, decision.founder_id)
        for lead, decision in zip(records[:cut], head, strict=True)
    )
    tail = resolve(*records[cut:], known=earlier)
    assert [decision.entity_id for decision in (*head, *tail)] == [decision.entity_id for decision in whole]


def test_a_brand_key_adds_nothing_for_leads_of_one_name():
    lead = {"site": "voltstorecenter.example"}
    _, second = resolve(
        record("L1", "Voltstore Center Akron", **lead), record("L2", "Voltstore Center Akron", **lead)
    )
    assert (second.rule, second.related_to) == ("domain", None)
    assert second.evidence.keys() == {"merged"}
