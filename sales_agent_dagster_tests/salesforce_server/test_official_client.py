"""simple-salesforce, unmodified, against the stand-in."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import requests
from simple_salesforce import Salesforce, SalesforceMalformedRequest
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.clock import START
from sales_agent_dagster_tests.salesforce_server.keys import new_key, private_pem, public_pem
from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, USERNAME
from sales_agent_dagster_tests.salesforce_server.official import KEY, lead, upsert
from sales_agent_dagster_tests.salesforce_server.schema import Field


def test_logs_in_with_client_credentials(client: Salesforce, salesforce: RunningServer) -> None:
    assert client.sf_instance == salesforce.url.removeprefix("http://")
    assert client.limits()["DailyApiRequests"]["Max"] == salesforce.app.options.daily_calls
    client.limits()
    assert client.api_usage["api-usage"].used == 2


def test_a_wrong_secret_is_told_as_an_object(salesforce: RunningServer, session: requests.Session) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        Salesforce(consumer_key=CLIENT_ID, consumer_secret="wrong", domain="acme.my", session=session)
    assert caught.value.code == "invalid_client"


def test_logs_in_with_an_assertion_that_the_certificate_proves(
    salesforce: RunningServer, session: requests.Session
) -> None:
    key = new_key()
    salesforce.reset(public_key=public_pem(key))
    # The client takes its times from the real clock, the stand-in does not.
    salesforce.clock.advance((datetime.now(UTC) - START).total_seconds())
    given = {"username": USERNAME, "consumer_key": CLIENT_ID, "session": session}
    client = Salesforce(**given, privatekey=private_pem(key))
    assert client.limits()["DailyApiRequests"]["Max"] > 0
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        Salesforce(**given, privatekey=private_pem(new_key()))
    assert caught.value.code == "invalid_grant"
    salesforce.clock.advance(600)
    with pytest.raises(SalesforceAuthenticationFailed, match="expired"):
        Salesforce(**given, privatekey=private_pem(key))


def test_a_dead_token_is_renewed_by_the_client(client: Salesforce, salesforce: RunningServer) -> None:
    salesforce.clock.advance(timedelta(hours=2).total_seconds())
    client.limits()
    assert [asked.path for asked in salesforce.log].count("/services/oauth2/token") == 2


def test_a_token_given_by_hand_dies(
    client: Salesforce, salesforce: RunningServer, session: requests.Session
) -> None:
    plain = Salesforce(
        instance_url="https://x.my.salesforce.com", session_id=client.session_id, session=session
    )
    plain.limits()
    salesforce.app.tokens.expire()
    with pytest.raises(SalesforceExpiredSession):
        plain.limits()


def test_a_lead_is_made_read_changed_and_deleted(client: Salesforce, salesforce: RunningServer) -> None:
    made = client.Lead.create(lead(Email="Ada@Acme.example"))
    assert made["success"]
    held = client.Lead.get(made["id"][:15])
    assert (held["Name"], held["Email"], held["IsConverted"]) == ("Lovelace", "ada@acme.example", False)
    assert client.Lead.update(made["id"], {"FirstName": " Ada "}) == 204
    assert client.Lead.get(made["id"])["Name"] == "Ada Lovelace"
    assert client.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        client.Lead.get(made["id"])
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        client.Lead.update(made["id"], {"FirstName": "A"})


def test_upsert_by_key_makes_then_changes(client: Salesforce) -> None:
    assert client.Lead.upsert("Key__c/a%2Fb", lead()) == 201
    assert client.Lead.upsert("Key__c/A%2FB", lead(FirstName="Ada")) == 200
    assert client.Lead.get_by_custom_id(KEY, "a/b")["FirstName"] == "Ada"
    with pytest.raises(SalesforceMalformedRequest, match="should not be specified"):
        client.Lead.upsert("Key__c/a", lead(Key__c="a"))
    with pytest.raises(SalesforceResourceNotFound):
        client.Lead.upsert("Phone/1", lead())
    with pytest.raises(SalesforceResourceNotFound):
        client.restful(
            "sobjects/Lead/Key__c/new", {"updateOnly": "true"}, method="PATCH", json={"Title": "x"}
        )


def test_an_old_version_answers_upserts_without_a_body(client: Salesforce, session: requests.Session) -> None:
    old = Salesforce(
        instance_url="https://x.salesforce.com", session_id=client.session_id, session=session, version="45.0"
    )
    assert [old.Lead.upsert("Key__c/k", lead()) for _ in range(2)] == [201, 204]


def test_a_key_that_fits_several_is_300(client: Salesforce, salesforce: RunningServer) -> None:
    salesforce.add_field("Lead", Field("Loose__c", external_id=True))
    for _ in range(2):
        client.Lead.create(lead(Loose__c="k"))
    with pytest.raises(SalesforceMoreThanOneRecord):
        client.Lead.upsert("Loose__c/k", lead())


def test_collections_answer_per_record_in_order(client: Salesforce) -> None:
    results = upsert(
        client,
        "Lead",
        lead(Key__c="a"),
        {"Key__c": "b", "LastName": "x"},
        lead(Key__c="A"),
        lead(Key__c="d", Email="nonsense"),
        lead(Key__c="e", Company="x" * 256),
        lead(Key__c="f", FirstName="é" * 40),
    )
    codes = [[error["statusCode"] for error in one["errors"]] for one in results]
    assert codes == [
        [],
        ["REQUIRED_FIELD_MISSING"],
        ["DUPLICATE_VALUE"],
        ["INVALID_EMAIL_ADDRESS"],
        ["STRING_TOO_LONG"],
        [],
    ]
    assert results[1]["errors"][0]["fields"] == ["Company"]
    again = upsert(client, "Lead", lead(Key__c="a"), lead(Key__c="f"))
    assert [one["created"] for one in again] == [False, False]


def test_collections_all_or_none_and_their_limit(client: Salesforce) -> None:
    body = {"allOrNone": True, "records": [{"attributes": {"type": "Lead"}, **one} for one in (lead(), {})]}
    results = client.restful("composite/sobjects", method="POST", json=body)
    assert [one["success"] for one in results] == [False, False]
    assert results[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 0
    with pytest.raises(SalesforceMalformedRequest, match="exceeds the limit of 200"):
        upsert(client, "Lead", *(lead(Key__c=str(number)) for number in range(201)))


def test_a_name_that_is_no_field_spoils_the_whole_collection(client: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        upsert(client, "Lead", lead(Key__c="a"), lead(Key__c="b", Wrong__c=1))
    assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 0


def test_records_are_related_by_key(client: Salesforce) -> None:
    upsert(client, "Account", {"Key__c": "acme", "Name": "Acme"})
    related = {"LastName": "Lovelace", "Account": {KEY: "acme"}}
    results = upsert(
        client, "Contact", {"Key__c": "a", **related}, {"Key__c": "b", **related, "Account": {KEY: "?"}}
    )
    assert [one["success"] for one in results] == [True, False]
    [row] = client.query("SELECT Account.Name FROM Contact WHERE Account.Key__c = 'acme'")["records"]
    assert row["Account"]["Name"] == "Acme"


def test_composite_uses_earlier_answers(client: Salesforce) -> None:
    path = f"/services/data/v{client.sf_version}/sobjects"
    parts = [
        {"method": "POST", "url": f"{path}/Account", "referenceId": "one", "body": {"Name": "Acme"}},
        {
            "method": "POST",
            "url": f"{path}/Contact",
            "referenceId": "two",
            "body": {"LastName": "L", "AccountId": "@{one.id}"},
        },
        {"method": "GET", "url": f"{path}/Contact/@{{two.id}}?fields=AccountId", "referenceId": "three"},
    ]
    found = client.restful("composite", method="POST", json={"compositeRequest": parts})["compositeResponse"]
    assert found[2]["body"]["AccountId"] == found[0]["body"]["id"]
    with pytest.raises(SalesforceMalformedRequest, match="25"):
        client.restful("composite", method="POST", json={"compositeRequest": parts * 9})


@pytest.mark.parametrize(("wish", "saved"), [("allowSave=true", True), ("allowSave=false", False)])
def test_an_alert_can_be_overruled_a_block_cannot(
    client: Salesforce, salesforce: RunningServer, wish: str, saved: bool
) -> None:
    salesforce.duplicate_rule(blocks=False, Lead="Email", Contact="Email")
    contact_id = salesforce.create("Contact", LastName="L", Email="ada@acme.example")
    wishes = {"Sforce-Duplicate-Rule-Header": f"{wish}; includeRecordDetails=true"}
    [result] = upsert(client, "Lead", lead(Key__c="a", Email="ADA@acme.example"), headers=wishes)
    assert result["success"] is saved
    if not saved:
        duplicate = result["errors"][0]["duplicateResult"]
        assert duplicate["allowSave"]
        record = duplicate["matchResults"][0]["matchRecords"][0]["record"]
        assert (record["Id"], record["Name"]) == (contact_id, "L")
    salesforce.duplicate_rule(Lead="Email", Contact="Email")
    [result] = upsert(client, "Lead", lead(Key__c="b", Email="ada@acme.example"), headers=wishes)
    assert result["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"


def test_a_converted_lead_is_locked(client: Salesforce, salesforce: RunningServer) -> None:
    [made] = upsert(client, "Lead", lead(Key__c="a", Email="ada@acme.example"))
    account_id, contact_id = salesforce.convert(made["id"])
    held = client.Lead.get(made["id"])
    assert (held["IsConverted"], held["ConvertedAccountId"], held["ConvertedContactId"]) == (
        True,
        account_id,
        contact_id,
    )
    assert client.Contact.get(contact_id)["Email"] == "ada@acme.example"
    [result] = upsert(client, "Lead", lead(Key__c="a"))
    assert result["errors"][0]["statusCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"


def test_merged_and_deleted_records_are_in_query_all_until_the_bin_is_emptied(
    client: Salesforce, salesforce: RunningServer
) -> None:
    winner, loser, gone = (salesforce.create("Account", Name=name) for name in "abc")
    contact = salesforce.create("Contact", LastName="L", AccountId=loser)
    salesforce.merge(winner, loser)
    salesforce.delete(gone)
    assert client.query("SELECT COUNT() FROM Account")["totalSize"] == 1
    text = "SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true ORDER BY Name"
    rows = client.query(text, include_deleted=True)["records"]
    assert [(row["Id"], row["MasterRecordId"]) for row in rows] == [(loser, winner), (gone, None)]
    assert client.Contact.get(contact)["AccountId"] == winner
    salesforce.clock.advance(timedelta(days=16).total_seconds())
    assert client.query(text, include_deleted=True)["totalSize"] == 0


def test_changes_of_a_time_are_told(client: Salesforce, salesforce: RunningServer) -> None:
    kept, gone = (salesforce.create("Lead", **lead()) for _ in range(2))
    salesforce.delete(gone)
    start, end = START - timedelta(minutes=5), START + timedelta(minutes=5)
    assert client.Lead.updated(start, end)["ids"] == [kept]
    assert [one["id"] for one in client.Lead.deleted(start, end)["deletedRecords"]] == [gone]
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_REPLICATION_DATE"):
        client.Lead.updated(START - timedelta(days=31), end)


def test_describe_tells_keys_lengths_and_choices(client: Salesforce) -> None:
    fields = {one["name"]: one for one in client.Lead.describe()["fields"]}
    assert (fields[KEY]["externalId"], fields[KEY]["unique"], fields[KEY]["length"]) == (True, True, 64)
    assert (fields["LastName"]["nillable"], fields["LastName"]["length"]) == (False, 80)
    assert fields["Rating"]["picklistValues"][0]["value"] == "Hot"
    assert not fields["SystemModstamp"]["updateable"]
    assert "Lead" in [one["name"] for one in client.describe()["sobjects"]]


def test_bulk_upsert_from_csv(client: Salesforce, salesforce: RunningServer) -> None:
    records = [lead(Key__c="a", Title='x,"y"\nz'), lead(Key__c="b", Email="nonsense"), lead(Key__c="c")]
    [done] = client.bulk2.Lead.upsert(records=records, external_id_field=KEY, wait=0)
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (3, 1)
    results = client.bulk2.Lead.get_all_ingest_records(done["job_id"])
    assert {row["Key__c"] for row in results["successfulRecords"]} >= {"c"}
    good = csv.DictReader(io.StringIO(client.bulk2.Lead.get_successful_records(done["job_id"]), newline=""))
    assert {(row["Key__c"], row["sf__Created"], row["Title"]) for row in good} == {
        ("a", "true", 'x,"y"\nz'),
        ("c", "true", ""),
    }
    assert results["failedRecords"][0]["sf__Error"].startswith("INVALID_EMAIL_ADDRESS:Email:")
    assert results["unprocessedRecords"] == []
    [row] = client.query("SELECT Title FROM Lead WHERE Key__c = 'a'")["records"]
    assert row["Title"] == 'x,"y"\nz'


def test_a_bulk_job_that_fails_has_records_left(client: Salesforce, salesforce: RunningServer) -> None:
    salesforce.fault("bulk_failed", method="PATCH", path="jobs/ingest", rows=1)
    with pytest.raises(Exception, match="InternalServerError"):
        client.bulk2.Lead.upsert(records=[lead(Key__c=key) for key in "abc"], external_id_field=KEY, wait=0)
    job_id = next(iter(salesforce.app.jobs.jobs))
    left = client.bulk2.Lead.get_unprocessed_records(job_id)
    assert [row["Key__c"] for row in csv.DictReader(io.StringIO(left))] == ["c", "b"]
    headers = {"Authorization": f"Bearer {client.session_id}"}
    documented = f"{client.base_url}jobs/ingest/{job_id}/unprocessedrecords/"
    assert client.session.get(documented, headers=headers).text == left


def test_the_day_s_quota_is_a_403(client: Salesforce, salesforce: RunningServer) -> None:
    salesforce.app.options.daily_calls = 2
    client.limits()
    client.limits()
    with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
        client.limits()
    salesforce.clock.advance(86_401)
    client._refresh_session()
    client.limits()
