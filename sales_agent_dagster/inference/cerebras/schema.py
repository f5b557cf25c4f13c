"""Strict JSON schema from a pydantic model.

Strict mode takes objects whose properties are all required and that allow no others; it knows no references,
defaults or bounds. What is lost that way is told to the model in words (``StrictSchema.notes``) and checked
with pydantic afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.inference.cerebras.errors import UnsupportedSchema

MAX_NAME = 64

_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "must match {}",
    "format": "as {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}
_DROPPED = frozenset(
    {"title", "default", "examples", "deprecated", "readOnly", "writeOnly", "uniqueItems", "discriminator"}
    | _BOUNDS.keys()
)
_HANDLED = frozenset(
    {"$defs", "$ref", "type", "properties", "required", "additionalProperties", "items", "anyOf", "oneOf"}
    | {"enum", "const", "description"}
)


@dataclass(frozen=True)
class StrictSchema:
    """What a model is told about its answer.

    Attributes:
        name: of the output model, fit for ``response_format``.
        schema: strict JSON schema; not to be changed.
        notes: the bounds that strict mode cannot express, as lines for the prompt.
        hash: of schema and notes: an answer given under another hash is not replayed.
    """

    name: str
    schema: Mapping[str, Any]
    notes: str
    hash: str

    def __hash__(self) -> int:
        return hash(self.hash)


@lru_cache(maxsize=256)
def strict_schema(output_type: type[BaseModel]) -> StrictSchema:
    """The strict schema of an output model; computed once per model.

    Raises:
        UnsupportedSchema: the model refers to itself, or has a part without fixed shape (a mapping with
            free keys, ``Any``, a tuple of different types).
    """
    source = output_type.model_json_schema()
    schema = _Flattening(source.get("$defs", {})).flatten(source, "", ())
    schema.pop("description", None)
    if schema.get("type") != "object":
        raise UnsupportedSchema(f"{output_type.__name__} is not an object")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", output_type.__name__).lower()
    name = re.sub(r"[^a-z0-9_-]+", "_", name)[:MAX_NAME]
    notes = "\n".join(_limits(source, source.get("$defs", {}), ""))
    return StrictSchema(name, schema, notes, content_hash(name, schema, notes))


class _Flattening:
    """Copies a schema without references and without what strict mode does not know."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions

    def flatten(self, node: Mapping[str, Any], path: str, inside: tuple[str, ...]) -> dict[str, Any]:
        """One node and all below it; ``inside`` names the definitions it is a part of."""
        unknown = node.keys() - _DROPPED - _HANDLED
        if unknown:
            raise UnsupportedSchema(f"{path or 'the model'}: strict mode has no {', '.join(sorted(unknown))}")
        if "$ref" in node:
            return self._refer(node, path, inside)
        options = node.get("anyOf") or node.get("oneOf")
        if options:
            return _described(node, {"anyOf": [self.flatten(option, path, inside) for option in options]})
        if "enum" in node or "const" in node:
            return _described(node, _enumeration(node))
        return _described(node, self._typed(node, path, inside))

    def _refer(self, node: Mapping[str, Any], path: str, inside: tuple[str, ...]) -> dict[str, Any]:
        name = node["$ref"].rpartition("/")[2]
        if name in inside:
            raise UnsupportedSchema(f"{path or 'the model'}: {name} refers to itself")
        found = self.flatten(self.definitions[name], path, (*inside, name))
        # What a class says of itself is for its readers; what a field says is for the model.
        found.pop("description", None)
        return _described(node, found)

    def _typed(self, node: Mapping[str, Any], path: str, inside: tuple[str, ...]) -> dict[str, Any]:
        kind = node.get("type")
        if kind == "object":
            return self._object(node, path, inside)
        if kind == "array":
            if "items" not in node:
                raise UnsupportedSchema(f"{path}: a list without a type of its items")
            return {"type": "array", "items": self.flatten(node["items"], f"{path}[]", inside)}
        if kind is None:
            raise UnsupportedSchema(f"{path or 'the model'}: a value of any type")
        return {"type": kind}

    def _object(self, node: Mapping[str, Any], path: str, inside: tuple[str, ...]) -> dict[str, Any]:
        if "properties" not in node:
            raise UnsupportedSchema(f"{path or 'the model'}: an object without fixed properties")
        properties = {
            name: self.flatten(part, f"{path}.{name}" if path else name, inside)
            for name, part in node["properties"].items()
        }
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }


def _enumeration(node: Mapping[str, Any]) -> dict[str, Any]:
    values = node.get("enum") or [node["const"]]
    kind = {"type": node["type"]} if "type" in node else {}
    return {**kind, "enum": list(values)}


def _described(node: Mapping[str, Any], flat: dict[str, Any]) -> dict[str, Any]:
    return {**flat, "description": node["description"]} if "description" in node else flat


def _limits(node: Mapping[str, Any], definitions: Mapping[str, Any], path: str) -> Iterator[str]:
    """A line for each place with bounds, in order of the properties."""
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    bounds = [text.format(node[name]) for name, text in _BOUNDS.items() if name in node]
    if bounds:
        yield f"- {path}: {', '.join(bounds)}"
    for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _limits(option, definitions, path)
    if "items" in node:
        yield from _limits(node["items"], definitions, f"{path}[]")
    for name, part in node.get("properties", {}).items():
        yield from _limits(part, definitions, f"{path}.{name}" if path else name)
