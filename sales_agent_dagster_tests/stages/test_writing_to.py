from typing import Any

import pytest

from sales_agent_dagster.stages.writing_to import Recipient, recipient_of

JO, INFO = "jo.reed@acme.example", "info@acme.example"


def fact(
    field: str, value: str, source: str = "hunter", sure: float = 0.8, number: int | None = None
) -> dict[str, Any]:
    name = f"{field}.{source.replace(' ', '_')}"
    return {
        "id": name if number is None else f"{name}.{number}",
        "field": field,
        "value": value,
        "source": source,
        "confidence": sure,
    }


def row(*facts: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """A lead without address; the enrichment's columns hold the first fact of each field."""
    first: dict[str, str] = {}
    for item in facts:
        first.setdefault(item["field"], item["value"])
    nothing = dict.fromkeys(("email", "email_kind", "contact_name", "contact_first_name"))
    found = {name: first.get(name) for name in ("contact_email", "company_email")}
    return {**nothing, **found, "facts": list(facts), **columns}


MAIL = fact("contact_email", JO)
PERSON = fact("contact_person", "Jo Reed, Owner")
OFFICE = fact("company_email", INFO, "web page")
OWN = {
    "email": "sam@acme.example",
    "email_kind": "personal",
    "contact_name": "Sam Hill",
    "contact_first_name": "Sam",
}
SHARED = OWN | {"email": INFO, "email_kind": "role"}
JO_LISTED = SHARED | {"contact_name": "Jo Reed", "contact_first_name": "Jo"}
TO_JO = Recipient(JO, "personal", "hunter", "Jo")


@pytest.mark.parametrize(
    ("given", "to"),
    [
        (row(), None),
        (row(MAIL, PERSON), TO_JO),
        (row(OFFICE), Recipient(INFO, "role", "web page")),
        (row(OFFICE, MAIL, PERSON), TO_JO),
        (row(fact("company_email", "a@gmail.com")), Recipient("a@gmail.com", "free_mail", "hunter")),
        # The list's own personal address comes first, a shared one after its contact's found one.
        (row(MAIL, PERSON, **OWN), Recipient("sam@acme.example", "personal", None, "Sam")),
        (row(MAIL, PERSON, **JO_LISTED), TO_JO),
        (row(MAIL, **JO_LISTED), TO_JO),  # nobody says whose it is, but it is made of the contact's name
        (row(MAIL, PERSON, **SHARED), Recipient(INFO, "role", None, "Sam")),
        # Somebody else's is not greeted by the contact's name, nor the contact by theirs.
        (row(MAIL, PERSON, **OWN | {"email": None}), Recipient(JO, "personal", "hunter")),
        # A role's, a private or an unsure address is no person's business address.
        (row(fact("contact_email", "sales@acme.example")), None),
        (row(fact("contact_email", "jo.reed@gmail.com")), None),
        (row(fact("contact_email", JO, sure=0.59)), None),
        (row(fact("company_email", INFO, sure=0.59)), None),
    ],
)  # fmt: skip
def test_whom_drafts_are_for(given: dict[str, Any], to: Recipient | None) -> None:
    assert recipient_of(given, ()) == to


@pytest.mark.parametrize("barred", [[JO], [JO, "other@acme.example"]])
def test_who_opted_out_is_not_written_to(barred: list[str]) -> None:
    assert recipient_of(row(MAIL, PERSON), barred) is None
    assert recipient_of(row(MAIL, PERSON, OFFICE), barred) == Recipient(INFO, "role", "web page")
    assert recipient_of(row(MAIL, PERSON, OFFICE), [*barred, INFO]) is None


@pytest.mark.parametrize(
    ("status", "usable"), [("valid", True), ("unknown", True), ("invalid", False), ("disposable", False)]
)
def test_what_a_verifier_calls_dead_is_no_address(status: str, usable: bool) -> None:
    verified = fact("email_status", status) | {"quote": JO}
    of_finder = fact("email_status", status)
    other = fact("email_status", status) | {"quote": "other@acme.example"}
    for facts in ((MAIL, PERSON, verified), (MAIL, PERSON, of_finder)):
        assert recipient_of(row(*facts), ()) == (TO_JO if usable else None)
    assert recipient_of(row(MAIL, PERSON, other), ()) == TO_JO
    own = fact("email_status", status) | {"quote": "Sam@acme.example"}
    assert recipient_of(row(own, **OWN), ()) == (
        Recipient("sam@acme.example", "personal", None, "Sam") if usable else None
    )


@pytest.mark.parametrize(
    ("person", "number", "first"),
    [("Jo Reed", 2, "Jo"), ("Sam Hill", 1, None), ("Reed", 1, None)],
)
def test_a_websites_numbers_do_not_pair_people_and_addresses(
    person: str, number: int, first: str | None
) -> None:
    mail = fact("contact_email", JO, "web page", number=1)
    named = fact("contact_person", person, "web page", number=number)
    assert recipient_of(row(mail, named), ()) == Recipient(JO, "personal", "web page", first)


def test_people_and_addresses_of_a_provider_are_paired_by_number() -> None:
    facts = [
        fact("contact_email", "boss@acme.example", number=1),
        fact("contact_person", "Al Stone, Owner", number=1),
        fact("contact_person", "Jo Reed", number=2),
    ]
    assert recipient_of(row(*facts), ()) == Recipient("boss@acme.example", "personal", "hunter", "Al")
