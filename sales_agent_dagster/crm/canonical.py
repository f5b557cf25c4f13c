"""Values in the form in which they are compared and hashed, so that a CRM's spelling is no change."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from sales_agent_dagster.crm.contract import Value
from sales_agent_dagster.crm.fields import FIELDS, FieldType, Kind
from sales_agent_dagster.domain.values.phone import read_phones

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://(www\.)?", re.IGNORECASE)


def canonical(kind: Kind, name: str, value: Value | None) -> Value | None:
    """The comparable form of a field's value; None for empty. Unknown fields compare as text.

    Texts: NFC, white space runs as one space. E-mail: lower case. Phone: E.164 where it is a number. URL:
    no scheme, ``www.`` or slash at the end, host in lower case. List: items without order, case and
    repetition. Number: six decimals. Moment: UTC.
    """
    if value is None or value == "":
        return None
    field = FIELDS[kind].get(name)
    return _FORMS[field.type if field else FieldType.TEXT](value)


def same(kind: Kind, name: str, left: Value | None, right: Value | None) -> bool:
    """True when the two say the same."""
    return left == right or canonical(kind, name, left) == canonical(kind, name, right)


def items_of(value: Value | None) -> list[str]:
    """Items of a list field as written, without repetition."""
    text = "" if value is None else str(value)
    items = dict.fromkeys(item for part in text.split(",") if (item := " ".join(part.split())))
    return list(items)


def _text(value: Value) -> Value | None:
    if isinstance(value, bool | float | int):
        return value
    return " ".join(unicodedata.normalize("NFC", value).split()) or None


def _email(value: Value) -> Value | None:
    return str(value).strip().lower().removeprefix("mailto:") or None


@lru_cache(maxsize=65_536)
def _phone_text(text: str) -> str:
    return read_phones(text).phone or " ".join(text.split())


def _phone(value: Value) -> Value | None:
    return _phone_text(str(value)) or None


def _url(value: Value) -> Value | None:
    host, slash, path = _SCHEME.sub("", str(value).strip()).partition("/")
    return f"{host.lower()}{slash}{path}".rstrip("/") or None


def _list(value: Value) -> Value | None:
    return ", ".join(sorted({item.casefold() for item in items_of(value)})) or None


def _number(value: Value) -> Value | None:
    try:
        return round(float(value), 6) + 0.0
    except ValueError:
        return _text(value)


def _flag(value: Value) -> Value | None:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "yes", "1")
    return bool(value)


def _moment(value: Value) -> Value | None:
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        return _text(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


_FORMS: dict[FieldType, Callable[[Value], Value | None]] = {
    FieldType.TEXT: _text,
    FieldType.NAME: _text,
    FieldType.NUMBER: _number,
    FieldType.FLAG: _flag,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.URL: _url,
    FieldType.LIST: _list,
    FieldType.MOMENT: _moment,
}
