"""What the server refuses, as the provider does."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import Any

import orjson
import ormsgpack

from sales_agent_dagster_tests.cerebras_server.sending import Headers


class Refused(Exception):
    """The request ends with this response."""

    def __init__(self, status: int, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or []


def parse(raw: bytes, headers: dict[bytes, bytes]) -> dict[str, Any]:
    """A request's body: JSON or msgpack, gzip-compressed or not."""
    if headers.get(b"content-encoding") == b"gzip":
        raw = gzip.decompress(raw)
    load = ormsgpack.unpackb if headers.get(b"content-type") == b"application/vnd.msgpack" else orjson.loads
    try:
        request = load(raw)
    except ValueError:
        raise Refused(400, "the body cannot be read") from None
    if not isinstance(request, dict):
        raise Refused(400, "the body is not an object")
    return request


def check_parts(request: dict[str, Any], refused: Iterable[str]) -> None:
    """400 on what this server does not know, named as servers do."""
    kind = (request.get("response_format") or {}).get("type")
    for name in refused:
        if name in request or name == kind:
            raise Refused(400, f"Unsupported parameter: '{name}' is not supported with this model.")


def check_schema(response_format: Any) -> None:
    """Strict mode's own rules: 400 on a schema that breaks them."""
    if not isinstance(response_format, dict) or response_format.get("type") != "json_schema":
        return
    wanted = response_format.get("json_schema") or {}
    if not wanted.get("name") or "schema" not in wanted:
        raise Refused(400, "response_format.json_schema needs name and schema")
    if wanted.get("strict"):
        check_strict(wanted["schema"], "schema")


_KNOWN = {
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "anyOf",
    "enum",
    "description",
    "title",
}


def check_strict(schema: dict[str, Any], path: str) -> None:
    unknown = schema.keys() - _KNOWN
    if unknown:
        raise Refused(400, f"{path}: {', '.join(sorted(unknown))} not supported in strict mode")
    for option in schema.get("anyOf", ()):
        check_strict(option, path)
    if "items" in schema:
        check_strict(schema["items"], f"{path}[]")
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(
            properties
        ):
            raise Refused(
                400, f"{path}: strict mode needs additionalProperties false and all properties required"
            )
        for name, part in properties.items():
            check_strict(part, f"{path}.{name}")
