"""Which custom field of the organisation holds which of our fields, and creating those that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sales_agent_dagster.crm.close.api import CloseApi
from sales_agent_dagster.crm.contract import EnsuredField, FieldState, RemoteField
from sales_agent_dagster.crm.errors import Ambiguous, InvalidRequest, PermissionRefused
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, FIELDS, FieldType, Kind

PATHS = {Kind.COMPANY: "lead", Kind.CONTACT: "contact"}
"""Kinds that have custom fields, by Close's name for them."""

CUSTOM: dict[Kind, tuple[str, ...]] = {
    Kind.COMPANY: (
        EXTERNAL_KEY,
        "phone",
        "linkedin",
        "industry",
        "tier",
        "brands",
        "trades",
        "next_step",
        "score",
        "expansion_score",
        "sync_hash",
        "last_enriched_at",
        "source_run",
    ),
    Kind.CONTACT: (EXTERNAL_KEY,),
}
"""Fields of ours that Close has no field for. A lead has no telephone: only its contacts do."""

BUILT_IN: dict[Kind, dict[str, str]] = {
    Kind.COMPANY: {
        "company": "name",
        "website": "url",
        "street": "addresses",
        "city": "addresses",
        "state": "addresses",
        "zip": "addresses",
        "country": "addresses",
        "status": "status_label",
        "do_not_call": "status_label",
        "existing_customer": "status_label",
    },
    Kind.CONTACT: {
        "contact_name": "name",
        "contact_title": "title",
        "email": "emails",
        "phone": "phones",
        "email_opt_out": "emails",
    },
    Kind.NOTE: {"body": "note"},
    Kind.EMAIL_DRAFT: {"subject": "subject", "body": "body_text", "email": "to"},
    Kind.OPPORTUNITY: {
        "status": "status_label",
        "outcome": "status_type",
        "value": "value",
        "currency": "value_currency",
        "closed_at": "date_won",
    },
}
"""Close's own field of each of ours."""

_TYPES = {FieldType.NUMBER: "number", FieldType.MOMENT: "datetime"}
_HIDDEN = "sync_hash"
"""Of no use to a person. The external key is not hidden: whether searches see hidden fields is not known."""
_KEY_DESCRIPTION = "Key of the record in the lead database. Do not edit: it keeps records from being doubled."


@dataclass(frozen=True, slots=True)
class Schema:
    """Ids of custom fields by kind and our name; fields that are not there are left out."""

    ids: Mapping[Kind, Mapping[str, str]]

    def key_field(self, kind: Kind) -> str:
        """Id of the field that holds our key.

        Raises:
            InvalidRequest: it is not there yet.
        """
        found = self.ids[kind].get(EXTERNAL_KEY)
        if found is None:
            raise InvalidRequest(
                f"Close has no custom field for our key on a {PATHS[kind]} yet: "
                "create the fields first (sales-agent crm setup)."
            )
        return found

    def columns(self, kind: Kind) -> list[str]:
        """Names of the custom fields in an object."""
        return [f"custom.{key}" for key in self.ids[kind].values()]


def read_schema(api: CloseApi, prefix: str) -> tuple[Schema, dict[Kind, dict[str, dict[str, Any]]]]:
    """The schema, and the definitions of all custom fields by kind and name.

    A field of the right name and of another type is not ours: it is left alone and out.
    """
    definitions = {
        kind: {field["name"]: field for field in api.first(f"custom_field_schema/{path}/")["fields"]}
        for kind, path in PATHS.items()
    }
    ids = {
        kind: {
            name: found["id"]
            for name in CUSTOM[kind]
            if (found := definitions[kind].get(label_of(kind, name, prefix)))
            and found["type"] in types_of(kind, name)
            and not found.get("accepts_multiple_values")
        }
        for kind in PATHS
    }
    return Schema(ids), definitions


def label_of(kind: Kind, name: str, prefix: str) -> str:
    """What Close shows for a custom field of ours."""
    label = "Key" if name == EXTERNAL_KEY else FIELDS[kind][name].label
    return f"{prefix} {label}".strip()


def types_of(kind: Kind, name: str) -> tuple[str, ...]:
    """Close's types that will do for a field of ours, the one that is asked for first."""
    if name == _HIDDEN:
        return ("hidden", "text")
    return ("text",) if name == EXTERNAL_KEY else (_TYPES.get(FIELDS[kind][name].type, "text"),)


def ensure_fields(api: CloseApi, prefix: str, *, dry_run: bool) -> list[EnsuredField]:
    """Create what is missing.

    Raises:
        PermissionRefused: the key's user may not manage the organisation.
    """
    schema, definitions = read_schema(api, prefix)
    results = []
    for kind, names in CUSTOM.items():
        for name in names:
            label = label_of(kind, name, prefix)
            if name in schema.ids[kind]:
                results.append(EnsuredField(kind, name, FieldState.PRESENT))
            elif label in definitions[kind]:
                results.append(EnsuredField(kind, name, FieldState.MISSING, _in_the_way(kind, name, label)))
            elif dry_run:
                results.append(EnsuredField(kind, name, FieldState.MISSING))
            else:
                _create(api, kind, name, label, prefix)
                results.append(EnsuredField(kind, name, FieldState.CREATED))
    return results


def _in_the_way(kind: Kind, name: str, label: str) -> str:
    return (
        f"Close has a field {label!r} of a {PATHS[kind]} that is not a single {types_of(kind, name)[0]}: "
        "rename it, or set SALES_AGENT_CLOSE__FIELD_PREFIX to something else."
    )


def _create(api: CloseApi, kind: Kind, name: str, label: str, prefix: str) -> None:
    body = {"name": label}
    if name == EXTERNAL_KEY:
        body["description"] = _KEY_DESCRIPTION
    try:
        _create_of_a_type(api, kind, body, types_of(kind, name))
    except PermissionRefused as error:
        raise PermissionRefused(
            f"Close does not let this API key create the custom field {label!r}: its user needs the "
            f'permission "Manage Organization" once, or an admin creates the fields. ({error.message})',
            status=error.status,
        ) from None
    except InvalidRequest as error:
        raise InvalidRequest(
            f"Close refuses the custom field {label!r} of a {PATHS[kind]}: {error.message}",
            status=error.status,
            fields=error.fields,
        ) from None
    except Ambiguous:
        # Names are unique: what is there now is ours.
        if name not in read_schema(api, prefix)[0].ids[kind]:
            raise


def _create_of_a_type(api: CloseApi, kind: Kind, body: dict[str, str], types: tuple[str, ...]) -> None:
    """Create it of the first type that is not refused."""
    *others, last = types
    for each in others:
        try:
            api.send("POST", f"custom_field/{PATHS[kind]}/", {**body, "type": each})
            return
        except InvalidRequest as error:
            if "type" not in error.fields:
                raise
    api.send("POST", f"custom_field/{PATHS[kind]}/", {**body, "type": last})


def remote_fields(schema: Schema) -> list[RemoteField]:
    """The schema of all our fields, for ``describe``."""
    found = []
    for kind, names in BUILT_IN.items():
        for name, remote in names.items():
            field = FIELDS[kind][name]
            found.append(
                RemoteField(
                    kind, name, remote, field.type, writable=not field.readable_only, length=field.length
                )
            )
    for kind, customs in CUSTOM.items():
        for name in customs:
            if name != EXTERNAL_KEY:
                held = schema.ids[kind].get(name)
                field = FIELDS[kind][name]
                remote_name = f"custom.{held}" if held else None
                found.append(RemoteField(kind, name, remote_name, field.type, length=field.length))
    return found
