"""The account's schema, and the properties that we need in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sales_agent_dagster.crm.contract import Description, EnsuredField, FieldState, RemoteField
from sales_agent_dagster.crm.errors import ConflictFound, InvalidRequest, PermissionRefused
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, FIELDS, FieldType, Kind
from sales_agent_dagster.crm.hubspot.client import BATCH, Client, Raw
from sales_agent_dagster.crm.hubspot.mapping import OBJECTS, FieldMap
from sales_agent_dagster.settings import HubSpotSettings

NAMED = {Kind.COMPANY: "name", Kind.CONTACT: "email", Kind.NOTE: "hs_note_body"}
"""Kinds that have properties of ours, and a property whose group ours join: groups differ by object."""

_KEY_LABEL = "Sales agent key"
_NOT_UNIQUE = (
    "The property {name} of {kind} is there, but its values are not unique. HubSpot cannot change that: "
    "delete it, or set SALES_AGENT_HUBSPOT__PROPERTY_PREFIX to another prefix."
)
_WRONG_TYPE = (
    "The property {name} of {kind} is there, but its type is {there} in place of {wanted}: delete it, or set "
    "SALES_AGENT_HUBSPOT__PROPERTY_PREFIX to another prefix."
)


def describe(
    client: Client, fields: FieldMap, account: Mapping[str, object], settings: HubSpotSettings
) -> Description:
    """The account and the properties that our fields go to."""
    schema = {kind: _schema(client, kind) for kind in OBJECTS}
    title = f"{title_of(account)}, API {client.version}"
    limits = {"batch": BATCH, "searches_per_second": 5, "requests_per_10s": settings.requests_per_10s}
    return Description(title, settings.app_id, list(_described(fields, schema)), limits)


def title_of(account: Mapping[str, object]) -> str:
    """The account by its number and type; a token that may not read its details knows neither."""
    number, kind = account.get("portalId"), account.get("accountType")
    title = f"HubSpot account {number}" if number else "HubSpot account of unknown number"
    return f"{title} ({kind})" if kind else title


def _described(fields: FieldMap, schema: Mapping[Kind, Mapping[str, Raw]]) -> Iterator[RemoteField]:
    for kind, columns in fields.columns.items():
        for name, column in columns.items():
            found = schema[kind].get(column)
            field = FIELDS[kind][name]
            options = () if found is None else found.get("options") or ()
            yield RemoteField(
                kind,
                name,
                None if found is None else column,
                field.type,
                writable=not field.readable_only,
                choices=tuple(str(option["value"]) for option in options),
                length=field.length,
            )


def _schema(client: Client, kind: Kind) -> Mapping[str, Raw]:
    """The properties; deals are only read, and a token that may not has none."""
    try:
        return client.properties(kind)
    except PermissionRefused:
        if kind is not Kind.OPPORTUNITY:
            raise
        return {}


def ensure(client: Client, fields: FieldMap, *, dry_run: bool) -> list[EnsuredField]:
    """Create the properties that are missing; idempotent."""
    found: list[EnsuredField] = []
    for kind, neighbour in NAMED.items():
        there = client.properties(kind)
        group = str(there.get(neighbour, {}).get("groupName") or "")
        wanted = {EXTERNAL_KEY: fields.key_property, **fields.own.get(kind, {})}
        for name, column in wanted.items():
            definition = _definition(kind, name, column, group)
            if column in there:
                found.append(_present(kind, name, there[column], definition))
            elif dry_run:
                found.append(EnsuredField(kind, name, FieldState.MISSING))
            else:
                found.append(_created(client, kind, name, definition))
    return found


def _created(client: Client, kind: Kind, name: str, definition: Raw) -> EnsuredField:
    try:
        client.create_property(kind, definition)
    except ConflictFound:
        # Somebody was faster.
        return EnsuredField(kind, name, FieldState.PRESENT)
    except InvalidRequest as error:
        instruction = f"HubSpot refuses the property {definition['name']} of {OBJECTS[kind]}: {error.message}"
        return EnsuredField(kind, name, FieldState.MISSING, instruction)
    return EnsuredField(kind, name, FieldState.CREATED)


def _present(kind: Kind, name: str, there: Raw, wanted: Raw) -> EnsuredField:
    instruction = None
    if wanted.get("hasUniqueValue") and not there.get("hasUniqueValue"):
        instruction = _NOT_UNIQUE.format(name=there["name"], kind=OBJECTS[kind])
    elif there.get("type") != wanted["type"]:
        instruction = _WRONG_TYPE.format(
            name=there["name"], kind=OBJECTS[kind], there=there.get("type"), wanted=wanted["type"]
        )
    return EnsuredField(kind, name, FieldState.MISSING if instruction else FieldState.PRESENT, instruction)


def _definition(kind: Kind, name: str, column: str, group: str) -> Raw:
    shared = {"name": column, "groupName": group}
    if name == EXTERNAL_KEY:
        # Without unique values there is no upsert; at most ten such properties per object.
        return {**shared, "label": _KEY_LABEL, "type": "string", "fieldType": "text", "hasUniqueValue": True}
    field = FIELDS[kind][name]
    # Moments too are text: HubSpot's own have milliseconds, so that ours would never come back the same.
    number = field.type is FieldType.NUMBER
    form = ("number", "number") if number else ("string", "text")
    return {**shared, "label": f"Sales agent: {field.label}", "type": form[0], "fieldType": form[1]}
