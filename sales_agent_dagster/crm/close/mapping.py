"""Between our records and Close's objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sales_agent_dagster.crm.close.schema import BUILT_IN, Schema
from sales_agent_dagster.crm.contract import Fields, Record, Value
from sales_agent_dagster.crm.errors import InvalidRequest
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, FIELDS, Kind
from sales_agent_dagster.settings import CloseSettings

Object = Mapping[str, Any]
OBJECT_TYPES = {"lead": Kind.COMPANY, "contact": Kind.CONTACT, "opportunity": Kind.OPPORTUNITY}
READ_FIELDS = {
    Kind.COMPANY: (
        "id", "name", "url", "addresses", "status_label", "html_url", "updated_by", "date_created",
        "date_updated",
    ),
    Kind.CONTACT: (
        "id", "lead_id", "name", "title", "emails", "phones", "updated_by", "date_created", "date_updated",
    ),
}  # fmt: skip
"""Built-in fields to ask for, by kind."""
_ADDRESS = {"street": "address_1", "city": "city", "state": "state", "zip": "zipcode", "country": "country"}
_LABEL = "business"
_OUTCOMES = {"active": "open", "won": "won", "lost": "lost"}


class Mapper:
    """Reads and writes objects with the organisation's custom fields and statuses."""

    def __init__(self, schema: Schema, settings: CloseSettings) -> None:
        self.schema = schema
        self._settings = settings

    def columns(self, kind: Kind) -> list[str]:
        """Fields to ask for."""
        return [*READ_FIELDS[kind], *self.schema.columns(kind)]

    def record(self, kind: Kind, value: Object) -> Record:
        """An object as a record."""
        key_field = self.schema.ids.get(kind, {}).get(EXTERNAL_KEY)
        return Record(
            kind,
            value["id"],
            self.fields(kind, value),
            moment_of(value["date_updated"]),
            external_key=value.get(f"custom.{key_field}") or None,
            writer=value.get("updated_by"),
            company_id=None if kind is Kind.COMPANY else value.get("lead_id"),
            url=value.get("html_url"),
        )

    def fields(self, kind: Kind, value: Object) -> Fields:
        """Fields by our names; what is empty is left out."""
        if kind is Kind.COMPANY:
            found = self._company(value)
        elif kind is Kind.CONTACT:
            found = _contact(value)
        elif kind is Kind.OPPORTUNITY:
            found = _opportunity(value)
        else:
            found = {name: value.get(remote) for name, remote in BUILT_IN[kind].items()}
        for name, field_id in self.schema.ids.get(kind, {}).items():
            if name != EXTERNAL_KEY:
                found[name] = value.get(f"custom.{field_id}")
        # A zero equals False, and is a value.
        return {
            name: held for name, held in found.items() if held not in (None, "", []) and held is not False
        }

    def _company(self, lead: Object) -> dict[str, Any]:
        address = _business(lead.get("addresses") or ())
        status = lead.get("status_label")
        return {
            "company": lead.get("name"),
            "website": lead.get("url"),
            **{name: address.get(remote) for name, remote in _ADDRESS.items()},
            "status": status,
            "do_not_call": status in self._settings.do_not_contact_statuses,
            "existing_customer": status in self._settings.customer_statuses,
        }

    def changed(self, kind: Kind, names: Sequence[str], value: Object) -> dict[str, Value | None]:
        """Of the fields that Close says have changed, ours with their new value; None for cleared."""
        held = self.fields(kind, value)
        own = {f"custom.{field_id}": (name,) for name, field_id in self.schema.ids.get(kind, {}).items()}
        remote_names = set(names) | ({"status_label"} if "status_id" in names else set())
        ours = [name for name, remote in BUILT_IN[kind].items() if remote in remote_names]
        ours += [name for remote in names for name in own.get(remote, ()) if name != EXTERNAL_KEY]
        return {name: held.get(name) for name in ours}

    def body(
        self, kind: Kind, fields: Mapping[str, Value | None], current: Object | None = None
    ) -> dict[str, Any]:
        """What to send of a company or contact: the rest of a list that we change a part of is kept.

        Args:
            kind: company or contact.
            fields: by our names; None clears.
            current: the object as it is, needed where ``needs_current``.

        Raises:
            InvalidRequest: Close has no place for a field.
        """
        sent: dict[str, Any] = {}
        for name, value in fields.items():
            remote = self._remote(kind, name)
            if remote not in ("addresses", "emails", "phones"):
                sent[remote] = value if value is not None or remote != "name" else ""
        held = current or {}
        if kind is Kind.COMPANY and _ADDRESS.keys() & fields.keys():
            sent["addresses"] = _with_address(held.get("addresses") or (), fields)
        for name, remote in (("email", "emails"), ("phone", "phones")):
            if kind is Kind.CONTACT and name in fields:
                sent[remote] = _with_first(held.get(remote) or (), name, fields[name])
        return sent

    def _remote(self, kind: Kind, name: str) -> str:
        custom = self.schema.ids[kind].get(name)
        if custom is not None:
            return f"custom.{custom}"
        remote = BUILT_IN[kind].get(name)
        field = FIELDS[kind].get(name)
        if remote is None or field is None or field.readable_only:
            raise InvalidRequest(f"Close has no field for {name} of a {kind}.", fields={name: "no field"})
        return remote


def needs_current(kind: Kind, fields: Mapping[str, Value | None]) -> bool:
    """True when what is changed is a part of a list that Close takes only as a whole."""
    parts = _ADDRESS.keys() if kind is Kind.COMPANY else {"email", "phone"}
    return bool(parts & fields.keys())


def moment_of(text: str) -> datetime:
    """A time of Close's; events leave out that it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _contact(contact: Object) -> dict[str, Any]:
    nothing: Object = {}
    email = next(iter(contact.get("emails") or ()), nothing)
    phone = next(iter(contact.get("phones") or ()), nothing)
    return {
        "contact_name": contact.get("name"),
        "contact_title": contact.get("title"),
        "email": email.get("email"),
        "phone": phone.get("phone"),
        "email_opt_out": bool(email.get("is_unsubscribed")),
    }


def _opportunity(opportunity: Object) -> dict[str, Any]:
    outcome = _OUTCOMES.get(opportunity.get("status_type") or "")
    closed = opportunity.get(f"date_{outcome}") if outcome in ("won", "lost") else None
    cents = opportunity.get("value")
    return {
        "status": opportunity.get("status_label"),
        "outcome": outcome,
        # Whole cents; a currency without cents is told the same way.
        "value": cents / 100 if cents is not None else None,
        "currency": opportunity.get("value_currency"),
        "closed_at": moment_of(closed).isoformat() if closed else None,
    }


def _business(addresses: Sequence[Object]) -> Object:
    """The address that we read and write: the first that is labelled so, else the first."""
    labelled = (each for each in addresses if each.get("label") == _LABEL)
    return next(labelled, next(iter(addresses), {}))


def _with_address(addresses: Sequence[Object], fields: Mapping[str, Value | None]) -> list[dict[str, Any]]:
    ours = _business(addresses)
    changed = {"label": _LABEL, **ours}
    changed |= {remote: fields[name] or "" for name, remote in _ADDRESS.items() if name in fields}
    kept = [changed if each is ours else dict(each) for each in addresses]
    if not addresses:
        kept.append(changed)
    return [each for each in kept if any(text for name, text in each.items() if name != "label")]


def _with_first(items: Sequence[Object], name: str, value: Value | None) -> list[dict[str, Any]]:
    """A list of addresses or numbers with another first entry; an entry that says the same goes."""
    first = dict(items[0]) if items else {"type": "office"}
    others = [dict(each) for each in items[1:] if each.get(name) != value]
    kept = [{"type": first.get("type"), name: value}, *others] if value is not None else others
    return [{key: each[key] for key in ("type", name) if each.get(key) is not None} for each in kept]
