"""What a record may hold: types, lengths, required fields, picklists, references."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sales_agent_dagster_tests.salesforce_server.clock import moment_of, text_of
from sales_agent_dagster_tests.salesforce_server.errors import bad
from sales_agent_dagster_tests.salesforce_server.ids import normal
from sales_agent_dagster_tests.salesforce_server.schema import (
    ADDRESSES,
    COUNTRIES,
    STATES,
    TEXTS,
    Field,
    SObject,
)

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")


def canonical(sobject: SObject, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields under their canonical names, checked and cleaned.

    Raises:
        Refused: with the code of the first fault.
    """
    clean: dict[str, Any] = {}
    for name, value in given.items():
        found = sobject.field(name)
        if found is None:
            raise bad("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")
        if found.system:
            raise bad(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {found.name}. Please check the security settings of this "
                "field and verify that it is read/write for your profile or permission set.",
                found.name,
            )
        clean[found.name] = _CHECKS.get(found.kind, _text)(found, value)
    return clean


def fill_places(sobject: SObject, clean: dict[str, Any], record: Mapping[str, Any]) -> None:
    """With picklists of places: texts from codes and codes from texts; no state without its country.

    Args:
        sobject: of the record.
        clean: what is written; completed.
        record: what is there.
    """
    prefix = ADDRESSES.get(sobject.name.lower())
    if prefix is None or sobject.field(f"{prefix}StateCode") is None:
        return
    for part, names in (("State", STATES), ("Country", COUNTRIES)):
        text, code = f"{prefix}{part}", f"{prefix}{part}Code"
        if code in clean:
            clean[text] = names.get(clean[code] or "")
        elif text in clean:
            found = [one for one, name in names.items() if name == clean[text]]
            if clean[text] is not None and not found:
                message = f"There's a problem with this {part.lower()}, even though it may appear correct."
                raise bad("FIELD_INTEGRITY_EXCEPTION", message, text)
            clean[code] = found[0] if found else None
    result = {**record, **clean}
    if result.get(f"{prefix}State") and not result.get(f"{prefix}Country"):
        message = "A country/territory must be specified before specifying a state value for field: State"
        raise bad("FIELD_INTEGRITY_EXCEPTION", message, f"{prefix}State")


def check_required(sobject: SObject, record: Mapping[str, Any]) -> None:
    missing = [one.name for one in sobject.fields.values() if one.required and record.get(one.name) is None]
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise bad("REQUIRED_FIELD_MISSING", message, *missing)


def _wrong(found: Field, value: Any) -> Exception:
    return bad("JSON_PARSER_ERROR", f"Cannot deserialize instance of {found.kind} from {value!r}", found.name)


def _text(found: Field, value: Any) -> str | None:
    """Blanks at both ends go; what is blank is null."""
    if value is None:
        return None
    if not isinstance(value, str | int | float):
        raise _wrong(found, value)
    text = str(value).strip()
    if not text:
        return None
    if len(text) > found.length:
        message = f"{found.name}: data value too large: {text} (max length={found.length})"
        raise bad("STRING_TOO_LONG", message, found.name)
    if found.restricted and text not in found.values:
        message = f"{found.name}: bad value for restricted picklist field: {text}"
        raise bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, found.name)
    return text


def _email(found: Field, value: Any) -> str | None:
    text = _text(found, value)
    if text is not None and not _EMAIL.fullmatch(text):
        message = f"{found.name}: invalid email address: {text}"
        raise bad("INVALID_EMAIL_ADDRESS", message, found.name)
    return text and text.lower()


def _flag(found: Field, value: Any) -> bool:
    if value in (None, "false", "0", ""):
        return False
    if value in ("true", "1") or isinstance(value, bool):
        return bool(value)
    raise _wrong(found, value)


def _number(found: Field, value: Any) -> float | int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise _wrong(found, value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _wrong(found, value) from None
    return int(number) if found.kind == "int" else number


def _moment(found: Field, value: Any) -> str | None:
    if value is None or value == "":
        return None
    try:
        return text_of(moment_of(str(value)))
    except ValueError:
        raise _wrong(found, value) from None


def _reference(found: Field, value: Any) -> str | None:
    if value is None or value == "":
        return None
    full = normal(str(value))
    if full is None:
        raise bad("MALFORMED_ID", f"{found.name}: id value of incorrect type: {value}", found.name)
    return full


_CHECKS: dict[str, Callable[[Field, Any], Any]] = {
    **dict.fromkeys(TEXTS, _text),
    "email": _email,
    "boolean": _flag,
    **dict.fromkeys(("int", "double", "currency"), _number),
    "datetime": _moment,
    "reference": _reference,
}
