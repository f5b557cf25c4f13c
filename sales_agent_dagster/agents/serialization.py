"""How a graph's state is written into a checkpoint and read back: exactly, or not at all.

LangGraph's own serializer turns tuples into lists and hands out raw data for what it cannot rebuild. A run
continued from such a state could give other rows than a run that nobody disturbed, so here every value comes
back with the type it had, and what cannot be read is an error (the chunk then starts over).
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar

import ormsgpack
from pydantic import BaseModel

from sales_agent_dagster.domain.hashing import content_hash

_TUPLE, _RECORD, _ENUM, _CONSTANT, _FOREIGN = range(1, 6)
_OPTIONS = (
    ormsgpack.OPT_NON_STR_KEYS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_FORMAT = "state"
_FRAMEWORK = ("langgraph", "langchain_core")


class UnreadableState(ValueError):
    """A checkpoint that this version of the code cannot read."""


class StateSerializer:
    """Serializer for LangGraph savers that knows the types of one graph's state.

    Only types that the state's annotations name are ever rebuilt; nothing is unpickled, and no stored name
    is imported. What is none of ours (LangGraph's own markers) goes through LangGraph's serializer in its
    strict mode, which hands out plain data for what it does not know.

    Args:
        state: the graph's state, a TypedDict.
        constants: objects that are stored by name, such as table entries that hold functions.
    """

    def __init__(self, state: type, constants: Mapping[str, object] | None = None) -> None:
        self._types = {_name(found): found for found in record_types(state)}
        self._constants = dict(constants or {})
        self._names = {id(value): name for name, value in self._constants.items()}

    @property
    def version(self) -> str:
        """Hash of what the types look like: states written under another one are not read."""
        shapes = {name: sorted(_shape(found)) for name, found in self._types.items()}
        return content_hash(shapes, sorted(self._constants))

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The value as (format, bytes).

        Raises:
            TypeError: it holds something that could not be read back, such as a function.
        """
        return _FORMAT, self._pack(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value that was dumped, with the types it had.

        Raises:
            UnreadableState: another format, an unknown type, or values its type refuses.
        """
        if data[0] != _FORMAT:
            raise UnreadableState(f"format {data[0]!r}")
        try:
            return self._unpack(data[1])
        except (ValueError, TypeError, LookupError) as error:
            raise UnreadableState(f"{type(error).__name__}: {error}"[:200]) from None

    @cached_property
    def _foreign(self) -> Any:
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

        return JsonPlusSerializer(allowed_msgpack_modules=None)

    def _pack(self, value: Any) -> bytes:
        return ormsgpack.packb(value, default=self._express, option=_OPTIONS)

    def _unpack(self, data: bytes) -> Any:
        return ormsgpack.unpackb(data, ext_hook=self._rebuild, option=ormsgpack.OPT_NON_STR_KEYS)

    def _express(self, value: Any) -> ormsgpack.Ext:
        """What MessagePack has no type for, called by the encoder."""
        if id(value) in self._names:
            return ormsgpack.Ext(_CONSTANT, self._pack(self._names[id(value)]))
        if type(value) is tuple:
            return ormsgpack.Ext(_TUPLE, self._pack(list(value)))
        kind = type(value)
        if self._types.get(_name(kind)) is kind:
            if isinstance(value, Enum):
                return ormsgpack.Ext(_ENUM, self._pack([_name(kind), value.value]))
            held = {name: getattr(value, name) for name in _field_names(kind)}
            return ormsgpack.Ext(_RECORD, self._pack([_name(kind), held]))
        if callable(value) or (_is_record(kind) and kind.__module__.partition(".")[0] not in _FRAMEWORK):
            raise TypeError(f"{_name(kind)} is no part of the state's declared types")
        return ormsgpack.Ext(_FOREIGN, self._pack(list(self._foreign.dumps_typed(value))))

    def _rebuild(self, code: int, data: bytes) -> Any:
        """The opposite of ``_express``, called by the decoder."""
        value = self._unpack(data)
        if code == _TUPLE:
            return tuple(value)
        if code == _CONSTANT:
            return self._constants[value]
        if code == _ENUM:
            return self._types[value[0]](value[1])
        if code == _RECORD:
            return self._types[value[0]](**value[1])
        if code == _FOREIGN:
            return self._foreign.loads_typed((value[0], value[1]))
        raise UnreadableState(f"extension {code}")


def record_types(annotation: Any) -> frozenset[type]:
    """Every dataclass, pydantic model and enum that an annotation names, at any depth."""
    found: set[type] = set()
    _collect(annotation, found, {})
    return frozenset(found)


def _collect(annotation: Any, found: set[type], seen: dict[int, Any]) -> None:
    if id(annotation) in seen:
        return
    seen[id(annotation)] = annotation  # kept: the id of a freed annotation could come back as another's
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return
    for part in (origin, *typing.get_args(annotation)):
        if part is not None:
            _collect(part, found, seen)
    if isinstance(annotation, TypeVar) and annotation.__bound__ is not None:
        _collect(annotation.__bound__, found, seen)
    if not isinstance(annotation, type) or origin is not None:
        return
    if _is_record(annotation) and annotation is not BaseModel:
        found.add(annotation)
    if annotation.__module__.partition(".")[0] != "builtins":
        for part in _hints(annotation):
            _collect(part, found, seen)


def _hints(kind: type) -> Iterator[Any]:
    if is_dataclass(kind) or typing.is_typeddict(kind):
        yield from typing.get_type_hints(kind).values()
    elif issubclass(kind, BaseModel):
        yield from (field.annotation for field in kind.model_fields.values())


def _is_record(kind: type) -> bool:
    return is_dataclass(kind) or issubclass(kind, BaseModel | Enum)


def _field_names(kind: type) -> tuple[str, ...]:
    if issubclass(kind, BaseModel):
        return tuple(kind.model_fields)
    names: tuple[str, ...] = tuple(getattr(kind, "__dataclass_fields__", ()))
    return names


def _shape(kind: type) -> list[str]:
    if issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return [f"{name}: {kind.__annotations__.get(name)}" for name in _field_names(kind)]


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
