from __future__ import annotations

import numpy as np
import pytest

from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.facts import CHAIN_FROM, SPELLINGS, Facts
from sales_agent_dagster.matching.levels import FIELDS
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster_tests.matching.leads import BASE, lead

CHAIN = {"phone": "800-555-0142", "email": "ada@quillfeather.example", "linkedin": "quillfeather",
    "contact": "Ada Quill", "website": BASE["website"]}  # fmt: skip


@pytest.mark.parametrize("towns", [CHAIN_FROM - 1, CHAIN_FROM])
def test_what_all_branches_of_a_chain_share_tells_no_two_apart(towns: int) -> None:
    cities = [f"Town{chr(97 + number)}" for number in range(towns)]
    branches = [lead(f"L{n}", **(CHAIN | {"city": c, "zip": "", "street": ""}))
                for n, c in enumerate(cities)]  # fmt: skip
    facts = Facts(LeadTable.of(branches), 5000)
    compared = compare(facts, np.array([0], np.int32), np.array([1], np.int32))
    levels = dict(zip(FIELDS, compared.levels[0].tolist(), strict=True))
    agreed = int(towns < CHAIN_FROM)
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
    assert facts.name_spread[table.core[0]] == 12 // SPELLINGS
    assert facts.host_spread[table["host"].codes[0]] == 12 // SPELLINGS
    assert facts.email_spread[table["email"].codes[0]] == 12 // SPELLINGS
    assert facts.phone_spread[facts.phones.codes[0]] == 12 // SPELLINGS
