from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.dedupe.generator import Leads, generate
from benchmarks.dedupe.metrics import clustered
from sales_agent_dagster.matching import dedupe as module
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.counts import ValueCounts
from sales_agent_dagster.matching.dedupe import MERGE, NEW, REVIEW, Deduped, dedupe, learn_from
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.model import LinkageModel, load_model
from sales_agent_dagster.matching.places_repair import rejoined_cities
from sales_agent_dagster.matching.score import score
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.weigh import Evidence
from sales_agent_dagster_tests.matching.leads import bare, lead, told_of
from sales_agent_dagster_tests.matching.test_score import BRANCH, MOVED, NEAR, OTHER

MODEL = load_model()


def table_of(leads: Leads) -> LeadTable:
    names = leads.table.column_names[1:]
    return rejoined_cities(
        normalise_columns({n: leads.table[n].fill_null("").combine_chunks() for n in names})
    )


@pytest.fixture(scope="module")
def world() -> Leads:
    return generate(2500, seed=77, profile="normal", style="trades:77")


@pytest.fixture(scope="module")
def done(world: Leads) -> Deduped:
    return dedupe(table_of(world), MODEL)


def test_leads_of_one_firm_are_found(world: Leads, done: Deduped) -> None:
    entity = world.truth["entity"].to_numpy()
    assert clustered(done.entity, entity).f1 > 0.95
    merged = np.flatnonzero(done.outcome == MERGE)
    assert (entity[merged] == entity[done.matched[merged]]).mean() > 0.99
    assert (done.outcome == REVIEW).mean() < 0.08
    assert done.report["learnt"]["converged"]


def test_every_decision_is_whole(done: Deduped) -> None:
    for row in np.flatnonzero(done.outcome == MERGE):
        assert done.entity[row] == done.entity[done.matched[row]]
        assert done.bits[row] >= MODEL.thresholds.auto
    founders = done.entity == np.arange(len(done.entity))
    assert not (founders & (done.outcome == MERGE)).any()
    assert set(done.outcome[~founders]) <= {MERGE, REVIEW}
    explained = np.array([sentence is not None for sentence in told_of(done)])
    assert (explained == (done.matched >= 0)).all()
    assert (done.account[done.entity] == done.account).all()


def test_the_order_of_rows_does_not_matter(world: Leads, done: Deduped) -> None:
    order = np.random.default_rng(1).permutation(len(world))
    shuffled = dedupe(table_of(world.take(order)), MODEL)
    expected = done.entity[order]
    assert clustered(shuffled.entity, expected).f1 > 0.999


def test_a_sample_of_the_pairs_teaches_nearly_the_same(
    world: Leads, done: Deduped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", done.report["candidate_pairs"] // 2)
    _, report = learn_from(table_of(world), MODEL)
    assert report["matches"] == pytest.approx(done.report["learnt"]["matches"], rel=0.15)


def outcomes(*leads: NormLead) -> Deduped:
    return dedupe(LeadTable.of(leads), MODEL)


def test_what_is_never_merged_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def learn(model: LinkageModel, evidence: Evidence, population: int, *, sampled: float) -> object:
        seen.append(len(evidence))
        return module_learn(model, evidence, population, sampled=sampled)

    module_learn = module.learn
    monkeypatch.setattr(module, "learn", learn)
    for other in (lead("L2", **BRANCH), lead("L2", phone="")):
        learn_from(LeadTable.of([lead(), other]), MODEL)
    assert seen == [0, 1]


def test_small_tables_use_the_weights_as_they_are() -> None:
    found = outcomes(lead("1"), lead("2", **OTHER), lead("3"))
    assert found.entity.tolist() == [0, 1, 0]
    assert found.outcome.tolist() == [NEW, NEW, MERGE]
    assert found.matched.tolist() == [-1, -1, 0]
    assert "learnt" not in found.report
    assert found.model is MODEL


def test_batch_and_single_pairs_agree_in_bits_and_sentence() -> None:
    leads = [lead("1"), lead("2", name="Quilfeather", phone="312-555-0124")]
    found = outcomes(*leads)
    alone = score([(leads[0], leads[1])], MODEL, ValueCounts(), 2)[0]
    assert found.bits[1] == pytest.approx(alone.bits, abs=1e-4)
    assert told_of(found)[1] == alone.sentence()


def test_branches_are_apart_in_one_account() -> None:
    found = outcomes(lead("1"), lead("2", **BRANCH))
    assert found.entity.tolist() == [0, 1]
    assert found.account.tolist() == [0, 0]
    assert found.relation.tolist() == [0, 1]
    assert found.outcome.tolist() == [NEW, NEW]


def test_an_open_question_is_for_a_person() -> None:
    asked = [bare("1", name="Quillfeather Electric", phone="312-555-0142")]
    asked.append(bare("2", name="Quillfeather", phone="312-555-0142"))
    strangers = [lead(str(number), **(OTHER | {"name": f"Zed{number}x"})) for number in range(3, 60)]
    found = outcomes(*asked, *strangers)
    assert found.outcome[1] == REVIEW
    assert found.matched[1] == 0


def test_what_may_have_moved_to_another_town_is_for_a_person() -> None:
    within = MOVED | {key: lead("1")._asdict()[key] for key in ("city", "state")} | {"zip": "62701"}
    for changes, outcome in ((MOVED, REVIEW), (within, MERGE), (MOVED | {"street": ""}, MERGE)):
        found = outcomes(lead("1"), lead("2", **changes))
        assert found.entity.tolist() == [0, 0]
        assert found.bits[1] >= MODEL.thresholds.auto
        assert found.outcome.tolist() == [NEW, outcome]
        sentence = told_of(found)[1]
        assert sentence is not None
        assert sentence.endswith("; another street in another town") == (outcome == REVIEW)


def test_known_entities_are_matched_against_and_never_joined() -> None:
    known = [lead("K1"), lead("K2", name="Quillfeather Electrical"), lead("K3", **OTHER)]
    table = LeadTable.of([*known, lead("N1"), lead("N2", **OTHER), bare("N3", name="Elm Oak")])
    found = dedupe(table, MODEL, fixed=np.array([0, 0, 2]))
    assert found.entity.tolist() == [0, 0, 2, 0, 2, 5]
    assert found.outcome[3:].tolist() == [MERGE, MERGE, NEW]
    two = dedupe(table, MODEL, fixed=np.array([0, 1, 2]))
    assert two.entity[:3].tolist() == [0, 1, 2]
    assert two.outcome[3] == REVIEW


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ({"name": "Quillfether Electric"}, {"city": ""}, REVIEW),  # the second would be merged itself
        ({"name": "Quillfether Electric"}, {"phone": ""}, MERGE),
        ({"city": ""}, {"phone": ""}, REVIEW),  # the second is less than three bits behind
        ({"city": ""}, {"phone": "312-777-9999"}, MERGE),
    ],
)
def test_a_second_company_nearly_as_near_is_for_a_person(
    first: dict[str, str], second: dict[str, str], outcome: int
) -> None:
    cells = [
        OTHER | {"name": f"Zed{n}x Works", "phone": f"415-777-{n:04}", "website": ""} for n in range(300)
    ]
    strangers = [
        lead(f"S{n}", **(some | {"email": "", "street": f"{n} Elm{n} Rd"})) for n, some in enumerate(cells)
    ]
    known = [lead("K1", **(NEAR | first)), lead("K2", **(NEAR | second))]
    table = LeadTable.of([*known, lead("N", **NEAR), *strangers])
    found = dedupe(table, MODEL, fixed=np.array([0, 1]))
    assert (found.matched[2], found.outcome[2]) == (0, outcome)


def test_an_empty_table_has_no_decisions() -> None:
    assert len(outcomes().entity) == 0
    assert len(outcomes(bare("1", name="Elm")).entity) == 1


def test_a_city_cut_in_two_is_joined_by_what_the_table_knows() -> None:
    cells = {
        "street": ["12 Main Spring", "4 Elm Spring", "Spring", *(f"{number} Oak St" for number in range(5))],
        "city": ["field", "Oakton", "field", *["Springfield"] * 5],
    }
    table = rejoined_cities(normalise_columns({name: pa.array(texts) for name, texts in cells.items()}))
    assert [table["city"].text(row) for row in range(4)] == ["springfield", "oakton", "field", "springfield"]
    assert [table["street"].text(row) for row in range(3)] == ["main", "elm spring", "spring"]


@pytest.mark.parametrize(
    ("cities", "joined"),
    [
        (["field", *["Springfield"] * 3], True),
        (["field", *["Springfield"] * 2], False),  # too few to be a city
        ([*["field"] * 2, *["Springfield"] * 5], True),
        ([*["field"] * 3, *["Springfield"] * 5], False),  # a city of its own
    ],
)
def test_a_fragment_is_rarer_than_the_city_that_it_is_of(cities: list[str], joined: bool) -> None:
    cells = {"street": ["12 Main Spring"] * len(cities), "city": cities}
    table = rejoined_cities(normalise_columns({name: pa.array(texts) for name, texts in cells.items()}))
    assert (table["city"].text(0) == "springfield") == joined
