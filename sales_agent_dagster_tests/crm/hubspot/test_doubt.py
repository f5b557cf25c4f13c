"""Refusals after an answer that was lost: what may have been done is not called undone."""

from __future__ import annotations

import pytest

from sales_agent_dagster.crm.contract import Deferred, Failed, PushResult, Unknown
from sales_agent_dagster.crm.hubspot.client import Client
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster_tests.crm.hubspot.operations import create, pushed
from sales_agent_dagster_tests.hubspot_server import RunningServer

UPSERT = "POST .*batch/upsert"


@pytest.mark.parametrize(("fault", "times"), [("401", 1), ("403", 1), ("429_daily", 1), ("423", 4)])
def test_what_an_attempt_without_an_answer_did_is_not_called_due(
    hubspot: RunningServer, crm: HubSpot, fault: str, times: int
) -> None:
    hubspot.fail("drop", where=UPSERT)
    hubspot.fail(fault, where=UPSERT, times=times)
    (unknown,) = pushed(crm, create("a"))
    assert isinstance(unknown, Unknown)
    assert len(hubspot.active("companies")) == 1


@pytest.mark.parametrize(("category", "once"), [("RATE_LIMITS", Deferred), ("OBJECT_NOT_FOUND", Failed)])
@pytest.mark.parametrize("perhaps_done", [False, True])
def test_a_row_that_is_refused_may_have_been_written_before(
    crm: HubSpot, monkeypatch: pytest.MonkeyPatch, perhaps_done: bool, category: str, once: type[PushResult]
) -> None:
    error = {"category": category, "context": {"ids": ["a"]}}
    monkeypatch.setattr(Client, "write", lambda *_: ({"errors": [error]}, perhaps_done))
    (result,) = pushed(crm, create("a"))
    assert isinstance(result, Unknown if perhaps_done else once)


@pytest.mark.parametrize("merged", [False, True])
def test_a_create_is_not_sent_again_once_a_person_took_its_record_away(
    hubspot: RunningServer, crm: HubSpot, monkeypatch: pytest.MonkeyPatch, merged: bool
) -> None:
    other = hubspot.add("companies", name="Other")
    advance = hubspot.clock.advance

    def meanwhile(seconds: float) -> None:
        monkeypatch.setattr(hubspot.clock, "advance", advance)
        [made] = (one for one in hubspot.active("companies") if one != other)
        if merged:
            hubspot.merge("companies", other, made)
        else:
            hubspot.delete("companies", made)
        advance(60)  # and the index has seen it

    monkeypatch.setattr(hubspot.clock, "advance", meanwhile)
    hubspot.fail("drop", where=UPSERT)
    operation = create("a")
    (result,) = pushed(crm, operation)
    (told,) = crm.reconcile([operation])
    assert isinstance(result, Unknown)
    assert list(hubspot.active("companies")) == [other]
    assert told.record is not None
    assert (told.record.archived, told.record.remote_id == other) == (not merged, merged)


def test_a_create_is_not_sent_again_while_nobody_can_tell_whether_its_record_has_gone(
    hubspot: RunningServer, crm: HubSpot
) -> None:
    hubspot.fail("drop", where=UPSERT)
    hubspot.fail("503", where="batch/read", times=10)
    (result,) = pushed(crm, create("a"))
    assert isinstance(result, Unknown)
    assert sum("upsert" in one.path for one in hubspot.writes()) == 1
