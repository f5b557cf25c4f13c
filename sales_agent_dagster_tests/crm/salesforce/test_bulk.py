"""Many records as one job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import Deferred, Failed, FailureClass, Operation, Sent, Unknown
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.crm.salesforce.bulk import error_of
from sales_agent_dagster_tests.crm.salesforce.organisation import (
    KEY,
    connect,
    create,
    options_of,
    push,
    update,
)
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.errors import bad

MANY = 220


@pytest.fixture
def bulk(organisation: RunningServer) -> Iterator[SalesforceConnector]:
    """More than 200 go as a job."""
    connector = connect(organisation, bulk_above=200)
    yield connector
    connector.close()


def firms() -> list[Operation]:
    return [create(Kind.COMPANY, f"k{number}", company=f'"Firm", {number}\nLtd') for number in range(MANY)]


def jobs(server: RunningServer) -> list[str]:
    return [asked.method for asked in server.writes if "jobs/ingest" in asked.path]


def test_many_creates_go_as_one_job(bulk: SalesforceConnector, organisation: RunningServer) -> None:
    operations = firms()
    operations[3] = create(Kind.COMPANY, "bad", company="x" * 300)
    operations[5] = create(Kind.COMPANY, "mark", company="#N/A")
    operations[7] = create(Kind.COMPANY, "more", company="More", score=1.5, tier="A", next_step=None)
    results = push(bulk, *operations)
    assert isinstance(results[3], Failed)
    assert results[3].failure == FailureClass.VALIDATION
    others = [result for result in results if isinstance(result, Sent)]
    assert len(others) == MANY - 1
    assert all(result.created for result in others)
    assert jobs(organisation) == ["POST", "PUT", "PATCH"]
    assert len(organisation.writes) == 4
    held = {lead[KEY]: lead for lead in organisation.records("Lead")}
    assert held["k0"]["Company"] == '"Firm", 0\nLtd'
    assert held["k0"]["Id"] == others[0].remote_id
    assert held["mark"]["Company"] == "#N/A"
    assert held["more"]["Sales_Agent_Score__c"] == 1.5
    again = push(bulk, *firms())
    assert not any(result.created for result in again[:3] if isinstance(result, Sent))
    assert len(organisation.records("Lead")) == MANY + 2


def test_many_updates_by_id(bulk: SalesforceConnector, organisation: RunningServer) -> None:
    ids = [organisation.create("Account", Name=str(number), Website="x") for number in range(MANY)]
    organisation.delete(ids[4])
    results = push(bulk, *(update(Kind.COMPANY, one, website=None, company="New") for one in ids))
    assert isinstance(results[4], Failed)
    assert results[4].failure == FailureClass.GONE
    assert [result.remote_id for result in results if isinstance(result, Sent)] == ids[:4] + ids[5:]
    assert organisation.record(ids[0])["Website"] is None
    assert jobs(organisation) == ["POST", "PUT", "PATCH"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_lost_answers_make_no_duplicates(
    bulk: SalesforceConnector, organisation: RunningServer, method: str
) -> None:
    organisation.fault("drop", method=method, path="jobs/ingest")
    results = push(bulk, *firms())
    assert all(isinstance(result, Sent) for result in results)
    assert len(organisation.records("Lead")) == MANY


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_step_that_was_done_already_may_be_refused_with_any_code(
    bulk: SalesforceConnector, organisation: RunningServer, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sales_agent_dagster_tests.salesforce_server.bulk.bad",
        lambda code, message: bad("INVALIDJOB", message),
    )
    organisation.fault("drop", method=method, path="jobs/ingest")
    assert all(isinstance(result, Sent) for result in push(bulk, *firms()))
    assert len(organisation.records("Lead")) == MANY


def test_a_job_that_could_not_be_filled_is_not_done(
    bulk: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.fault("reset", method="PUT", path="jobs/ingest", times=5)
    results = push(bulk, *firms())
    assert {type(result) for result in results} == {Deferred}
    assert {job.state for job in organisation.app.jobs.jobs.values()} == {"Aborted"}
    assert not organisation.records("Lead")
    organisation.fault("reset", path="jobs/ingest", times=100)
    assert {type(result) for result in push(bulk, *firms())} == {Deferred}


def test_a_job_whose_end_is_not_seen_is_unknown(
    bulk: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.fault("502", method="GET", path="jobs/ingest", times=100)
    assert {type(result) for result in push(bulk, *firms())} == {Unknown}


def test_a_job_that_takes_too_long_is_unknown(
    organisation: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("sales_agent_dagster.crm.salesforce.bulk.LONGEST_WAIT_S", 60.0)
    connector = connect(organisation, options_of(sleep=slept.append), bulk_above=200)
    organisation.app.jobs.polls = 10_000
    results = push(connector, *firms())
    connector.close()
    assert {type(result) for result in results} == {Unknown}
    assert 60 <= sum(slept) < 70
    assert max(slept) == 10


def test_rows_that_a_failed_job_left_are_due_later(
    bulk: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.fault("bulk_failed", method="PATCH", path="jobs/ingest", rows=100)
    results = push(bulk, *firms())
    assert sum(isinstance(result, Sent) for result in results) == 100
    left = [result for result in results if isinstance(result, Deferred)]
    assert {result.failure for result in left} == {FailureClass.TRANSIENT}
    assert len(left) == MANY - 100
    [job] = organisation.app.jobs.jobs.values()
    assert {result.message.partition("before this row: ")[2] for result in left} == {job.error}
    assert len(organisation.records("Lead")) == 100


def test_refused_jobs_stop_the_push(bulk: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.fault("quota", method="POST", path="jobs/ingest")
    results = push(bulk, *firms(), create(Kind.NOTE, "n", body="x", company_id="001"))
    assert {result.failure for result in results if isinstance(result, Deferred)} == {FailureClass.RATE}
    assert len(organisation.writes) == 1


def test_results_that_name_no_row_are_unknown(
    bulk: SalesforceConnector, organisation: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = organisation.app.jobs.result
    monkeypatch.setattr(
        organisation.app.jobs, "result", lambda job, which: original(job, which).replace(b'"k7"', b'"?"')
    )
    results = push(bulk, *firms())
    assert [number for number, result in enumerate(results) if isinstance(result, Unknown)] == [7]


def test_errors_of_rows_are_read_from_one_cell() -> None:
    text = "REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --"
    assert error_of(text) == {
        "statusCode": "REQUIRED_FIELD_MISSING",
        "message": "Required fields are missing: [Company]",
        "fields": ["Company"],
    }
    assert error_of("UNABLE_TO_LOCK_ROW:locked:--")["fields"] == []
    assert error_of("UNKNOWN") == {"statusCode": "UNKNOWN", "message": "", "fields": []}


@pytest.mark.parametrize(
    ("method", "expected"), [("PUT", Deferred), ("PATCH", Unknown)], ids=["upload", "close"]
)
def test_a_refused_step_of_a_job(
    bulk: SalesforceConnector, organisation: RunningServer, method: str, expected: type
) -> None:
    organisation.fault("forbidden", method=method, path="jobs/ingest", times=2)
    assert {type(result) for result in push(bulk, *firms())} == {expected}


def test_a_job_that_is_refused_is_no_row_s_fault(
    bulk: SalesforceConnector, organisation: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_agent_dagster_tests.salesforce_server.bulk.MAX_BYTES", 100)
    organisation.fault("forbidden", method="PATCH", path="jobs/ingest")
    results = push(bulk, *firms())
    assert {result.failure for result in results if isinstance(result, Deferred)} == {FailureClass.PERMISSION}
    assert len(results) == MANY
    assert {job.state for job in organisation.app.jobs.jobs.values()} == {"Open"}


def test_a_job_that_cannot_be_closed_is_unknown(
    bulk: SalesforceConnector, organisation: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(job: object, state: str) -> None:
        raise bad("INVALIDJOB", "no")

    monkeypatch.setattr(organisation.app.jobs, "close", refuse)
    assert {type(result) for result in push(bulk, *firms())} == {Unknown}
