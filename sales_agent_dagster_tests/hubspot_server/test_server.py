"""The stand-in does what HubSpot does, by the word of its official client, which is not changed for it."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.associations.v4 import ApiException as AssociationsError
from hubspot.crm.companies import ApiException as CompaniesError
from hubspot.crm.contacts import ApiException as ContactsError
from hubspot.crm.properties import ApiException as PropertiesError
from hubspot.utils.signature import Signature
from pydantic import SecretStr

from sales_agent_dagster.crm.hubspot.webhooks import signature_of
from sales_agent_dagster_tests.hubspot_server import RunningServer

KEY = {"label": "Key", "type": "string", "fieldType": "text", "hasUniqueValue": True}


def upsert(client: HubSpot, *rows: dict[str, Any]) -> Any:
    inputs = [
        {"idProperty": "key", "id": row["key"], "properties": row, "objectWriteTraceId": row["key"]}
        for row in rows
    ]
    return client.crm.companies.batch_api.upsert({"inputs": inputs})


def test_an_object_is_created_read_changed_and_archived(hubspot: RunningServer, client: HubSpot) -> None:
    api = client.crm.companies.basic_api
    made = api.create({"properties": {"name": "Acme", "numberofemployees": 12, "city": ""}})
    assert made.properties["numberofemployees"] == "12"
    assert made.created_at == made.updated_at
    hubspot.clock.advance(5)
    changed = api.update(made.id, {"properties": {"city": " Austin ", "numberofemployees": None}})
    assert (changed.properties["city"], changed.properties["numberofemployees"]) == ("Austin", None)
    read = api.get_by_id(made.id, properties=["name", "phone", "nonsense"])
    assert read.properties == {
        "name": "Acme",
        "phone": None,
        "createdate": "2026-03-02T09:30:00.000Z",
        "hs_lastmodifieddate": "2026-03-02T09:30:05.000Z",
        "hs_object_id": made.id,
    }
    api.archive(made.id)
    api.archive(made.id)
    with pytest.raises(CompaniesError) as gone:
        api.get_by_id(made.id)
    assert gone.value.status == 404
    page = api.get_page(archived=True)
    assert [(one.id, one.archived) for one in page.results] == [(made.id, True)]
    assert page.results[0].archived_at == changed.updated_at


def test_pages_end_without_paging(hubspot: RunningServer, client: HubSpot) -> None:
    hubspot.add_many("contacts", [{"firstname": f"P{number}"} for number in range(5)])
    first = client.crm.contacts.basic_api.get_page(limit=3)
    last = client.crm.contacts.basic_api.get_page(limit=3, after=first.paging.next.after)
    assert [one.properties["firstname"] for one in first.results + last.results] == [
        "P0",
        "P1",
        "P2",
        "P3",
        "P4",
    ]
    assert last.paging is None
    assert len(client.crm.contacts.get_all()) == 5


def test_an_address_is_unique_and_the_error_names_its_holder(client: HubSpot) -> None:
    api = client.crm.contacts.basic_api
    made = api.create({"properties": {"email": "Jo@Acme.example"}})
    with pytest.raises(ContactsError) as taken:
        api.create({"properties": {"email": "jo@acme.example"}})
    assert taken.value.status == 409
    assert f"Contact already exists. Existing ID: {made.id}" in taken.value.body
    found = api.get_by_id("JO@acme.example", id_property="email", properties=["email"])
    assert (found.id, found.properties["email"]) == (made.id, "jo@acme.example")


def test_upserts_by_a_unique_property(client: HubSpot) -> None:
    first = upsert(client, {"key": "a", "name": "A"}, {"key": "b", "name": "B"})
    assert sorted((one.object_write_trace_id, one.new) for one in first.results) == [("a", True), ("b", True)]
    second = upsert(client, {"key": "A", "city": "Austin"})
    assert [(one.id, one.new) for one in second.results] == [
        (one.id, False) for one in first.results if one.object_write_trace_id == "a"
    ]
    with pytest.raises(CompaniesError, match="Duplicate IDs"):
        upsert(client, {"key": "c"}, {"key": "C"})
    inputs = [{"idProperty": "name", "id": "A", "properties": {}}]
    with pytest.raises(CompaniesError, match="not a unique property"):
        client.crm.companies.batch_api.upsert({"inputs": inputs})


def test_a_bad_row_fails_the_batch_or_itself(hubspot: RunningServer, client: HubSpot) -> None:
    rows = [{"key": "a"}, {"key": "b", "numberofemployees": "many"}, {"key": "c"}]
    with pytest.raises(CompaniesError) as refused:
        upsert(client, *rows)
    assert refused.value.status == 400
    assert '"category":"VALIDATION_ERROR"' in refused.value.body
    assert hubspot.active("companies") == {}
    hubspot.app.batches.partial = True
    partial = upsert(client, *rows)
    assert sorted(one.properties["key"] for one in partial.results) == ["a", "c"]
    assert (partial.num_errors, partial.errors[0].context) == (1, {"objectWriteTraceId": ["b"]})


def test_batches_have_at_most_a_hundred_rows(client: HubSpot) -> None:
    with pytest.raises(CompaniesError) as refused:
        upsert(client, *({"key": f"k{number}"} for number in range(101)))
    assert refused.value.status == 400
    with pytest.raises(CompaniesError):
        client.crm.companies.batch_api.upsert({"inputs": []})


def test_batch_read_update_create_and_archive(hubspot: RunningServer, client: HubSpot) -> None:
    api = client.crm.companies.batch_api
    made = api.create({"inputs": [{"properties": {"name": "A", "key": "a"}}, {"properties": {"name": "B"}}]})
    ids = {one.properties["name"]: one.id for one in made.results}
    update = {"inputs": [{"id": ids["A"], "properties": {"city": "Austin"}}, {"id": "1", "properties": {}}]}
    changed = api.update(update)
    assert [one.properties["city"] for one in changed.results] == ["Austin"]
    assert changed.errors[0].context == {"ids": ["1"]}
    read = api.read(
        {
            "inputs": [{"id": "a"}, {"id": "none"}],
            "idProperty": "key",
            "properties": ["city"],
            "propertiesWithHistory": ["city"],
        }
    )
    assert [one.properties["city"] for one in read.results] == ["Austin"]
    assert [entry.value for entry in read.results[0].properties_with_history["city"]] == ["Austin", ""]
    assert read.num_errors == 1
    api.archive({"inputs": [{"id": ids["A"]}, {"id": "1"}]})
    assert list(hubspot.active("companies")) == [ids["B"]]
    archived = api.read({"inputs": [{"id": "a"}], "idProperty": "key", "properties": []}, archived=True)
    assert [one.id for one in archived.results] == [ids["A"]]


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"nonsense": "x"}, "PROPERTY_DOESNT_EXIST"),
        ({"createdate": "2026-01-01"}, "READ_ONLY_VALUE"),
        ({"lifecyclestage": "nonsense"}, "INVALID_OPTION"),
        ({"numberofemployees": "1e3"}, "INVALID_LONG"),
        ({"name": "x" * 65_537}, "PROPERTY_VALUE_TOO_LONG"),
    ],
)
def test_values_are_checked(client: HubSpot, properties: dict[str, Any], code: str) -> None:
    with pytest.raises(CompaniesError) as refused:
        client.crm.companies.basic_api.create({"properties": properties})
    assert refused.value.status == 400
    assert f'"code":"{code}"' in refused.value.body


def test_merging_keeps_one_and_both_ids_lead_to_it(hubspot: RunningServer, client: HubSpot) -> None:
    kept, lost = (
        hubspot.add("companies", name="Kept"),
        hubspot.add("companies", name="Lost", city="Austin", key="k"),
    )
    contact = hubspot.add("contacts", email="jo@acme.example")
    hubspot.associate("contacts", contact, "companies", lost)
    merged = client.crm.companies.basic_api.merge({"primaryObjectId": kept, "objectIdToMerge": lost})
    assert merged.id == kept
    found = client.crm.companies.basic_api.get_by_id(
        lost,
        properties=["name", "city", "key", "hs_merged_object_ids"],
        properties_with_history=["key"],
        associations=["contacts"],
    )
    assert found.id == kept
    values = found.properties
    assert (values["name"], values["city"], values["key"], values["hs_merged_object_ids"]) == (
        "Kept",
        "Austin",
        None,
        lost,
    )
    assert "k" in [entry.value for entry in found.properties_with_history["key"]]
    assert [one.id for one in found.associations["contacts"].results] == [contact]
    assert list(hubspot.active("companies")) == [kept]


def test_gdpr_deletion_leaves_nothing(hubspot: RunningServer, client: HubSpot) -> None:
    contact = hubspot.add("contacts", email="jo@acme.example")
    client.crm.contacts.basic_api.purge({"objectId": "jo@acme.example", "idProperty": "email"})
    assert client.crm.contacts.basic_api.get_page(archived=True).results == []
    assert hubspot.store.records["contacts"] == {}
    with pytest.raises(ContactsError):
        client.crm.contacts.basic_api.get_by_id(contact)


def test_associations_one_by_one_and_in_batches(hubspot: RunningServer, client: HubSpot) -> None:
    company, contact = hubspot.add("companies", name="A"), hubspot.add("contacts", email="jo@acme.example")
    other = hubspot.add("contacts", email="al@acme.example")
    basic, batch = client.crm.associations.v4.basic_api, client.crm.associations.v4.batch_api
    basic.create_default("contact", contact, "company", company)
    basic.create(
        "contact",
        contact,
        "company",
        company,
        [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}],
    )
    page = basic.get_page("contact", contact, "company")
    assert [
        (one.to_object_id, sorted(kind.type_id for kind in one.association_types)) for one in page.results
    ] == [(company, [1, 279])]
    made = batch.create_default(
        "contact", "company", {"inputs": [{"from": {"id": other}, "to": {"id": company}}]}
    )
    assert made.results[0].association_spec.association_type_id == 279
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    [pair] = batch.create(
        "contacts", "companies", {"inputs": [{"from": {"id": other}, "to": {"id": company}, "types": types}]}
    ).results
    assert (pair.from_object_id, pair.to_object_id, pair.labels) == (other, company, [])
    read = batch.get_page("contacts", "companies", {"inputs": [{"id": contact}, {"id": "1"}]})
    assert [one._from.id for one in read.results] == [contact]
    assert read.num_errors == 1
    assert hubspot.linked("companies", company, "contacts") == {contact, other}
    basic.archive("contact", contact, "company", company)
    batch.archive("contacts", "companies", {"inputs": [{"from": {"id": other}, "to": [{"id": company}]}]})
    assert hubspot.linked("companies", company, "contacts") == set()
    with pytest.raises(AssociationsError, match="associationTypeId 3"):
        basic.create(
            "contact",
            contact,
            "company",
            company,
            [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}],
        )
    with pytest.raises(AssociationsError):
        basic.create_default("contact", contact, "company", "1")


def test_a_note_is_created_with_its_associations(hubspot: RunningServer, client: HubSpot) -> None:
    company = hubspot.add("companies", name="A")
    api = client.crm.objects.notes.basic_api
    ends = [
        {
            "to": {"id": company},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 190}],
        }
    ]
    note = api.create(
        {"properties": {"hs_note_body": "Hi", "hs_timestamp": "2026-03-02T00:00:00Z"}, "associations": ends}
    )
    assert hubspot.linked("companies", company, "notes") == {note.id}
    with pytest.raises(Exception, match="hs_timestamp"):
        api.create({"properties": {"hs_note_body": "Hi"}, "associations": []})


def test_properties_of_an_account(client: HubSpot) -> None:
    api = client.crm.properties.core_api
    assert {one.name: one.has_unique_value for one in api.get_all("companies").results}["key"]
    given = {"name": "tier", "groupName": "companyinformation", **KEY, "hasUniqueValue": False}
    assert api.create("companies", given).hubspot_defined is False
    with pytest.raises(PropertiesError) as there:
        api.create("companies", given)
    assert there.value.status == 409
    for number in range(9):
        api.create("companies", {**given, "name": f"u{number}", "hasUniqueValue": True})
    for bad in ({"name": "u10", "hasUniqueValue": True}, {"name": "Bad Name"}, {"name": "x", "label": ""}):
        with pytest.raises(PropertiesError) as refused:
            api.create("companies", {**given, **bad})
        assert refused.value.status == 400
    api.archive("companies", "tier")
    with pytest.raises(PropertiesError) as gone:
        api.get_by_name("companies", "tier")
    assert gone.value.status == 404


def test_owners_pipelines_and_account(client: HubSpot) -> None:
    assert [one.email for one in client.crm.owners.owners_api.get_page().results] == ["rep@sales.example"]
    (pipeline,) = client.crm.pipelines.pipelines_api.get_all("deals").results
    assert [stage.id for stage in pipeline.stages] == ["appointmentscheduled", "closedwon", "closedlost"]
    details = client.api_request({"path": "/account-info/v3/details", "base_url": client.config["host"]})
    assert details.json()["portalId"] == 62515


def test_dated_paths_and_those_that_are_not_served(hubspot: RunningServer, client: HubSpot) -> None:
    def status(path: str) -> int:
        return int(client.api_request({"path": path, "base_url": hubspot.url}).status_code)

    assert status("/crm/objects/2026-09/companies") == status("/crm/objects/2026-09/0-2") == 200
    assert status("/crm/objects/2031-01/companies") == 404
    assert status("/crm/objects/2026-09/nonsense") == 400
    assert status("/nonsense") == 404
    assert status("/crm/v3/nonsense") == 404
    assert status("/crm/v3/objects/companies/batch/nonsense/x") == 404


def test_the_token_is_needed(hubspot: RunningServer) -> None:
    with pytest.raises(CompaniesError) as refused:
        HubSpot(access_token="other", host=hubspot.url).crm.companies.basic_api.get_page()
    assert refused.value.status == 401
    assert "INVALID_AUTHENTICATION" in refused.value.body


@pytest.mark.parametrize("body", ['[{"eventId":1}]', "", "ü🔧"])
def test_the_official_signature_is_ours(body: str) -> None:
    uri = "https://www.example.com/hooks?portal=1"
    given = ("secret", body, "v3", uri, "POST", "1772443800000")
    assert Signature.get_signature(*given) == signature_of(
        SecretStr("secret"), "POST", uri, body.encode(), given[-1]
    )
