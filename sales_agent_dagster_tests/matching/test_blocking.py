from __future__ import annotations

import numpy as np
import pytest

from sales_agent_dagster.matching import blocking, pairs
from sales_agent_dagster.matching.blocking import (
    HUGE,
    LARGE,
    MAX_LOOSE_BLOCK,
    Keys,
    block_keys,
    keys_of,
    keys_of_leads,
    limit_of,
    suffices,
    table_keys,
)
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.pairs import candidate_pairs
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster_tests.matching.leads import bare, lead


def shared(left: NormLead, right: NormLead) -> set[str]:
    return {key.kind for key in set(keys_of(left)) & set(keys_of(right))}


def test_hashes_are_the_same_in_every_version() -> None:
    keys = {
        key.kind: key.hash
        for key in keys_of(bare(name="Quill Oak", phone="312-555-0142", city="Springfield"))
    }
    assert keys["phone"] == 6609702789752384914
    assert keys["word_city"] == 5493537155493710875
    assert keys["name"] == 5270287596788860777


def test_keys_are_63_bits_without_repeats() -> None:
    keys = keys_of(lead())
    assert len(keys) == len(set(keys)) > 15
    assert all(0 <= key.hash < 2**63 for key in keys)
    assert {key.kind for key in keys} <= set(blocking.KINDS)


def test_many_leads_at_once_get_the_keys_each_gets_alone() -> None:
    leads = [lead(), lead(name="Oak dba Cedar Plumbing"), bare(name="Services"), NormLead("L4")]
    assert keys_of_leads(leads) == [keys_of(one) for one in leads]
    assert keys_of(NormLead("L4")) == []


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"phone": "312-555-0199", "phone_2": "312-555-0142"}, {"phone"}),
        ({"email": "ADA@quillfeather.example"}, {"email"}),
        ({"website": "quillfeather.invalid", "email": ""}, {"stem"}),
        ({"name": "Electric, Quillfeather Inc"}, {"name", "name_state", "word_city"}),
        ({"name": "Quillfeather Plumbing"}, {"word_city", "word_zip", "start_city", "start_zip"}),
        ({"name": "Quillfeather Plumbing", "phone": "312-999-0100"}, {"head_area"}),
        ({"name": "Quillfaether Electric"}, {"skeleton_city"}),
        ({"name": "Kwillfeather Electric"}, {"ending_city"}),
        ({"street": "12 N Oak Ave #3"}, {"street_city", "street_state"}),
        ({"contact": "ada quill"}, {"person_region"}),
        ({"email": "ada.quill@gmail.com"}, {"person_region"}),
        ({"name": "Ada Quill Plumbing"}, {"person_region"}),
        ({"phone": "312-555-0124"}, {"digits_state"}),
        ({"email": "zed@quillfeather.example"}, {"host"}),
        ({"email": "quillfeatherelectric7@gmail.com"}, {"stem"}),
        ({"linkedin": "linkedin.com/company/quillfeather-electric"}, {"stem"}),
        ({"name": "Quillfeather Plumbing", "city": "", "zip": ""}, {"skeleton_state"}),
        ({"street": "12 N Oak Ave #3", "city": "", "zip": ""}, {"street_state"}),
        ({"name": "Quillfeather Plumbing", "city": "", "state": ""}, {"skeleton_state"}),
        ({"name": "Qui11feather Plumbing", "city": "", "zip": ""}, {"skeleton_state"}),
        ({"name": "Quillfeath Rlectric", "city": "", "zip": ""}, {"start_state"}),
    ],
)
def test_leads_that_differ_otherwise_meet_under(changes: dict[str, str], kinds: set[str]) -> None:
    apart = {
        "name": "Zed Plumbing", "phone": "415-555-0100", "website": "zed.example", "email": "z@zed.example",
        "contact": "Zoe Zed", "street": "9 Elm Rd",
    }  # fmt: skip
    assert shared(lead(), lead(**(apart | changes))) >= kinds
    assert shared(lead(), lead(**(apart | {"city": "Oakton", "zip": "90001"}))) == set()


def test_name_of_one_meets_website_of_the_other() -> None:
    assert shared(bare(name="Quillfeather Electric"), bare(website="quillfeather-electric.example")) == {
        "stem"
    }


def test_both_names_of_a_trade_name_are_keys() -> None:
    both = bare(name="Ada Quillfeather LLC dba Comfort Oak", city="Springfield")
    assert "word_city" in shared(both, bare(name="Quillfeather Ada", city="Springfield"))
    assert "start_city" in shared(both, bare(name="Ada Quillfeather", city="Springfield"))
    assert "start_city" in shared(both, bare(name="Comfort Oak Inc", city="Springfield"))


def test_words_of_the_trade_alone_find_no_one() -> None:
    kinds = {key.kind for key in keys_of(bare(name="Heating Services", city="Springfield", state="IL"))}
    assert not kinds & {"word_city", "word_zip", "pair", "skeleton_city"}


def test_a_number_before_the_name_is_not_its_telling_word() -> None:
    numbered, plain = (bare(name=name, city="Springfield") for name in ("60725 Quill Oak", "Quill Oak"))
    assert "skeleton_city" in shared(numbered, plain)
    alone = bare(name="4455 Services", city="Springfield")
    assert "word_city" in shared(alone, bare(name="4455", city="Springfield"))


def test_initials_meet_the_name_that_they_stand_for() -> None:
    name = bare(name="Valley Forest Dental Law", city="Nichols")
    assert shared(name, bare(name="VFDL", city="Nichols")) == {"initials_city"}
    assert shared(name, bare(name="VDFL", city="Nichols")) == set()
    assert shared(name, bare(name="VFDL", city="Oakton")) == set()


def test_every_way_to_a_key_meets_every_other_in_a_table() -> None:
    leads = [
        bare("a", phone="312-555-0142", phone_2="312-555-0199"),
        bare("b", phone="312-555-0199"),
        bare("c", name="Quillfeather Electric"),
        bare("d", website="quillfeather-electric.example"),
        bare("e", name="Zed Oak Plumbing", contact="Ada Quill", city="Springfield"),
        bare("f", name="Ada Quill Roofing", city="Springfield"),
    ]
    found = candidate_pairs(table_keys(LeadTable.of(leads)), len(leads))
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 1), (2, 3), (4, 5)]


def test_keys_of_names_alone_are_for_tables_without_places() -> None:
    placed = [bare(str(number), name=f"Oak {number}", city="Springfield") for number in range(5)]
    alone = bare("x", name="Oak Roofing")
    kinds = {keys.kind for keys in table_keys(LeadTable.of([*placed, alone]))}
    assert "head" not in kinds
    assert "head" in {key.kind for key in keys_of(alone)}
    assert "head" in {keys.kind for keys in table_keys(LeadTable.of([alone]))}


def test_a_row_counts_once_per_key() -> None:
    both = bare(name="Quillfeather", website="quillfeather.example", linkedin="quillfeather")
    [stems] = [keys for keys in block_keys(LeadTable.of([both])) if keys.kind == "stem"]
    assert len(stems.rows) == 1


def block(kind: str, size: int) -> Keys:
    return Keys(kind, np.arange(size), np.full(size, 7))


def test_every_pair_of_a_block_is_a_candidate_once() -> None:
    found = candidate_pairs([block("phone", 4), block("email", 3)], 4)
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "limit"), [("phone", 50), ("name", 12)])
def test_a_key_that_too_many_share_is_capped_and_counted(kind: str, limit: int) -> None:
    assert len(candidate_pairs([block(kind, limit)], limit).left) == limit * (limit - 1) // 2
    capped = candidate_pairs([block(kind, limit + 1)], limit + 1)
    assert len(capped.left) == 0
    assert (capped.capped[kind], capped.capped_rows[kind]) == (1, limit + 1)


@pytest.mark.parametrize("kind", ["digits_state", "skeleton_state", "start_state"])
def test_keys_of_whole_states_bring_few_together_in_large_tables(kind: str) -> None:
    assert (limit_of(kind, 49_999), limit_of(kind, 50_000)) == (12, 4)


def test_names_alone_bring_many_together_in_small_tables() -> None:
    assert (limit_of("head", 49_999), limit_of("head", 50_000)) == (200, 50)


def test_a_faint_key_alone_brings_nobody_together_in_huge_tables() -> None:
    assert suffices("word_city", 249_999)
    assert not suffices("word_city", 250_000)
    assert suffices("phone", 250_000)

    def found(*kinds: str) -> int:
        return len(candidate_pairs([block(kind, 2) for kind in kinds], HUGE).left)

    assert [found("word_city"), found("word_city", "pair"), found("phone")] == [0, 1, 1]


def test_two_threads_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [block("phone", 4), block("email", 3), block("name", 13), block("phone", 60)]
    alone = candidate_pairs(keys, 60, new_from=1)
    monkeypatch.setattr(pairs, "PARALLEL_FROM", 1)
    both = candidate_pairs(iter(keys), 60, new_from=1)
    assert both.left.tolist() == alone.left.tolist()
    assert both.right.tolist() == alone.right.tolist()
    assert (both.capped, both.capped_rows) == (alone.capped, alone.capped_rows)
    assert both.capped == {"phone": 1, "email": 0, "name": 1}


def test_known_rows_are_not_compared_with_each_other() -> None:
    found = candidate_pairs([block("phone", 3)], 3, new_from=2)
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 2), (1, 2)]


def test_a_table_without_rows_or_keys_has_no_candidates() -> None:
    assert len(candidate_pairs(block_keys(LeadTable.of([])), 0).left) == 0
    assert len(candidate_pairs([], 3).left) == 0


def test_a_street_brings_together_what_says_no_place() -> None:
    left, right = (bare(name, name=name, street="12 Oak Street") for name in ("Quill", "Zedwick"))
    assert shared(left, right) == {"street"}
    assert limit_of("street", LARGE) == MAX_LOOSE_BLOCK
