from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.matching.base import Key
from sales_agent_dagster.matching.verdicts import Outcome, Verdict, judge
from sales_agent_dagster_tests.matching.records import record

MERGED, RELATED, APART = Outcome.MERGED, Outcome.RELATED, Outcome.APART
AKRON, TOLEDO = "+13305550101", "+14195550101"


def verdict(
    kind: str, left: dict[str, Any], right: dict[str, Any], *, crowded: bool = False
) -> Verdict | None:
    value = {"email": "pat@acme.example"}.get(kind, "shared")
    return judge(Key(kind, value), record("L2", **left), record("L1", **right), crowded=crowded)


@pytest.mark.parametrize("kind", ["phone", "email"])
@pytest.mark.parametrize(
    ("left", "right", "outcome"),
    [
        ({"name": "Acme"}, {"name": "Acme"}, MERGED),
        ({"name": "Acme"}, {"name": "Zenith"}, MERGED),
        ({"name": "Acme", "site": "acme.example"}, {"name": "Zenith"}, MERGED),
        ({"name": "Acme", "site": "a.example"}, {"name": "Acme Solar", "site": "b.example"}, MERGED),
        ({"name": "Acme", "site": "a.example"}, {"name": "Zenith", "site": "a.example"}, MERGED),
        ({"name": "Acme", "site": "a.example"}, {"name": "Zenith", "site": "b.example"}, APART),
    ],
)
def test_phone_or_mail_is_shared_when_names_and_sites_differ(
    kind: str, left: dict[str, Any], right: dict[str, Any], outcome: Outcome
):
    found = verdict(kind, left, right)
    assert found is not None
    assert found.outcome is outcome
    assert found.finding == (
        "but names and websites differ: a shared one, not merged" if outcome is APART else ""
    )


@pytest.mark.parametrize(
    ("left", "right", "outcome"),
    [
        ({"name": "Acme", "phone": AKRON}, {"name": "Acme, LLC", "phone": TOLEDO}, MERGED),
        ({"name": "Acme", "phone": AKRON}, {"name": "Zenith", "phone": AKRON}, MERGED),
        ({"name": "Acme", "phone": AKRON}, {"name": "Zenith", "phone": "+18005550101"}, MERGED),
        ({"name": "Acme", "phone": AKRON}, {"name": "Zenith", "phone": TOLEDO}, RELATED),
        ({"name": "Acme", "state": "OH"}, {"name": "Zenith", "state": "TX"}, RELATED),
    ],
)
def test_website_in_different_places_under_different_names_is_a_branch(
    left: dict[str, Any], right: dict[str, Any], outcome: Outcome
):
    found = verdict("domain", left, right)
    assert found is not None
    assert found.outcome is outcome


def test_the_branch_finding_names_the_conflict():
    found = verdict("domain", {"name": "Acme", "phone": AKRON}, {"name": "Zenith", "phone": TOLEDO})
    assert found == (RELATED, "but another name and area codes 330 and 419: branch or franchise, not merged")


def test_a_role_mailbox_is_judged_as_its_website():
    key = Key("email", "info@acme.example")
    left, right = record(name="Acme", phone=AKRON), record(name="Zenith", phone=TOLEDO)
    found = judge(key, left, right, crowded=False)
    assert found is not None
    assert found.outcome is RELATED


def test_a_key_that_many_firms_share_identifies_nobody():
    left, right = {"name": "Acme", "phone": AKRON}, {"name": "Zenith", "phone": AKRON}
    assert verdict("phone", left, right, crowded=True) == (APART, "but many firms share it: not merged")
    assert verdict("email", left, right, crowded=True) == (APART, "but many firms share it: not merged")
    site = verdict("domain", left, right, crowded=True)
    assert site == (RELATED, "but many differently named leads share it: branch or franchise, not merged")
    same = verdict("domain", left, {"name": "Acme Inc", "phone": TOLEDO}, crowded=True)
    assert same == (MERGED, "")


def test_name_and_town_merge_unless_websites_differ():
    assert verdict("name_place", {"site": "a.example"}, {}) == (MERGED, "")
    differ = verdict("name_place", {"site": "a.example"}, {"site": "b.example"})
    assert differ == (APART, "but websites differ: not merged")


@pytest.mark.parametrize(
    ("left", "right", "finding"),
    [
        ({}, {}, "but no phone, website, e-mail or town confirms it: not merged"),
        ({"phone": AKRON}, {"phone": TOLEDO}, "but area codes 330 and 419: not merged"),
        ({"site": "a.example"}, {"site": "b.example"}, "but websites a.example and b.example: not merged"),
        (
            {"site": "a.example", "state": "OH"},
            {"site": "b.example", "state": "TX"},
            "but states OH and TX and websites a.example and b.example: not merged",
        ),
    ],
)
def test_a_name_alone_never_merges(left: dict[str, Any], right: dict[str, Any], finding: str):
    assert verdict("name", left, right) == (APART, finding)


@pytest.mark.parametrize("tail", [" - Toledo", " of Toledo", ""])
def test_a_name_shared_but_for_the_branch_is_related(tail: str):
    left, right = {"name": "Voltstore Center of Akron"}, {"name": f"Voltstore Center{tail}"}
    branch = (RELATED, "but another place in the name: branch or franchise, not merged")
    assert verdict("name", left, right) == branch
    assert verdict("name", right, left) == branch


def test_a_trade_name_is_a_name():
    found = verdict("name", {"name": "Acme LLC dba Bolton"}, {"name": "Bolton Inc"})
    assert found is not None
    assert found.outcome is APART


def test_a_brand_that_websites_begin_with_is_related_under_different_names():
    left = {"name": "Voltstore Center Akron"}
    found = verdict("brand", left, {"name": "Voltstore Center Toledo"})
    assert found == (RELATED, "but another place in the name: branch or franchise, not merged")
    assert verdict("brand", left, {"name": "Voltstore Center Akron, Inc"}) is None
