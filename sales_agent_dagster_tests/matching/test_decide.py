from __future__ import annotations

from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest

from sales_agent_dagster.matching.blocking import Keys, block_keys
from sales_agent_dagster.matching.counts import ValueCounts
from sales_agent_dagster.matching.decide import (
    Arrivals,
    Decision,
    KnownLead,
    Outcome,
    account_id_of,
    decide,
    decide_arrivals,
    entity_id_of,
)
from sales_agent_dagster.matching.lead import NORM_FIELDS, NormLead
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.matching.score import known_from
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster_tests.matching.leads import bare, lead
from sales_agent_dagster_tests.matching.test_score import BRANCH, MOVED, NEAR, OTHER

MODEL = load_model()
NOBODY = pa.array([], pa.string())


def known(one: NormLead, entity: str = "E1") -> KnownLead:
    return KnownLead(one, entity, "A" + entity[1:])


def decided(one: NormLead, *candidates: KnownLead, auto: float | None = None) -> Decision:
    return decide([one], {one.lead_id: candidates}, MODEL, ValueCounts(), 10_000, auto=auto)[0]


def test_the_same_firm_joins_its_entity_and_account() -> None:
    found = decided(lead("N"), known(lead("K")))
    assert (found.outcome, found.entity_id, found.account_id) == (Outcome.MERGE, "E1", "A1")
    assert found.matched_lead_id == "K"
    assert found.bits == found.proposals[0].score.bits > MODEL.thresholds.auto
    assert found.sentence.startswith("Same as K: ")


def test_a_stranger_and_a_lead_without_candidates_found_entities() -> None:
    for found in (decided(lead("N"), known(lead("K", **OTHER))), decided(lead("N"))):
        assert found.outcome is Outcome.NEW
        assert (found.entity_id, found.account_id) == (entity_id_of("N"), account_id_of("N"))
        assert found.matched_lead_id is None
        assert found.relation is None
    assert decided(lead("N")).bits is None


def test_too_little_evidence_is_for_a_person_and_keeps_the_lead_apart() -> None:
    found = decided(
        bare("N", name="Quillfeather Electric", phone="312-555-0142"),
        known(bare("K", phone="312-555-0142", name="Quillfeather")),
    )
    assert found.outcome is Outcome.REVIEW
    assert found.entity_id == entity_id_of("N")
    assert found.matched_lead_id == "K"
    assert found.sentence.startswith("Perhaps the same as K: ")


def test_a_stricter_limit_turns_a_merge_into_a_review() -> None:
    assert decided(lead("N"), known(lead("K")), auto=1000.0).outcome is Outcome.REVIEW


def test_what_may_have_moved_to_another_town_is_for_a_person() -> None:
    found = decided(lead("N", **MOVED), known(lead("K")))
    assert found.outcome is Outcome.REVIEW
    assert found.bits is not None
    assert found.bits >= MODEL.thresholds.auto
    assert found.sentence.startswith("Perhaps the same as K: ")
    assert found.sentence.endswith("; another street in another town.")
    assert decided(lead("N", **(MOVED | {"street": ""})), known(lead("K"))).outcome is Outcome.MERGE


def test_of_a_stranger_it_need_not_be_said_that_it_is_elsewhere() -> None:
    found = decided(lead("N"), known(lead("K", **OTHER)))
    assert found.sentence.startswith("New; nearest is K: ")
    assert "another street" not in found.sentence


def test_a_lead_that_fits_two_entities_is_never_merged() -> None:
    found = decided(lead("N"), known(lead("K1")), known(lead("K2"), "E2"))
    assert found.outcome is Outcome.REVIEW
    assert "Fits two companies, E1 and E2" in found.sentence
    assert [proposal.entity_id for proposal in found.proposals] == ["E1", "E2"]


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        ({"city": ""}, Outcome.REVIEW),  # would be merged itself, though nearly four bits behind
        ({"phone": ""}, Outcome.MERGE),  # would not, and is six bits behind
    ],
)
def test_a_second_company_that_would_be_merged_itself(second: dict[str, str], outcome: Outcome) -> None:
    best = known(lead("K1", **(NEAR | {"name": "Quillfether Electric"})))
    found = decided(lead("N", **NEAR), best, known(lead("K2", **(NEAR | second)), "E2"))
    assert (found.matched_lead_id, found.outcome) == ("K1", outcome)


def test_a_second_company_less_than_three_bits_behind() -> None:
    best, second = (
        known(lead("K1", **(NEAR | {"city": ""}))),
        known(lead("K2", **(NEAR | {"phone": ""})), "E2"),
    )
    assert decided(lead("N", **NEAR), best).outcome is Outcome.MERGE
    found = decided(lead("N", **NEAR), best, second)
    first, other = (proposal.score.bits for proposal in found.proposals)
    assert first - 3 < other < MODEL.thresholds.auto <= first
    assert found.outcome is Outcome.REVIEW


def test_like_one_lead_of_an_entity_but_unlike_its_others() -> None:
    others = [known(lead(f"K{number}", **OTHER)) for number in range(3)]
    found = decided(lead("N"), known(lead("K")), *others)
    assert found.outcome is Outcome.REVIEW
    assert "unlike its others" in found.sentence


def test_a_branch_is_new_and_of_the_same_account() -> None:
    found = decided(lead("N", **BRANCH), known(lead("K")))
    assert found.outcome is Outcome.NEW
    assert found.entity_id == entity_id_of("N")
    assert (found.relation, found.related_entity_id, found.account_id) == ("branch", "E1", "A1")
    assert found.sentence.startswith("New; branch of K: ")


def test_the_sentence_of_a_branch_names_its_firm_not_a_nearer_stranger() -> None:
    found = decided(lead("N", **BRANCH), known(lead("X", **OTHER), "E2"), known(lead("K")))
    assert found.proposals[0].lead_id == "X"
    assert (found.relation, found.related_entity_id) == ("branch", "E1")
    assert found.sentence.startswith("New; branch of K: ")


def test_new_leads_are_compared_with_each_other_under_the_keys_that_are_given() -> None:
    batch = [lead("N1"), lead("N2", name="QUILLFEATHER ELEC"), lead("N3", **OTHER)]
    table = LeadTable.of(batch)

    def outcomes(keys: list[Keys]) -> list[str]:
        pairs = np.zeros(0, np.int64), np.zeros(0, np.int64)
        ids = [one.lead_id for one in batch]
        arrivals = Arrivals(table, ids, keys, dict.fromkeys(NORM_FIELDS, NOBODY), [], [], [], pairs)
        return [one.outcome for one in decide_arrivals(arrivals, MODEL, known_from(ValueCounts()), 10_000)]

    assert outcomes(list(block_keys(table))) == ["new", "merge", "new"]
    assert outcomes([]) == ["new"] * 3


def test_an_own_entity_wins_over_a_related_one() -> None:
    found = decided(lead("N"), known(lead("K")), known(lead("B", **BRANCH), "E2"))
    assert (found.outcome, found.entity_id, found.account_id) == (Outcome.MERGE, "E1", "A1")
    assert (found.relation, found.related_entity_id) == ("branch", "E2")


def test_duplicates_within_a_batch_join_the_first_in_any_order() -> None:
    batch = [lead("N1"), lead("N2", name="QUILLFEATHER ELEC"), lead("N3", **OTHER)]
    for order in permutations(batch):
        found = {one.lead_id: one for one in decide(list(order), {}, MODEL, ValueCounts(), 10_000)}
        assert found["N1"].entity_id == found["N2"].entity_id
        assert found["N3"].outcome is Outcome.NEW
        assert sorted(one.outcome for one in found.values()) == ["merge", "new", "new"]


def test_at_most_five_proposals() -> None:
    found = decided(lead("N"), *(known(lead(f"K{number}"), f"E{number}") for number in range(8)))
    assert len(found.proposals) == 5


@pytest.mark.parametrize("make", [entity_id_of, account_id_of])
def test_ids_are_stable(make: object) -> None:
    assert make("L1") == make("L1") != make("L2")  # type: ignore[operator]


def test_nothing_to_decide() -> None:
    assert decide([], {}, MODEL, ValueCounts(), 10) == []
