"""Matching with a CRM: as in the warehouse, but stricter."""

from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.matching.decide import Outcome
from sales_agent_dagster.matching.lead import RawLead
from sales_agent_dagster.matching.model import LinkageModel, load_model
from sales_agent_dagster.stages.identity.crm import CrmMatch, match_crm_records
from sales_agent_dagster.stages.identity.resolving import IDENTITY_COLUMNS, raw_lead
from sales_agent_dagster_tests.stages.firms import ACME, ACME_AGAIN, ACME_MAYBE, ACME_TAMPA, ZENITH, firm

OTHERS = list(map(firm, range(10)))


def raw(lead_id: str, columns: dict[str, Any]) -> RawLead:
    return raw_lead({"lead_id": lead_id, **dict.fromkeys(IDENTITY_COLUMNS), **columns})


def match(
    companies: list[dict[str, Any]], records: list[dict[str, Any]], model: LinkageModel | None = None
) -> list[CrmMatch]:
    ours = [raw(f"L{number}", columns) for number, columns in enumerate([*companies, *OTHERS[:5]])]
    theirs = [raw(f"C{number}", columns) for number, columns in enumerate([*records, *OTHERS[5:]])]
    return match_crm_records(ours, theirs, model or load_model())[: len(companies)]


def test_a_company_is_found_in_the_crm_or_not() -> None:
    known, unknown = match([ACME, ZENITH], [ACME_AGAIN])
    assert (known.outcome, known.record_id, known.lead_id) == (Outcome.MERGE, "C0", "L0")
    assert known.score is not None
    assert known.score.bits >= load_model().thresholds.write
    assert known.reason.startswith("Record C0: ")
    assert (unknown.outcome, unknown.record_id, unknown.score) == (Outcome.NEW, None, None)


@pytest.mark.parametrize(
    ("records", "doubt"),
    [([ACME_MAYBE], "bits are less than the"), ([ACME_AGAIN, ACME_AGAIN], "record C1 is as like it")],
)
def test_a_doubt_leaves_it_to_a_person(records: list[dict[str, Any]], doubt: str) -> None:
    [found] = match([ACME], records)
    assert (found.outcome, found.record_id) == (Outcome.REVIEW, "C0")
    assert doubt in found.reason


def test_a_record_is_never_given_to_two_companies() -> None:
    found = match([ACME, ACME], [ACME_AGAIN])
    assert [one.outcome for one in found] == [Outcome.REVIEW, Outcome.REVIEW]
    assert all("another company is as like the record" in one.reason for one in found)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("Acme Roofing LLC", Outcome.REVIEW),
        ("Acme Generator Svc", Outcome.MERGE),
        ("Acme Generator", Outcome.MERGE),
    ],
)
def test_another_trade_at_the_same_phone_and_site_may_be_a_sister_firm(name: str, outcome: Outcome) -> None:
    [found] = match([ACME], [{**ACME, "company_name": name}])
    assert found.outcome is outcome
    assert ("sister firm on the same phone" in found.reason) is (outcome is Outcome.REVIEW)
    assert found.score is not None
    assert found.score.bits >= load_model().thresholds.write


def test_a_branch_is_not_the_record() -> None:
    assert match([ACME_TAMPA], [ACME])[0].outcome is Outcome.NEW


def test_the_threshold_is_that_for_writing() -> None:
    [found] = match([ACME], [ACME_AGAIN])
    assert found.score is not None
    limits = load_model().thresholds
    strict = limits.model_copy(update={"write": found.score.bits + 0.01})
    assert limits.auto < found.score.bits
    model = load_model().model_copy(update={"thresholds": strict})
    assert match([ACME], [ACME_AGAIN], model)[0].outcome is Outcome.REVIEW


def test_a_record_that_a_person_rejected_stands_in_no_other_ones_way() -> None:
    ours, theirs = [raw("L0", ACME)], [raw("C0", ACME), raw("C1", ACME_AGAIN)]
    [found] = match_crm_records(ours, theirs, load_model(), {("L0", "C0")})
    assert (found.outcome, found.record_id) == (Outcome.MERGE, "C1")
    [found] = match_crm_records(ours, theirs, load_model(), {("L0", "C0"), ("L0", "C1")})
    assert (found.outcome, found.record_id) == (Outcome.NEW, None)
