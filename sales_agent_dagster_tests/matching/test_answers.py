from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.dedupe.generator import generate
from benchmarks.dedupe.preparation import raw_columns
from sales_agent_dagster.matching.answers import Answered, AnswersReport, fit_answers
from sales_agent_dagster.matching.blocking import block_keys
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.model import LinkageModel, load_model
from sales_agent_dagster.matching.pairs import Candidates, candidate_pairs
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.weigh import evidence_of, odds

MODEL = load_model()


@pytest.fixture(scope="module")
def world() -> tuple[LeadTable, Answered]:
    """A hard world and the pairs of it that a person might be shown, rightly answered."""
    leads = generate(2500, seed=131, profile="hard", style="commerce:58")
    table = normalise_columns(raw_columns(leads.table))
    found = candidate_pairs(block_keys(table), table.size)
    evidence = evidence_of(compare(Facts(table, table.size), found.left, found.right))
    bits = odds(evidence, MODEL.weights, table.size).bits
    asked = np.flatnonzero(np.abs(bits) < 8)[:400]
    entity = leads.truth["entity"].to_numpy()
    left, right = found.left[asked], found.right[asked]
    return table, Answered(left, right, entity[left] == entity[right])


@pytest.fixture(scope="module")
def turned(world: tuple[LeadTable, Answered]) -> Answered:
    """The same answers, each the wrong way round."""
    _, answered = world
    return Answered(answered.left, answered.right, ~answered.same)


@pytest.fixture(scope="module")
def fitted(world: tuple[LeadTable, Answered], turned: Answered) -> tuple[LinkageModel, AnswersReport]:
    """The weights fitted to them."""
    return fit_answers(world[0], MODEL, turned)


def bits_of(table: LeadTable, model: LinkageModel, pairs: Answered | Candidates) -> NDArray[np.float64]:
    evidence = evidence_of(compare(Facts(table, table.size), pairs.left, pairs.right))
    return odds(evidence, model.weights, table.size).bits


def test_answers_that_the_weights_get_wrong_are_learnt(
    fitted: tuple[LinkageModel, AnswersReport], turned: Answered
) -> None:
    model, report = fitted
    assert report.used
    assert report.loss_after < report.loss_before
    assert report.right_after > report.right_before
    assert (report.answers, report.same) == (400, int(turned.same.sum()))
    assert model.version != MODEL.version
    assert model.report["answers"] == report.as_dict()
    assert model.thresholds == MODEL.thresholds
    assert {name: field.share for name, field in model.fields.items()} == {
        name: field.share for name, field in MODEL.fields.items()
    }


def test_what_nobody_was_asked_about_stays(
    world: tuple[LeadTable, Answered], fitted: tuple[LinkageModel, AnswersReport]
) -> None:
    table = world[0]
    found = candidate_pairs(block_keys(table), table.size)
    before, after = (bits_of(table, model, found) for model in (MODEL, fitted[0]))
    sure = (before >= 14) | (before < -10)
    assert np.mean((before > 0)[sure] == (after > 0)[sure]) > 0.97


def test_where_fitting_does_not_pay_the_weights_stay(world: tuple[LeadTable, Answered]) -> None:
    table, answered = world
    chance = 1 / (1 + np.exp2(-bits_of(table, MODEL, answered)))
    as_expected = np.random.default_rng(7).random(len(answered)) < chance
    model, report = fit_answers(table, MODEL, Answered(answered.left, answered.right, as_expected))
    assert not report.used
    assert model is MODEL


def test_few_answers_are_refused(world: tuple[LeadTable, Answered]) -> None:
    table, answered = world
    few = Answered(answered.left[:299], answered.right[:299], answered.same[:299])
    with pytest.raises(ValueError, match="at least 300"):
        fit_answers(table, MODEL, few)
