from __future__ import annotations

import numpy as np
import pytest

from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.levels import FIELDS, LEVELS
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster_tests.matching.leads import BASE, bare, lead

CHAIN = {"phone": "800-555-0142", "email": "ada@quillfeather.example", "linkedin": "quillfeather",
    "contact": "Ada Quill", "website": BASE["website"]}  # fmt: skip


@pytest.mark.parametrize("towns", [4, 5])
def test_what_all_branches_of_a_chain_share_tells_no_two_apart(towns: int) -> None:
    cities = [f"Town{chr(97 + number)}" for number in range(towns)]
    branches = [lead(f"L{n}", **(CHAIN | {"city": c, "zip": "", "street": ""}))
                for n, c in enumerate(cities)]  # fmt: skip
    facts = Facts(LeadTable.of(branches), 5000)
    compared = compare(facts, np.array([0], np.int32), np.array([1], np.int32))
    levels = dict(zip(FIELDS, compared.levels[0].tolist(), strict=True))
    agreed = int(towns < 5)
    assert [levels[name] for name in ("phone", "email", "linkedin", "contact")] == [agreed] * 4
    assert (levels["name"], levels["web"]) == (1, 1)


@pytest.mark.parametrize(
    ("places", "agreed"),
    [
        (
            [
                ("Oakton", "62701", "1 Oak St"),
                ("Elmville", "60601", "2 Elm St"),
                ("Ashby", "61801", "3 Ash St"),
            ],
            0,
        ),
        ([("Oakton", "", "1 Oak St"), ("Elmville", "", "2 Elm St"), ("Ashby", "", "3 Ash St")], 0),
        (
            [
                ("Oakton", "62701", "1 Oak St"),
                ("Oakton", "62701", "2 Elm St"),
                ("Oaktn", "62701", "3 Ash St"),
            ],
            1,
        ),
        ([("Oakton", "62701", "1 Oak St"), ("Elmville", "60601", "2 Elm St")], 1),
    ],
)
def test_three_addresses_in_as_many_towns_are_a_chains(
    places: list[tuple[str, str, str]], agreed: int
) -> None:
    rows = [lead(f"L{n}", **(CHAIN | dict(zip(("city", "zip", "street"), place, strict=True))))
            for n, place in enumerate(places)]  # fmt: skip
    misspelt = lead("X", **(CHAIN | {"name": "Quilfeather Electric", "city": "", "zip": "", "street": ""}))
    facts = Facts(LeadTable.of([*rows, misspelt]), 5000)
    left, right = np.array([0, 0], np.int32), np.array([1, len(rows)], np.int32)
    levels = compare(facts, left, right).levels
    assert [levels[:, FIELDS.index(name)].tolist() for name in ("phone", "email", "contact")] == [
        [agreed] * 2
    ] * 3


def test_towns_tell_a_chain_that_has_one_phone() -> None:
    branches = [lead(f"L{n}", **(CHAIN | {"city": f"Town{chr(97 + n)}"})) for n in range(12)]
    facts = Facts(LeadTable.of([*branches, lead("X", phone="312-555-0199", city="Oakton")]), 5000)
    table = facts.table
    assert facts.name_spread[table.core[0]] == 4
    assert facts.host_spread[table["host"].codes[0]] == 4
    assert facts.email_spread[table["email"].codes[0]] == 4
    assert facts.phone_spread[facts.phones.codes[0]] == 4


def test_an_answering_service_is_no_chain() -> None:
    """What its customers' phone says of each of them does not depend on the others' towns."""
    customers = [
        lead(f"L{n}", name=f"Quill{c}feather Works", city=f"Town{c}", zip="", street="", website="", email="")
        for n, c in enumerate("abcdefg")
    ]
    facts = Facts(LeadTable.of([*customers, customers[0]]), 5000)
    compared = compare(facts, np.array([0], np.int32), np.array([7], np.int32))
    assert LEVELS["phone"][compared.levels[0, FIELDS.index("phone")]] == "equal"


@pytest.mark.parametrize(("firms", "said"), [(7, "equal"), (8, "different")])
def test_pages_tell_firms_apart_on_a_host_that_eight_have(firms: int, said: str) -> None:
    rows = [
        lead(f"L{n}", phone=f"312-555-01{n:02}", city=f"Town{chr(97 + n)}", email="",
             website=f"portal.example/{chr(97 + n) * 9}")
        for n in range(firms)
    ]  # fmt: skip
    facts = Facts(LeadTable.of(rows), 5000)
    compared = compare(facts, np.array([0], np.int32), np.array([1], np.int32))
    assert (LEVELS["web"][compared.levels[0, FIELDS.index("web")]] == "equal") == (said == "equal")


def test_a_firm_has_two_phones_where_no_town_tells_its_places() -> None:
    rows = [bare(f"L{n}", name="Quillfeather", phone=f"312-555-01{n:02}") for n in range(5)]
    table = LeadTable.of(rows)
    assert Facts(table, 5000).name_spread[table.core[0]] == 3


def test_what_one_firm_holds_is_counted_once() -> None:
    rows = [
        bare(f"L{n}", name="Quillfeather", phone=f"312-555-01{n:02}", city=f"Town{chr(97 + n)}")
        for n in range(5)
    ]
    table = LeadTable.of(rows)
    assert Facts(table, 5000).name_spread[table.core[0]] == 5
    assert Facts(table, 5000, firms=np.ones(5, np.int32)).name_spread[table.core[0]] == 1
