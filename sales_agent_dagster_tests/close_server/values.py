"""What fields may hold: what the server makes of values sent to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import phonenumbers

from sales_agent_dagster_tests.close_server.calls import Call, field_errors
from sales_agent_dagster_tests.close_server.store import LEAD_STATUSES, PIPELINE, Object, Store

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST = 64_000
PLAIN = {
    "lead": {"name", "url", "description", "status_id", "addresses", "source"},
    "contact": {"lead_id", "name", "title", "emails", "phones", "urls", "timezone"},
    "opportunity": {
        "lead_id", "contact_id", "status_id", "value", "value_period", "value_currency", "confidence",
        "note", "date_won", "date_lost", "user_id",
    },
    "task.lead": {"lead_id", "text", "date", "is_complete", "assigned_to", "_type"},
    "activity.note": {"lead_id", "contact_id", "note", "note_html", "title"},
    "activity.email": {
        "lead_id", "contact_id", "status", "subject", "body_text", "body_html", "to", "cc", "bcc", "sender",
        "template_id",
    },
    "integration_link": {"name", "url", "type"},
}  # fmt: skip
"""Fields that clients may write, by object type; others are taken and dropped."""


def changes(call: Call, store: Store, kind: str, old: Object | None) -> Object:
    """The fields of the body as they will be stored; what is unknown goes to ``call.ignored``."""
    found: Object = {}
    for name, value in call.body.items():
        if name == "custom" and isinstance(value, dict):
            for key, content in value.items():
                _set_custom(call, store, kind, f"custom.{_id_of(store, kind, key)}", content, old, found)
        elif name.startswith("custom."):
            _set_custom(call, store, kind, name, value, old, found)
        elif name in PLAIN[kind]:
            found[name] = _plain(kind, name, value)
        else:
            call.ignored.append(name)
    return found


def _id_of(store: Store, kind: str, key: str) -> str:
    names = {field["name"]: field["id"] for field in store.custom_of(kind).values()}
    return names.get(key, key)


def _set_custom(
    call: Call, store: Store, kind: str, name: str, value: Any, old: Object | None, found: Object
) -> None:
    key, _, operation = name.removeprefix("custom.").partition(".")
    definition = store.custom_of(kind).get(key)
    stored = f"custom.{key}"
    if definition is None:
        if store.options.strict_custom:
            raise field_errors(**{name: "Custom field does not exist."})
        call.ignored.append(name)
        return
    held = _many((old or {}).get(stored) or [])
    if operation == "add":
        value = [*held, *(item for item in _many(value) if item not in held)]
    elif operation == "remove":
        value = [item for item in held if item not in _many(value)]
    if value is None or value == []:
        found[stored] = None
    elif definition["accepts_multiple_values"]:
        found[stored] = [_custom(store, definition, name, item) for item in _many(value)]
    else:
        found[stored] = _custom(store, definition, name, value)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _custom(store: Store, definition: Object, name: str, value: Any) -> Any:
    kind = definition["type"]
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise field_errors(**{name: "Not a valid number."})
        return value
    if not isinstance(value, str):
        raise field_errors(**{name: "Not a valid string."})
    if kind == "choices" and store.options.strict_custom and value not in definition["choices"]:
        raise field_errors(**{name: f"Value must be one of: {', '.join(definition['choices'])}."})
    try:
        if kind == "date":
            date.fromisoformat(value)
        elif kind == "datetime":
            datetime.fromisoformat(value)
    except ValueError:
        raise field_errors(**{name: f"Not a valid {kind}."}) from None
    return _text(name, value)


def _text(name: str, value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):
        raise field_errors(**{name: "Not a valid string."})
    if len(value) > _LONGEST or "\x00" in value:
        raise field_errors(**{name: "Not a valid text."})
    return value


def _plain(kind: str, name: str, value: Any) -> Any:
    if name == "status_id" and kind != "activity.email":
        statuses = LEAD_STATUSES if kind == "lead" else PIPELINE["statuses"]
        if value not in [status["id"] for status in statuses]:
            raise field_errors(status_id="Unknown status.")
        return value
    if name in _LISTS:
        if not isinstance(value, list):
            raise field_errors(**{name: "Not a valid list."})
        return [_LISTS[name](item) for item in value]
    if name == "value":
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise field_errors(value="Not a valid integer.")
        return value
    return value if name in ("confidence", "is_complete", "to", "cc", "bcc") else _text(name, value)


def _email(item: Mapping[str, Any]) -> Object:
    address = item.get("email") or ""
    if not _EMAIL.fullmatch(address):
        raise field_errors(emails={"errors": [], "field-errors": {"email": "Not a valid email address."}})
    return {"email": address, "type": item.get("type", "office")}


def _phone(item: Mapping[str, Any]) -> Object:
    try:
        number = phonenumbers.parse(item.get("phone") or "", "US")
    except phonenumbers.NumberParseException:
        raise field_errors(phones="Not a valid phone number.") from None
    if not phonenumbers.is_possible_number(number):
        raise field_errors(phones="Not a valid phone number.")
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return {"phone": e164, "type": item.get("type", "office"), "phone_formatted": shown}


def _address(item: Mapping[str, Any]) -> Object:
    names = ("address_1", "address_2", "city", "state", "zipcode", "country")
    return {"label": item.get("label", "business"), **{name: item.get(name) or "" for name in names}}


_LISTS: dict[str, Any] = {
    "emails": _email,
    "phones": _phone,
    "urls": lambda item: {"url": item.get("url"), "type": item.get("type", "url")},
    "addresses": _address,
}
