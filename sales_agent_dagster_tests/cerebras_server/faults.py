"""Which requests go wrong, and how."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

STATUSES = ("400", "401", "402", "403", "404", "408", "409", "413", "422", "429", "500", "502", "503", "529")
UNBILLED = (
    "hang",
    "reset",
    "html",
    "empty_object",
    "body_status",
    "body_status_200",
    "redirect",
    "no_choices",
)
"""Faults before the model is reached."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: see ``KINDS``.
        seconds: of ``slow`` (before the answer), ``hang`` and ``drip`` (over the answer).
        retry_after: header of a 429 or 503.
        status: in the body of ``body_status``.
        text: the answer of ``text``.
    """

    kind: str
    seconds: float = 30.0
    retry_after: float | str | None = None
    status: int = 429
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {', '.join(KINDS)}")


def _with_first(text: str, change: Callable[[dict[str, Any]], None]) -> str:
    value = json.loads(text)
    change(value)
    return json.dumps(value)


def _numbers_out_of_range(value: dict[str, Any]) -> None:
    for name, part in value.items():
        if isinstance(part, int | float) and not isinstance(part, bool):
            value[name] = 1_066_600


def _without_first(value: dict[str, Any]) -> None:
    del value[next(iter(value))]


def _numbers_as(text: str, number: str) -> str:
    value = json.loads(text)
    marked = {
        name: "@number@" if isinstance(part, int | float) and not isinstance(part, bool) else part
        for name, part in value.items()
    }
    return json.dumps(marked).replace('"@number@"', number)


def _unknown_enums(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value with every enum of the schema answered by what is not in it."""
    if "enum" in schema:
        return "no-such-value"
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        return {name: _unknown_enums(part, parts.get(name, {})) for name, part in value.items()}
    if isinstance(value, list):
        return [_unknown_enums(part, schema.get("items", {})) for part in value]
    return value


Schema = Mapping[str, Any]

TEXT_FAULTS: dict[str, Callable[[str, Schema, Fault], str]] = {
    "text": lambda text, schema, fault: fault.text,
    "empty_content": lambda text, schema, fault: "",
    "fences": lambda text, schema, fault: f"```json\n{text}\n```",
    "prose": lambda text, schema, fault: f"Here is the answer you asked for:\n{text}",
    "cut_text": lambda text, schema, fault: text[: len(text) // 2],
    "not_an_object": lambda text, schema, fault: f"[{text}]",
    "extra_property": lambda text, schema, fault: _with_first(text, lambda v: v.update(admin=True)),
    "duplicate_keys": lambda text, schema, fault: text[:-1] + "," + text[1:],
    "nan": lambda text, schema, fault: _numbers_as(text, "NaN"),
    "infinity": lambda text, schema, fault: _numbers_as(text, "1e999"),
    "number_as_text": lambda text, schema, fault: _numbers_as(text, '"85"'),
    "out_of_range": lambda text, schema, fault: _with_first(text, _numbers_out_of_range),
    "unknown_enum": lambda text, schema, fault: json.dumps(_unknown_enums(json.loads(text), schema)),
    "schema_violation": lambda text, schema, fault: _with_first(text, _without_first),
    "huge": lambda text, schema, fault: _with_first(text, lambda v: v.update(padding="x" * 2_000_000)),
}
"""Change the answer; billed."""


def _set_choice(response: dict[str, Any], **parts: Any) -> None:
    response["choices"][0].update(parts)


def _cut_off(response: dict[str, Any]) -> None:
    message = response["choices"][0]["message"]
    _set_choice(response, finish_reason="length", message={**message, "content": message["content"][:20]})


RESPONSE_FAULTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "length": _cut_off,
    "content_filter": lambda response: _set_choice(response, finish_reason="content_filter"),
    "null_message": lambda response: _set_choice(response, message=None),
    "no_fingerprint": lambda response: response.pop("system_fingerprint"),
    "no_time_info": lambda response: response.pop("time_info"),
    "no_usage": lambda response: response.pop("usage"),
    "bad_usage": lambda response: response.update(usage={"prompt_tokens": "many", "completion_tokens": -1}),
}
"""Change the response around the answer; billed."""

KINDS = (*STATUSES, *UNBILLED, *TEXT_FAULTS, *RESPONSE_FAULTS, "truncated", "slow", "drip")


@dataclass
class FaultPlan:
    """Decides for each request; a script goes first, then matches, then chance."""

    script: deque[Fault | None] = field(default_factory=deque)
    matches: list[tuple[bytes, Fault, int]] = field(default_factory=list)
    chances: list[tuple[float, Fault]] = field(default_factory=list)
    random: random.Random = field(default_factory=lambda: random.Random(0))

    def next(self, body: bytes) -> Fault | None:
        if self.script:
            return self.script.popleft()
        for position, (needle, fault, times) in enumerate(self.matches):
            if needle in body:
                self.matches[position : position + 1] = [(needle, fault, times - 1)] if times > 1 else []
                return fault
        if not self.chances:
            return None
        drawn = self.random.random()
        for share, fault in self.chances:
            if drawn < share:
                return fault
            drawn -= share
        return None


def as_fault(given: str | Fault | Mapping[str, Any]) -> Fault:
    if isinstance(given, Fault):
        return given
    return Fault(given) if isinstance(given, str) else Fault(**given)
