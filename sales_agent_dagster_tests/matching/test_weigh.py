from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sales_agent_dagster.matching.levels import FIELDS, LEVELS
from sales_agent_dagster.matching.weigh import RELATIONS, loose, moved, related, vetoed


def levels(**named: str) -> NDArray[np.int8]:
    """One pair that agrees as named; of the other fields nothing is known."""
    found = np.zeros((1, len(FIELDS)), np.int8)
    for name, level in named.items():
        found[0, FIELDS.index(name)] = LEVELS[name].index(level)
    return found


def relation(others: dict[str, int], **named: str) -> str | None:
    counts = np.ones((1, len(FIELDS)), np.float32)
    for name, count in others.items():
        counts[0, FIELDS.index(name)] = count
    return RELATIONS[int(related(levels(**named), counts)[0])]


@pytest.mark.parametrize(
    ("phone", "place", "veto"),
    [
        ("other, same area", "near", True),
        ("other area", "other town", True),
        ("other area", "other state", True),
        ("other, toll-free", "other state", False),
        ("other area", "same zip", False),
        ("unknown", "other state", False),
    ],
)
@pytest.mark.parametrize("same", [{"name": "equal"}, {"name": "alike"}, {"web": "equal"}])
def test_namesakes_with_another_phone_in_another_town_are_vetoed(
    same: dict[str, str], phone: str, place: str, veto: bool
) -> None:
    assert vetoed(levels(**same, phone=phone, place=place)).tolist() == [veto]


@pytest.mark.parametrize(
    ("street", "place", "asked"),
    [
        ("same street", "near", True),
        ("different", "other state", True),
        ("alike", "other town", False),
        ("different", "same zip", False),
        ("unknown", "other town", False),
        ("different", "unknown", False),
    ],
)
def test_another_street_in_another_town(street: str, place: str, asked: bool) -> None:
    assert moved(levels(name="equal", phone="equal", street=street, place=place)).tolist() == [asked]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ({"name": "overlapping"}, True),
        ({"name": "contained"}, False),
        ({"name": "different", "email": "equal"}, False),
        ({"name": "related", "phone": "equal"}, True),
    ],
)
def test_names_that_share_a_word_and_nothing_else_are_loose(named: dict[str, str], found: bool) -> None:
    assert loose(levels(**named)).tolist() == [found]


def test_five_places_of_one_brand_are_a_franchise() -> None:
    brand = {"name": "equal", "web": "equal"}
    assert relation({"web": 3}, **brand) == "branch"
    assert relation({"web": 4}, **brand) == "franchise"
    assert relation({"name": 4}, **brand) == "franchise"


def test_sites_named_after_one_brand_and_its_places_are_a_franchise() -> None:
    named = {"name": "contained", "web": "related", "phone": "other area", "place": "other town"}
    assert relation({"name": 2}, **named) == "franchise"
    assert relation({"name": 1}, **named) is None
    assert relation({"name": 2}, **(named | {"phone": "other, same area"})) is None
    assert relation({"name": 2}, **(named | {"place": "same zip"})) is None
