"""Whom e-mail drafts are for: the lead's own address, else one that a provider of facts found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_role_mailbox
from sales_agent_dagster.enrichment.subjects import is_business_address, is_made_of

SURE = 0.6
"""A found address less certain than this is not written to."""

_TELLING = frozenset({"contact_email", "contact_person", "company_email", "email_status"})
_DEAD = frozenset({"invalid", "disposable"})

Facts = Sequence[Mapping[str, Any]]
Row = Mapping[str, Any] | sa.RowMapping


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address and who reads it.

    Attributes:
        kind: personal, role or free_mail.
        source: of a found address, as facts name it; None for the list's own.
        first_name: to greet; None when nobody knows who reads it.
    """

    email: str
    kind: str
    source: str | None = None
    first_name: str | None = None


def recipient_of(row: Row, barred: Collection[str]) -> Recipient | None:
    """Whom to write to; None when there is no address that may be used.

    The lead's own personal address comes first, then the found one of its contact, or of anybody where the
    list names nobody, then its own shared address, then somebody else's found one, then the company's. An
    address that a verifier calls dead is none.

    Args:
        row: ``email``, ``contact_name``, ``contact_first_name`` of the list; ``email_kind``,
            ``contact_email``, ``company_email``, ``facts`` of the enrichment.
        barred: found addresses, lower case, that must not be written to.
    """
    facts: Facts = [fact for fact in row["facts"] or () if fact.get("field") in _TELLING]
    unusable = {*barred, *_dead(facts)}
    own = _own(row, unusable)
    if own is not None and own.kind == "personal":
        return own
    person = _person(row, facts, unusable)
    if person is not None and (person.first_name == row["contact_first_name"] or not row["contact_name"]):
        return person
    return own or person or _company(row, facts, unusable)


def found_addresses(row: Row) -> list[str]:
    """The found addresses of a row, lower case."""
    return [row[name].casefold() for name in ("contact_email", "company_email") if row[name]]


def _own(row: Row, unusable: Collection[str]) -> Recipient | None:
    email = row["email"]
    if not email or email.casefold() in unusable:
        return None
    return Recipient(email, row["email_kind"], first_name=row["contact_first_name"])


def _person(row: Row, facts: Facts, unusable: Collection[str]) -> Recipient | None:
    fact = _sure(facts, "contact_email", row["contact_email"], unusable)
    if fact is None or not is_business_address(fact["value"]) or is_role_mailbox(fact["value"]):
        return None
    name, contact = _name(row, facts, fact), row["contact_name"]
    # Drafts greet by one name: where the list's contact is somebody else, by none.
    first = name.split()[0] if name and (not contact or name.casefold() == contact.casefold()) else None
    return Recipient(fact["value"], "personal", fact["source"], first)


def _company(row: Row, facts: Facts, unusable: Collection[str]) -> Recipient | None:
    fact = _sure(facts, "company_email", row["company_email"], unusable)
    if fact is None:
        return None
    email = fact["value"]
    kind = "free_mail" if is_free_mail(email.rpartition("@")[2]) else "role"
    return Recipient(email, kind, fact["source"], row["contact_first_name"])


def _sure(facts: Facts, field: str, value: str | None, unusable: Collection[str]) -> Mapping[str, Any] | None:
    """The surest fact with the value, if it is sure enough and may be used."""
    if not value or value.casefold() in unusable:
        return None
    found = [fact for fact in facts if fact["field"] == field and fact["value"] == value]
    best = max(found, key=lambda fact: float(fact["confidence"]), default=None)
    return best if best is not None and best["confidence"] >= SURE else None


def _name(row: Row, facts: Facts, address: Mapping[str, Any]) -> str | None:
    """Name of who reads an address.

    What a provider of people says under one number is about one person; a website's facts are numbered field
    by field, so there the address must be made of the name.
    """
    origin = address["id"].removeprefix(address["field"])
    for fact in facts:
        if fact["field"] == "contact_person":
            name = fact["value"].partition(",")[0]
            paired = address["source"] != "web page" and fact["id"].removeprefix(fact["field"]) == origin
            if name and (paired or is_made_of(address["value"], name)):
                return str(name)
    own: str | None = row["contact_name"]
    return own if own and is_made_of(address["value"], own) else None


def _dead(facts: Facts) -> Iterator[str]:
    """Addresses that a verifier calls dead: it quotes them, a finder speaks of the one it found."""
    by_id = {fact["id"]: fact for fact in facts}
    for fact in facts:
        if fact["field"] == "email_status" and fact["value"] in _DEAD:
            paired = by_id.get(fact["id"].replace("email_status", "contact_email", 1))
            email = fact.get("quote") or (paired["value"] if paired else "")
            yield email.casefold()
