"""Whom to leave alone: tokens of who opted out, the profile's lists, and what the CRM's records say."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Fields, SuppressionScope
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.web import read_website
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import enrichment_suppressions, resolved_leads, suppression

ERASURE = "erasure"
"""Source of the entries of people who were erased."""

OPTED_OUT = "asked a provider of facts not to be processed"


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody to be left alone from now on."""

    scope: SuppressionScope
    value: str
    reason: str
    source: str


def token_of(pepper: str, scope: SuppressionScope, value: str) -> str:
    """HMAC-SHA-256 of a normalised value: it can be recognised and not be read back."""
    return hmac.digest(pepper.encode(), f"{scope}:{normal(scope, value)}".encode(), "sha256").hex()


def normal(scope: SuppressionScope, value: str) -> str:
    """A value as it is compared."""
    text = value.strip()
    if scope is SuppressionScope.EMAIL:
        return text.lower().removeprefix("mailto:")
    if scope is SuppressionScope.DOMAIN:
        return read_website(text).domain or text.lower()
    if scope is SuppressionScope.PHONE:
        return read_phones(text).phone or text
    return text


def suppress(context: SyncContext, connection: sa.Connection, entries: Iterable[Entry]) -> int:
    """Remember them; returns how many are new. What is there already stays as it is."""
    now = context.now()
    rows = {
        token: {
            "token": token,
            "scope": entry.scope.value,
            "reason": entry.reason,
            "source": entry.source,
            "run_id": context.run_id,
            "created_at": now,
        }
        for entry in entries
        if normal(entry.scope, entry.value) and (token := token_of(context.pepper, entry.scope, entry.value))
    }
    known = _known(connection, rows)
    new = [row for token, row in rows.items() if token not in known]
    context.warehouse.upsert(connection, suppression, new)
    return len(new)


def _known(connection: sa.Connection, tokens: Iterable[str]) -> dict[str, str]:
    """Reasons of those tokens that are suppressed."""
    found: dict[str, str] = {}
    for some in chunked(sorted(tokens)):
        query = sa.select(suppression.c.token, suppression.c.reason).where(suppression.c.token.in_(some))
        found.update(connection.execute(query).tuples().all())
    return found


def remember_erased(context: SyncContext, connection: sa.Connection, address: str) -> None:
    """Never again: whoever opted out before counts as erased from now on."""
    entry = Entry(SuppressionScope.EMAIL, address, "erased", ERASURE)
    suppress(context, connection, [entry])
    token = token_of(context.pepper, entry.scope, address)
    told = {"reason": entry.reason, "source": entry.source}
    connection.execute(sa.update(suppression).where(suppression.c.token == token).values(told))


def erased_among(context: SyncContext, connection: sa.Connection, addresses: Iterable[str]) -> set[str]:
    """Those of the addresses, in lower case, whose owners were erased."""
    row = suppression.c
    if not connection.scalar(sa.select(sa.exists(sa.select(row.token).where(row.source == ERASURE)))):
        return set()
    tokens = {token_of(context.pepper, SuppressionScope.EMAIL, one): one.strip().lower() for one in addresses}
    found: set[str] = set()
    for some in chunked(sorted(tokens)):
        query = sa.select(row.token).where(row.token.in_(some), row.source == ERASURE)
        found |= {tokens[token] for token in connection.scalars(query)}
    return found


def anybody_suppressed(connection: sa.Connection) -> bool:
    """False saves computing everybody's tokens."""
    return bool(connection.scalar(sa.select(sa.exists(sa.select(suppression.c.token)))))


@dataclass(frozen=True, slots=True)
class Party:
    """A company, or a contact of one, with all that may be suppressed about it.

    Attributes:
        record_id: of the company in the CRM.
    """

    entity_id: str
    fields: Fields
    record_id: str | None = None


def suppressed_leads(
    connection: sa.Connection, pepper: str, leads: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """Reasons by lead, of those whose address, number or domain is suppressed.

    ``leads`` hold ``lead_id``, ``email``, ``phone`` and ``website``.
    """
    parties = {lead["lead_id"]: Party("", lead) for lead in leads}
    opted_out = _opted_out(connection, parties.values())
    found = {lead_id: OPTED_OUT for lead_id, party in parties.items() if opted_out & _addresses(party)}
    return found | _suppressed_by_token(connection, pepper, parties)


def _suppressed_by_token(
    connection: sa.Connection, pepper: str, parties: Mapping[str, Party]
) -> dict[str, str]:
    if not anybody_suppressed(connection):
        return {}
    tokens = {
        lead_id: [token_of(pepper, scope, value) for scope, value in _values(party, "") if value]
        for lead_id, party in parties.items()
    }
    known = _known(connection, {token for some in tokens.values() for token in some})
    return {
        lead_id: next(known[token] for token in some if token in known)
        for lead_id, some in tokens.items()
        if any(token in known for token in some)
    }


class Gates:
    """The gates for some companies and contacts, as the warehouse stands.

    Args:
        parties: all that will be asked about.
    """

    def __init__(self, context: SyncContext, connection: sa.Connection, parties: Sequence[Party]) -> None:
        self._context = context
        self._suppressed = _suppressed_companies(connection, {party.entity_id for party in parties})
        self._opted_out = _opted_out(connection, parties)
        self._known: dict[str, str] = {}
        if anybody_suppressed(connection):
            self._known = _known(connection, {token for party in parties for token, _ in self._tokens(party)})

    def reason(self, party: Party) -> str | None:
        """Why the party is left alone; None when nothing forbids it."""
        if found := self._suppressed.get(party.entity_id):
            return f"suppressed: {found}"
        if self._known:
            for token, scope in self._tokens(party):
                if token in self._known:
                    return f"suppressed by {scope}: {self._known[token]}"
        if self._opted_out & _addresses(party):
            return f"suppressed: {OPTED_OUT}"
        if not self._context.suppress:
            return None
        listed = self._context.suppress.reason(_as_lead(party.fields))
        return f"suppressed: {listed}" if listed else None

    def _tokens(self, party: Party) -> list[tuple[str, SuppressionScope]]:
        return tokens_of(self._context, party)


def tokens_of(context: SyncContext, party: Party) -> list[tuple[str, SuppressionScope]]:
    """Tokens under which a party may be suppressed."""
    values = _values(party, context.crm)
    return [(token_of(context.pepper, scope, value), scope) for scope, value in values]


def told_by_crm(kind_fields: Mapping[str, Any]) -> str | None:
    """Why the CRM's own record says to leave it alone."""
    for name, words in _FLAGS.items():
        if kind_fields.get(name):
            return f"suppressed: the CRM says {words}"
    return None


_FLAGS = {
    "existing_customer": "it is a customer",
    "do_not_call": "not to call",
    "email_opt_out": "not to write",
}


def _opted_out(connection: sa.Connection, parties: Iterable[Party]) -> set[str]:
    """Addresses and hosts of the parties whose owner told a provider of facts to leave them alone."""
    value, found = enrichment_suppressions.c.value, set[str]()
    if not connection.scalar(sa.select(sa.exists(sa.select(value)))):
        return found
    asked = sorted(set[str]().union(*(_addresses(party) for party in parties)))
    for some in chunked(asked):
        found.update(connection.scalars(sa.select(value).where(value.in_(some))))
    return found


def _addresses(party: Party) -> set[str]:
    email = str(party.fields.get("email") or "").lower()
    host = read_website(str(party.fields.get("website") or "")).host
    return {value for value in (email, host) if value}


def _values(party: Party, crm: str) -> list[tuple[SuppressionScope, str]]:
    fields = party.fields
    email = str(fields.get("email") or "")
    found = [
        (SuppressionScope.EMAIL, email),
        (SuppressionScope.DOMAIN, email.rpartition("@")[2]),
        (SuppressionScope.DOMAIN, str(fields.get("website") or "")),
        (SuppressionScope.PHONE, str(fields.get("phone") or "")),
        (SuppressionScope.COMPANY, party.entity_id),
        (SuppressionScope.COMPANY, f"{crm}:{party.record_id}" if party.record_id else ""),
    ]
    return [(scope, value) for scope, value in found if value]


def _as_lead(fields: Fields) -> dict[str, Any]:
    website = str(fields.get("website") or "")
    return {
        "do_not_contact": False,
        "existing_customer": False,
        "company_name": str(fields.get("company") or ""),
        "email": str(fields.get("email") or ""),
        "phone": str(fields.get("phone") or ""),
        "phone_2": "",
        "website_host": read_website(website).host or "",
    }


def _suppressed_companies(connection: sa.Connection, entity_ids: Iterable[str]) -> dict[str, str]:
    """Companies with a lead, in any batch, that must not be contacted; with the reason."""
    row, found = resolved_leads.c, {}
    for some in chunked(sorted(entity_ids)):
        query = sa.select(row.entity_id, row.suppressed_reason).where(
            row.suppressed.is_(True), row.entity_id.in_(some)
        )
        found.update({entity_id: reason or "a lead of it" for entity_id, reason in connection.execute(query)})
    return found
