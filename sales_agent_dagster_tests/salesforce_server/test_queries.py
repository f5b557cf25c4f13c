"""SOQL, as the official client asks it."""

from __future__ import annotations

import pytest
from simple_salesforce import Salesforce, SalesforceMalformedRequest, format_soql

from sales_agent_dagster_tests.salesforce_server.official import lead, upsert


def test_queries_and_their_pages(client: Salesforce) -> None:
    for start in range(0, 450, 150):
        upsert(client, "Lead", *(lead(Key__c=f"k{number}") for number in range(start, start + 150)))
    text = "SELECT Id, Key__c FROM Lead WHERE Company = 'ACME' ORDER BY Key__c DESC"
    first = client.query(text, headers={"Sforce-Query-Options": "batchSize=200"})
    assert (first["totalSize"], len(first["records"]), first["done"]) == (450, 200, False)
    second = client.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    third = client.query_more(second["nextRecordsUrl"], identifier_is_url=True)
    assert third["done"]
    keys = [one["Key__c"] for page in (first, second, third) for one in page["records"]]
    assert keys == sorted({f"k{number}" for number in range(450)}, reverse=True)
    assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 450


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("FirstName = 'ADA'", ["a"]),
        ("FirstName != 'Ada'", ["b", "c"]),
        ("FirstName = null", ["c"]),
        ("FirstName LIKE '%o_'", ["b"]),
        ("NOT (FirstName = 'Ada' OR FirstName = null)", ["b"]),
        ("AnnualRevenue > 5 AND AnnualRevenue <= 10", ["b"]),
        ("Key__c IN ('a', 'c') AND Key__c NOT IN ('c')", ["a"]),
        ("DoNotCall = true", ["b"]),
        ("SystemModstamp >= 2026-03-02T09:30:00Z AND FirstName <> null", ["a", "b"]),
        ("SystemModstamp > 2026-03-02T10:30:00+01:00", []),
        ("CreatedBy.Name = 'Integration' AND FirstName = 'Ada'", ["a"]),
    ],
)
def test_conditions(client: Salesforce, condition: str, found: list[str]) -> None:
    upsert(
        client,
        "Lead",
        lead(Key__c="a", FirstName="Ada", AnnualRevenue=5),
        lead(Key__c="b", FirstName="Bob", AnnualRevenue=10, DoNotCall=True),
        lead(Key__c="c"),
    )
    rows = client.query(f"SELECT Key__c FROM Lead WHERE {condition} ORDER BY Key__c")["records"]
    assert [row["Key__c"] for row in rows] == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"),
        ("SELECT Id, FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Email = 'a' b", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Email = 'a'b'", "MALFORMED_QUERY"),
        ("SELECT Nonsense FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
    ],
)
def test_bad_queries_are_refused(client: Salesforce, text: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        client.query(text)
    assert caught.value.content[0]["errorCode"] == code


def test_the_client_s_own_quoting_is_understood(client: Salesforce) -> None:
    odd = 'O\'Hara \\ "x"\tü\n'
    upsert(client, "Lead", lead(Key__c="k", Company=odd))
    [row] = client.query(format_soql("SELECT Company FROM Lead WHERE Company = {}", odd.strip()))["records"]
    assert row["Company"] == odd.strip()
