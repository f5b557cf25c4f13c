from __future__ import annotations

import math
from collections import Counter

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.matching.compare import Comparison
from sales_agent_dagster.matching.counts import ValueCounts, held_values, values_of
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.levels import ALTERNATIVES, FIELDS
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.matching.score import PairScore, score
from sales_agent_dagster.matching.sentences import chance
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.weigh import evidence_of
from sales_agent_dagster_tests.matching.leads import BASE, bare, lead

MODEL = load_model()
POPULATION = 10_000
OTHER = {
    "name": "Zedwick Plumbing", "phone": "415-777-0199", "website": "zedwick.example",
    "email": "zoe@zedwick.example", "contact": "Zoe Zed", "street": "9 Elm Rd",
    "city": "Oakland", "state": "CA", "zip": "94601",
}  # fmt: skip


def scored(left: NormLead, right: NormLead, counts: ValueCounts | None = None) -> PairScore:
    return score([(left, right)], MODEL, counts or ValueCounts(), POPULATION)[0]


def total(found: PairScore) -> float:
    return found.prior + math.fsum(part.bits + part.tf_bits for part in found.parts)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sets(st.sampled_from(sorted(BASE))), min_size=1, max_size=5),
    st.sets(st.sampled_from(sorted(BASE))),
)
def test_parts_add_up_to_the_total(changed: list[set[str]], missing: set[str]) -> None:
    pairs = [
        (lead(), lead("L2", **{name: OTHER[name] for name in names} | dict.fromkeys(missing, "")))
        for names in changed
    ]
    for found in score(pairs, MODEL, ValueCounts(), POPULATION):
        told = orjson.loads(orjson.dumps(found.explain()))
        parts = math.fsum(part["bits"] + part["tf_bits"] for part in told["parts"])
        assert told["prior"] + parts == pytest.approx(told["total"], abs=1e-9)
        assert told["probability"] == pytest.approx(1 / (1 + 2 ** -told["total"]))
        assert found.bits == pytest.approx(total(found), abs=1e-9)


def test_order_within_a_pair_does_not_matter() -> None:
    left, right = lead(), lead("L2", name="Quilfeather Elec", phone="312-555-0124", street="12 Oak #3")
    assert scored(left, right).bits == pytest.approx(scored(right, left).bits)


def test_the_same_firm_and_a_stranger() -> None:
    assert scored(lead(), lead("L2", name="QUILLFEATHER ELEC")).bits > MODEL.thresholds.auto
    assert scored(lead(), lead("L2", **OTHER)).bits < MODEL.thresholds.review


@pytest.mark.parametrize("field", ["name", "phone", "website", "street"])
def test_every_disagreement_lowers_the_bits(field: str) -> None:
    left = lead(email="", contact="")
    right = {"email": "", "contact": ""}
    assert (
        scored(left, lead("L2", **right, **{field: OTHER[field]})).bits
        < scored(left, lead("L2", **right)).bits - 2
    )


def test_a_value_that_many_hold_is_worth_little() -> None:
    left, right = bare(name="Quill", phone="312-555-0142"), bare("L2", name="Zed", phone="312-555-0142")
    rare = scored(left, right)
    shared = scored(left, right, ValueCounts(spread={("phone", "3125550142"): 40}))
    part, shared_part = rare.parts[1], shared.parts[1]
    assert part.field == shared_part.field == "phone"
    assert part.bits == shared_part.bits
    assert part.tf_bits > 0 > shared_part.tf_bits == pytest.approx(-math.log2(39))
    assert shared.bits < rare.bits - 4


@pytest.mark.parametrize(
    ("kind", "field"), [("token", "name"), ("city", "place"), ("contact", "contact"), ("zip", "place")]
)
def test_counts_of_the_whole_table_are_used(kind: str, field: str) -> None:
    left = lead(name="Quillfeather Electric Oak")
    right = lead("L2", name="Quillfeather Birch", zip="" if kind == "city" else "62701")
    counts = ValueCounts(leads={value: 500 for value in values_of(left) if value[0] == kind})
    few, many = (
        sum(part.bits + part.tf_bits for part in scored(left, right, c).parts if part.field == field)
        for c in (None, counts)
    )
    assert many < few - 5


@pytest.mark.parametrize("kind", ["name", "host", "email", "street"])
def test_spreads_of_the_whole_table_are_used(kind: str) -> None:
    fields = {"name": "name", "host": "website", "email": "email", "street": "street"}
    cells = {fields[kind]: BASE[fields[kind]], "zip": BASE["zip"]}
    left, right = bare(**cells), bare("L2", **cells)
    counts = ValueCounts(spread={value: 500 for value in values_of(left) if value[0] == kind})
    assert scored(left, right, counts).bits < scored(left, right).bits


@pytest.mark.parametrize(
    ("name", "web", "holders"), [((1, 300), (1, 2), 2), ((1, 300), (4, 2), 300), ((2, 300), (1, 2), 2)]
)
def test_another_branch_has_what_both_share_name_and_site(
    name: tuple[int, int], web: tuple[int, int], holders: int
) -> None:
    levels, others = np.zeros((1, len(FIELDS)), np.int8), np.ones((1, len(FIELDS)), np.float32)
    for field, (level, count) in (("name", name), ("web", web)):
        levels[0, FIELDS.index(field)], others[0, FIELDS.index(field)] = level, count
    found = evidence_of(Comparison(levels, others, np.full(others.shape, np.nan, np.float32)))
    assert found.alternatives[0, ALTERNATIVES.index("branch")] == pytest.approx(math.log2(holders))


def test_values_that_are_counted() -> None:
    assert values_of(lead()) == [
        ("name", "quillfeather electric"), ("host", "quillfeather.example"),
        ("email", "ada@quillfeather.example"), ("contact", "ada quill"), ("phone", "3125550142"),
        ("zip", "62701"), ("street", "12|oak|627"), ("city", "springfield|IL"),
        ("token", "quillfeather"), ("token", "electric"),
    ]  # fmt: skip
    assert values_of(NormLead("L1")) == []


NEAR = {
    "name": "Quillfeather Electric", "website": "", "email": "", "contact": "", "street": "", "zip": "",
}  # fmt: skip
MOVED = {"street": "980 Elm Street", "city": "Elmville", "state": "IL", "zip": "60601"}
BRANCH = {
    "phone": "217-777-0100",
    "city": "Peoria",
    "zip": "61602",
    "street": "9 Elm Rd",
    "email": "",
    "contact": "",
}


def test_a_branch_is_vetoed_by_name_and_related() -> None:
    found = scored(lead(), lead("L2", **BRANCH))
    assert found.veto is not None
    assert found.relation == "branch"
    assert found.veto in found.sentence()
    assert found.explain()["veto"] == found.veto


@pytest.mark.parametrize(
    "agreement",
    [{"phone": BASE["phone"]}, {"city": "Springfield", "zip": "62701"},
     {"email": BASE["email"]}, {"street": BASE["street"]}],
)  # fmt: skip
def test_agreement_on_anything_else_lifts_the_veto(agreement: dict[str, str]) -> None:
    assert scored(lead(), lead("L2", **(BRANCH | agreement))).veto is None


NEIGHBOUR = {"name": "Oakenshaw Plumbing", "phone": "(312) 555-0143", "website": "oakenshaw.example",
    "email": "", "contact": "Bo Oak", "street": "9 Elm Rd"}  # fmt: skip


def test_neighbours_in_a_list_of_numbers_are_not_asked_about() -> None:
    assert scored(lead(), lead("L2", **NEIGHBOUR)).veto is not None


@pytest.mark.parametrize(
    "agreement",
    [{"phone": BASE["phone"]}, {"name": "Quillfeather Plumbing"}, {"website": BASE["website"]},
     {"name": "Feather Electric"},
     {"email": "bo@quillfeather.example"}, {"contact": BASE["contact"]}],
)  # fmt: skip
def test_a_phone_one_digit_off_and_anything_else_is_weighed(agreement: dict[str, str]) -> None:
    assert scored(lead(), lead("L2", **(NEIGHBOUR | agreement))).veto is None


@pytest.mark.parametrize("unit", ["", ", Suite 9"])
def test_tenants_of_one_building_have_numbers_in_a_row(unit: str) -> None:
    tenant = NEIGHBOUR | {"street": BASE["street"] + unit}
    assert scored(lead(), lead("L2", **tenant)).veto is not None


@pytest.mark.parametrize(
    ("bits", "told"),
    [(-0.3, "45 %"), (6.0, "98 %"), (6.8, "99.11 %"), (20.0, "99.9999 %"), (-400.0, "0.0000 %")],
)
def test_a_chance_has_decimals_only_near_certainty(bits: float, told: str) -> None:
    assert chance(bits) == told


def test_a_name_that_many_places_hold_is_a_franchise() -> None:
    counts = ValueCounts(spread={("host", "quillfeather.example"): 9})
    assert scored(lead(), lead("L2", **BRANCH), counts).relation == "franchise"


def test_sister_firms_share_head_word_town_and_contact() -> None:
    left = bare(name="Quillfeather Electric", city="Springfield", state="IL", contact="Ada Quill")
    right = bare("L2", name="Quillfeather Plumbing", city="Springfield", state="IL", contact="Ada Quill")
    assert scored(left, right).relation == "sister"
    assert scored(left, bare("L2", name="Zed Plumbing", city="Springfield", state="IL")).relation is None


def test_the_sentence_tells_parts_prior_and_chance() -> None:
    found = scored(
        bare(name="Quill Oak", phone="312-555-0142"), bare("L2", name="Quil Oak", phone="312-555-0143")
    )
    assert found.sentence().startswith("name alike 0.9")
    assert "phone one digit off (+" in found.sentence()
    assert f"prior ({found.prior:+.1f}) = {found.bits:.1f} bits, " in found.sentence()
    assert found.sentence().endswith(" %")
    assert found.explain()["model"] == MODEL.version


def test_nothing_to_score() -> None:
    assert score([], MODEL, ValueCounts(), POPULATION) == []


@given(st.lists(st.tuples(st.text("ab ", max_size=6), *[st.sampled_from(["", "1", "2"])] * 7), max_size=6))
def test_values_are_counted_over_a_table_as_lead_by_lead(rows: list[tuple[str, ...]]) -> None:
    leads = []
    for number, (name, phone, phone_2, host, email, contact, street, city) in enumerate(rows):
        words = {"name": " ".join(name.split()), "core": " ".join(name.split())}
        places = {"street": street, "street_no": phone, "city": city, "state": host, "zip5": email}
        webs = {"host": host, "email": email, "contact": contact, "phone": phone, "phone_2": phone_2}
        leads.append(NormLead(f"L{number}", **words, **places, **webs))
    expected = Counter(value for one in leads for value in values_of(one))
    table = LeadTable.of([*leads, NormLead("none", alias="other name")])
    found = [
        ((kind, value), held)
        for kind, values, holders in held_values(table)
        for value, held in zip(values.to_pylist(), holders.tolist(), strict=True)
    ]
    assert len(found) == len(expected)
    assert dict(found) == expected
