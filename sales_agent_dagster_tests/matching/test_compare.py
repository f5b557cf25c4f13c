from __future__ import annotations

import numpy as np
import pytest

from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.facts import PLATFORM_FROM, Facts
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.levels import FIELDS, LEVELS
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster_tests.matching.leads import bare, lead


def levels(left: NormLead, right: NormLead, *others: NormLead) -> dict[str, str]:
    facts = Facts(LeadTable.of([left, right, *others]), 1000)
    found = compare(facts, np.array([0], np.int32), np.array([1], np.int32)).levels[0]
    return {name: LEVELS[name][level] for name, level in zip(FIELDS, found, strict=True)}


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("Quill Electric LLC", "Electrical, Quill", "equal"),
        ("Sun Power Oakton", "SunPower Oakton", "equal"),
        ("Quillfeather Electric", "Quilfeather Electric", "alike"),
        ("Quillfeather Electric", "Quillfeather Elec", "equal"),
        ("Quillfeather Restoratio", "Quillfeather Restoration", "alike"),
        ("Quillfeather Electric & Plumbing", "Quillfeather", "contained"),
        ("Quillfeather IP Assets B.V.", "Quillfeather", "related"),
        ("Quillfeather Electric Holding", "Quillfeather Holding", "contained"),
        ("Quillfeather Oakton Cedarwood", "Quillfeather Oakton Electric", "overlapping"),
        ("Quillfeather Oakton", "Quillfeather Cedar Birchwood", "related"),
        ("Quillfeather Heating", "Zedwick Heating", "different"),
        ("Brandt Plumbing", "Brends Plumbing", "related"),
        ("Bradt Plumbing", "Brandt Plumbing", "alike"),
        ("Zed Al", "Zed Alwright", "related"),
        ("Zed Alw", "Zed Alwright", "alike"),
        ("Zed LLC dba Quill Oak", "Quill Oak Inc", "equal"),
        ("Zed LLC dba Quill Oak", "Zed", "equal"),
        ("Zed LLC dba Quill Oak", "Zed Inc dba Cedar Birch", "equal"),
        ("Quill", "", "unknown"),
    ],
)
def test_names(left: str, right: str, level: str) -> None:
    assert levels(bare(name=left), bare(name=right))["name"] == level
    assert levels(bare(name=right), bare(name=left))["name"] == level


@pytest.mark.parametrize(
    ("field", "left", "right", "level"),
    [
        ("phone", {"phone": "312-555-0142"}, {"phone": "312.555.0142"}, "equal"),
        ("phone", {"phone": "312-555-0142"}, {"phone": "312-555-0199", "phone_2": "312-555-0142"}, "equal"),
        ("phone", {"phone": "312-555-0142/312-555-0177"}, {"phone": "415-555-0199/312-555-0177"}, "equal"),
        ("phone", {"phone": "312-555-0142"}, {"phone": "312-555-0143"}, "one digit off"),
        ("phone", {"phone": "312-555-0142"}, {"phone": "312-555-0124"}, "one digit off"),
        ("phone", {"phone": "312-555-0142"}, {"phone": "800-555-0199"}, "other, toll-free"),
        ("phone", {"phone": "312-555-0142"}, {"phone": "312-777-0199"}, "other, same area"),
        ("phone", {"phone": "312-555-0142"}, {"phone": "415-777-0199"}, "other area"),
        ("phone", {"phone": "312-555-0142"}, {}, "unknown"),
        ("web", {"website": "quill.example"}, {"email": "a@quill.example"}, "equal"),
        ("web", {"website": "quilloak.example"}, {"website": "quilloak.invalid"}, "alike"),
        ("web", {"website": "quillfeather.example"}, {"website": "quilfeather.example"}, "alike"),
        ("web", {"website": "quillfeather.example"}, {"website": "quillfeatheroak.example"}, "related"),
        ("web", {"website": "quill.example"}, {"website": "zed.example"}, "different"),
        ("web", {"website": "facebook.com/quill"}, {"website": "fb.com/x"}, "different"),
        ("web", {"website": "facebook.com/quill"}, {"website": "http://facebook.com/quill/"}, "equal"),
        ("email", {"email": "a@quill.example"}, {"email": "A@quill.example"}, "equal"),
        ("email", {"email": "ada.quill@quill.example"}, {"email": "ada.quil@quill.example"}, "alike"),
        ("email", {"email": "ada@quill.example"}, {"email": "office@quill.example"}, "same domain"),
        ("email", {"email": "ada@quill.example"}, {"email": "zed999@gmail.com"}, "different"),
        ("email", {"email": "adaquill@gmail.com"}, {"email": "zed999@gmail.com"}, "different"),
        ("email", {"email": "ada@quill.example"}, {"email": "zed@oak.example"}, "other domain"),
        ("linkedin", {"linkedin": "quill-oak-12"}, {"linkedin": "linkedin.com/company/quill-oak"}, "equal"),
        ("linkedin", {"linkedin": "quillfeather-oak"}, {"linkedin": "quillfeather-oaks"}, "alike"),
        ("linkedin", {"linkedin": "quillfeather"}, {"linkedin": "zed"}, "different"),
        ("street", {"street": "12 Oak St"}, {"street": "12 N Oak Avenue"}, "equal"),
        ("street", {"street": "12 Oak St #4"}, {"street": "12 Oak St"}, "equal"),
        ("street", {"street": "12 Oak St #4"}, {"street": "12 Oak St Suite 5"}, "other unit"),
        ("street", {"street": "12 Cedarwood St"}, {"street": "12 Cedarwod St"}, "alike"),
        ("street", {"street": "123 Oak St"}, {"street": "124 Oak St"}, "alike"),
        ("street", {"street": "12 Oak St"}, {"street": "977 Oak St"}, "same street"),
        ("street", {"street": "12 Oak St"}, {"street": "12 Elm St"}, "different"),
        ("street", {"street": "Oak St"}, {"street": "Oak St"}, "same street"),
        (
            "street",
            {"street": "12 Oak St", "city": "Oakton"},
            {"street": "12 Oak St", "city": "Elmville"},
            "alike",
        ),
        (
            "street",
            {"street": "12 Oak St", "city": "Oakton", "zip": "62701"},
            {"street": "12 Oak St", "city": "Elmville", "zip": "62702"},
            "equal",
        ),
        ("street", {"street": "7 Oak St"}, {"street": "Oak St"}, "same street"),
        ("street", {"street": "12 Ridge Road"}, {"street": "12 E RIDGE RD"}, "equal"),
        ("street", {"street": "PO Box 12"}, {"street": "12 Elm St"}, "unknown"),
        ("street", {"street": "PO Box 12"}, {"street": "PO Box 12"}, "equal"),
        ("place", {"city": "Oakton", "zip": "62701"}, {"city": "OAKTON", "zip": "62701-1"}, "same city"),
        ("place", {"city": "Oakton", "zip": "62701"}, {"city": "OAKTON", "zip": "62701-1234"}, "equal"),
        ("place", {"city": "Springfield"}, {"city": "Sprngfield"}, "same city"),
        ("place", {"city": "Oakton", "state": "IL"}, {"city": "Oakton", "state": "OH"}, "other state"),
        ("place", {"city": "Oakton", "zip": "62701"}, {"city": "Elmville", "zip": "62701"}, "same zip"),
        ("place", {"city": "Oakton", "zip": "62701"}, {"city": "Elmville", "zip": "62799"}, "near"),
        ("place", {"city": "Oakton", "state": "IL"}, {"city": "Elmville", "state": "IL"}, "other town"),
        ("place", {"city": "Oakton"}, {"city": "Elmville", "state": "IL"}, "other town"),
        ("place", {"zip": "62701"}, {"zip": "10001"}, "other town"),
        ("place", {"city": "Oakton", "state": "IL"}, {"state": "IL"}, "unknown"),
        ("place", {"state": "IL"}, {"state": "IL"}, "unknown"),
        ("contact", {"contact": "Ada Quill"}, {"contact": "Quill, Ada"}, "equal"),
        ("contact", {"contact": "Adaline Quill"}, {"contact": "Adalin Quill"}, "alike"),
        ("contact", {"contact": "Ada Quill"}, {"contact": "Zoe Zed"}, "different"),
    ],
)  # fmt: skip
def test_fields(field: str, left: dict[str, str], right: dict[str, str], level: str) -> None:
    assert levels(bare(**left), bare(**right))[field] == level
    assert levels(bare(**right), bare(**left))[field] == level


def platform(count: int) -> list[NormLead]:
    return [
        bare(
            name=f"Firm{number} Oak", website=f"pages.example/f{number}", phone=f"312-600-{number:04}",
            city=f"Town{chr(97 + number)}",
        )
        for number in range(count)
    ]  # fmt: skip


def test_pages_tell_firms_apart_on_a_host_that_many_share() -> None:
    left, right = bare(website="pages.example/quill"), bare(website="pages.example/zed")
    assert levels(left, right)["web"] == "equal"
    assert levels(left, right, *platform(PLATFORM_FROM))["web"] in ("alike", "related", "different")
    same = bare(website="https://www.pages.example/quill/")
    assert levels(left, same, *platform(PLATFORM_FROM))["web"] == "equal"


def test_other_holders_of_what_two_leads_agree_on() -> None:
    leads = [
        lead("L1"), lead("L2", name="Zed Oak", city="Oakton", phone="312-555-0142"),
        lead("L3", name="Elm Cedar", city="Elmville"),
    ]  # fmt: skip
    facts = Facts(LeadTable.of(leads), 1000)
    found = compare(facts, np.array([0], np.int32), np.array([1], np.int32))
    assert found.others[0, FIELDS.index("phone")] == 2
    assert found.others[0, FIELDS.index("web")] == 0
    facts = Facts(LeadTable.of(leads[:1] * 2), 1000)
    found = compare(facts, np.array([0], np.int32), np.array([1], np.int32))
    assert found.others[0].tolist() == [0, 0, 0, 0, 1, 0, 1, 1]


def test_no_pairs_are_no_levels() -> None:
    empty = np.zeros(0, np.int32)
    assert compare(Facts(LeadTable.of([lead()]), 10), empty, empty).levels.shape == (0, len(FIELDS))


def test_an_address_elsewhere_says_nothing_of_how_many_are_there() -> None:
    cells = {"street": "12 Oak St", "state": "IL"}
    rows = [bare(f"L{n}", name=f"Quill{chr(97 + n) * 3}", city="Oakton", **cells) for n in range(6)]
    facts = Facts(LeadTable.of([*rows, bare("X", name="Zed", city="Elmville", **cells)]), 1000)
    compared = compare(facts, np.array([0, 0], np.int32), np.array([1, 6], np.int32))
    street = FIELDS.index("street")
    assert [LEVELS["street"][level] for level in compared.levels[:, street]] == ["equal", "alike"]
    assert compared.others[0, street] > 1 == compared.others[1, street]
