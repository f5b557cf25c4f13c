from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.merging import Agreed, Winner, agree, merge, written
from sales_agent_dagster.crm.ownership import Rule

THEN = datetime(2026, 3, 1, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)


def merged(
    rule: Rule,
    ours: Any,
    theirs: Any,
    agreed: Agreed | None,
    *,
    name: str = "city",
    wanted_at: datetime = THEN,
    modified_at: datetime = THEN,
) -> Any:
    return merge(
        Kind.COMPANY,
        {name: ours},
        {} if theirs is None else {name: theirs},
        {} if agreed is None else {name: agreed},
        {name: rule},
        wanted_at=wanted_at,
        modified_at=modified_at,
    )


def sent(*arguments: Any, **options: Any) -> Any:
    changes = merged(*arguments, **options).changes
    return next((change.after for change in changes.values()), None)


OURS = Agreed("Akron", "Akron", written=True)
"""We wrote Akron."""


@pytest.mark.parametrize(
    ("rule", "ours", "theirs", "agreed", "expected"),
    [
        # Never synced.
        (Rule.PIPELINE, "Kent", None, None, "Kent"),
        (Rule.PIPELINE, "Kent", "Akron", None, "Kent"),
        (Rule.CRM, "Kent", None, None, None),
        (Rule.NEVER, "Kent", None, None, None),
        (Rule.FILL_IF_EMPTY, "Kent", None, None, "Kent"),
        (Rule.FILL_IF_EMPTY, "Kent", "Akron", None, None),
        (Rule.NEWEST, "Kent", "Akron", None, "Kent"),
        # Only ours changed.
        (Rule.PIPELINE, "Kent", "Akron", OURS, "Kent"),
        (Rule.CRM, "Kent", "Akron", OURS, None),
        (Rule.NEWEST, "Kent", "Akron", OURS, "Kent"),
        (Rule.FILL_IF_EMPTY, "Kent", "Akron", OURS, "Kent"),
        (Rule.FILL_IF_EMPTY, "Kent", "Akron", Agreed("Akron", "Akron"), None),
        # Only theirs changed.
        (Rule.PIPELINE, "Akron", "Kent", OURS, "Akron"),
        (Rule.CRM, "Akron", "Kent", OURS, None),
        (Rule.NEWEST, "Akron", "Kent", OURS, None),
        (Rule.FILL_IF_EMPTY, "Akron", "Kent", OURS, None),
        (Rule.FILL_IF_EMPTY, "Akron", None, OURS, None),
        # Edited there and back again: it is locked.
        (Rule.FILL_IF_EMPTY, "Kent", "Akron", Agreed("Akron", "Akron", written=True, locked=True), None),
        # Both changed.
        (Rule.PIPELINE, "Kent", "Stow", OURS, "Kent"),
        (Rule.CRM, "Kent", "Stow", OURS, None),
        (Rule.FILL_IF_EMPTY, "Kent", "Stow", OURS, None),
        # The CRM writes it in its own way.
        (Rule.PIPELINE, "Kent", "KENT", Agreed("KENT", "Kent", written=True), None),
    ],
)
def test_rules(
    rule: Rule, ours: str, theirs: str | None, agreed: Agreed | None, expected: str | None
) -> None:
    assert sent(rule, ours, theirs, agreed) == expected


def test_the_newest_wins() -> None:
    both = ("Kent", "Stow", OURS)
    assert sent(Rule.NEWEST, *both, wanted_at=LATER) == "Kent"
    assert sent(Rule.NEWEST, *both, modified_at=LATER) is None
    assert sent(Rule.NEWEST, *both) == "Kent", "at the same time ours is"
    edited = Agreed("Akron", "Akron", written=True, locked=True, edited_at=THEN - timedelta(hours=1))
    assert sent(Rule.NEWEST, "Kent", "Stow", edited, modified_at=LATER) == "Kent"
    assert sent(Rule.NEWEST, "Kent", "Stow", None, modified_at=LATER) is None


def test_both_changed_is_a_conflict() -> None:
    [conflict] = merged(Rule.PIPELINE, "Kent", "Stow", OURS).conflicts
    assert (conflict.winner, conflict.base, conflict.ours, conflict.theirs) == (
        Winner.OURS,
        "Akron",
        "Kent",
        "Stow",
    )
    assert merged(Rule.CRM, "Kent", "Stow", OURS).conflicts[0].winner is Winner.THEIRS
    assert merged(Rule.PIPELINE, "Kent", "Akron", OURS).conflicts == []
    assert merged(Rule.PIPELINE, "Akron", "Stow", OURS).conflicts == []


def test_lists_only_gain_what_is_new_to_us() -> None:
    def appended(ours: str, theirs: str | None, agreed: Agreed | None) -> Any:
        return sent(Rule.APPEND_ONLY, ours, theirs, agreed, name="brands")

    assert appended("Generac, Kohler", "Cummins", None) == "Cummins, Generac, Kohler"
    assert appended("Generac", None, None) == "Generac"
    both = Agreed("Generac, Kohler", "Generac, Kohler", written=True)
    assert appended("Generac, Kohler", "Generac", both) is None
    assert appended("Generac, Kohler, Briggs", "generac", both) == "generac, Briggs"
    never_there = Agreed("Generac", "Generac, Kohler", written=True)
    assert appended("Generac, Kohler, Briggs", "Generac", never_there) == "Generac, Briggs"
    full = "x" * 996
    assert appended(f"{full}, ab", full, None) == f"{full}, ab", "1,000 characters fit"
    assert appended(f"{full}, abc", full, None) is None


def test_of_lists_both_sides_add_without_a_conflict() -> None:
    both = Agreed("Generac", "Generac", written=True)
    found = merged(Rule.APPEND_ONLY, "Generac, Kohler", "Generac, Cummins", both, name="brands")
    assert found.changes["brands"].after == "Generac, Cummins, Kohler"
    assert found.conflicts == []


def test_fields_without_rule_are_left_alone() -> None:
    found = merge(Kind.COMPANY, {"sync_hash": "a"}, {}, {}, {}, wanted_at=THEN, modified_at=THEN)
    assert (found.changes, found.conflicts) == ({}, [])


def test_an_agreement_comes_back_from_its_document() -> None:
    carried = Agreed("a", "b", carried=True)
    for kept in (OURS, Agreed(None, 5.0), Agreed("a", "b", locked=True, edited_at=LATER), carried):
        assert Agreed.of(kept.document()) == kept


@pytest.mark.parametrize("rule", [Rule.PIPELINE, Rule.NEWEST, Rule.FILL_IF_EMPTY])
def test_what_a_merge_did_not_take_along_was_cleared_by_nobody(rule: Rule) -> None:
    carried = replace(OURS, carried=True)
    assert sent(rule, "Akron", None, carried, modified_at=LATER) == "Akron"
    kept = None if rule is not Rule.PIPELINE else "Akron"
    assert sent(rule, "Akron", "Kent", carried, modified_at=LATER) == kept
    assert sent(rule, "Kent", "Akron", carried, wanted_at=LATER) == "Kent", "what it took along is ours"
    assert sent(rule, "Akron", None, replace(carried, locked=True), modified_at=LATER) == kept


def test_of_a_payload_that_is_there_lists_keep_what_was_known() -> None:
    before = {"brands": Agreed("A, B", "B, C", written=True), "city": OURS}
    found = written(Kind.COMPANY, {"brands": "D, B", "city": "Kent", "state": "OH", "zip": None}, before)
    assert found == {
        "brands": Agreed("D, B", "A, B, C, D", written=True),
        "city": Agreed("Kent", "Kent", written=True),
        "state": Agreed("OH", "OH", written=True),
    }


def test_what_our_payload_took_out_of_another_record_s_list_was_taken_by_us() -> None:
    before = {"brands": Agreed("A, B", "B, C", written=True)}
    found = written(Kind.COMPANY, {"brands": "D, B"}, before, {"brands": "A, B"})
    assert found == {"brands": Agreed("D, B", "B, C, D", written=True)}


def test_a_persons_edit_stays_theirs_when_both_sides_come_to_say_the_same() -> None:
    edited = {"city": Agreed("Akron", "Akron", written=True, locked=True)}
    found = agree(Kind.COMPANY, {"city": "Kent"}, {"city": "Kent"}, edited, {})
    assert found == {"city": Agreed("Kent", "Kent", locked=True)}
    assert sent(Rule.FILL_IF_EMPTY, "Stow", "Kent", found["city"]) is None


VALUES = st.sampled_from(["Akron", "Kent", "Stow"])
SOME = st.one_of(st.none(), VALUES)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([rule for rule in Rule if rule is not Rule.APPEND_ONLY]),
    VALUES,
    SOME,
    st.one_of(st.none(), st.builds(Agreed, SOME, VALUES, st.booleans(), st.booleans())),
    st.booleans(),
)
def test_what_was_sent_is_not_sent_again(
    rule: Rule, ours: str, theirs: str | None, agreed: Agreed | None, later: bool
) -> None:
    at = {"wanted_at": THEN, "modified_at": LATER if later else THEN}
    value = sent(rule, ours, theirs, agreed, **at)
    before = {} if agreed is None else {"city": agreed}
    now = theirs if value is None else value
    held = {} if theirs is None else {"city": theirs}
    after = agree(Kind.COMPANY, {"city": ours}, held, before, {} if value is None else {"city": value})
    assert sent(rule, ours, now, after.get("city"), **at) is None
    assert agree(Kind.COMPANY, {"city": ours}, {} if now is None else {"city": now}, after, {}) == after
