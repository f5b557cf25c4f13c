"""Plausible values for any JSON schema, as an unknown conforming server might give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NUMBERS = {"score": 50, "confidence": 0.5, "weight": 1}
"""By property name, where the schema has no bounds."""


def fill(schema: Mapping[str, Any], name: str = "", items: int = 1) -> Any:
    """The simplest value that the schema takes."""
    if "enum" in schema:
        return schema["enum"][0]
    options = schema.get("anyOf")
    if options:
        return fill(options[0], name, items)
    kind = schema.get("type", "object")
    if kind == "object":
        return {key: fill(part, key, items) for key, part in schema.get("properties", {}).items()}
    if kind == "array":
        count = max(items, schema.get("minItems", 0))
        return [fill(schema["items"], name, items) for _ in range(count)]
    return _scalar(kind, schema, name)


def conform(schema: Mapping[str, Any], value: Any, name: str = "", items: int = 1) -> Any:
    """``value`` with what the schema asks for beyond it filled in, and what it does not ask for left out."""
    if isinstance(value, dict) and "properties" in schema:
        return {
            key: conform(part, value[key], key, items) if key in value else fill(part, key, items)
            for key, part in schema["properties"].items()
        }
    if isinstance(value, list | tuple) and "items" in schema:
        return [conform(schema["items"], part, name, items) for part in value]
    return value


def _scalar(kind: str, schema: Mapping[str, Any], name: str) -> Any:
    if kind == "string":
        return (name or "text").replace("_", " ").ljust(schema.get("minLength", 0), ".")
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    number = NUMBERS.get(name, 1)
    number = max(number, schema.get("minimum", number))
    number = min(number, schema.get("maximum", number))
    return int(number) if kind == "integer" else number
