"""From a provider's response to a checked answer: nothing that comes back is trusted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.inference.cerebras.errors import (
    Fault,
    InvalidAnswer,
    RateLimitHeaders,
    error_of_status,
    rate_limit_headers,
    words_of,
)
from sales_agent_dagster.inference.cerebras.tokens import estimate_tokens

OutputT = TypeVar("OutputT", bound=BaseModel)

MAX_ANSWER = 100_000
"""Characters of an answer that are read at all; the longest that an output model takes is a tenth of it."""

MAX_TOKENS = 10_000_000
"""Of one request: a usage of more is no usage, and neither the database nor a budget can take it."""

MAX_SECONDS = 86_400.0
"""Of one request; more is no time."""

MAX_FAULTS = 5
"""Faults of an answer that are named in a repair turn."""

MAX_FAULT_TEXT = 500

_THOUGHTS = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(r"[^`{]*```(?:json)?[ \t]*\r?\n(.*?)\r?\n[ \t]*```[^`{]*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Completion:
    """One complete response to one request.

    Attributes:
        text: the answer, not yet read.
        usage: tokens billed; estimated from the texts when ``usage_estimated``.
        model: as the provider names it.
        finish_reason: None where the provider gave none.
        queue_ms, prompt_ms, completion_ms: the provider's own times; None where it gave none.
    """

    text: str
    usage: Usage
    model: str
    finish_reason: str | None
    queue_ms: float | None
    prompt_ms: float | None
    completion_ms: float | None
    limits: RateLimitHeaders
    usage_estimated: bool = False


def read_response(body: bytes, headers: Mapping[str, str], prompt_tokens: int) -> Completion:
    """The completion in the body of a 200.

    Args:
        body: of the response.
        headers: of the response, names in lower case or case-insensitive.
        prompt_tokens: estimate for the request, counted as billed where the response has no usage.

    Raises:
        InvalidAnswer: the body is no chat completion, or its answer is empty, cut off or withheld.
        Rejected, RateLimited, ProviderDown: the body's ``status_code``, or the ``code`` of an ``error``
            in it, says so, whatever HTTP says.
    """
    data = _json_object(body)
    if data is None:
        raise InvalidAnswer(Fault.BODY, "the response is not a JSON object", Usage(prompt_tokens))
    status = data.get("status_code") or _inside(data, "error", "code")
    if isinstance(status, int) and status >= 400:
        raise error_of_status(status, headers, words_of(data))
    choice = _first(data.get("choices"))
    message = choice.get("message")
    if not isinstance(message, dict):
        raise InvalidAnswer(Fault.BODY, "the response has no message", _usage(data) or Usage(prompt_tokens))
    text = _content(message.get("content"))
    usage = _usage(data)
    completion = Completion(
        text=text,
        usage=usage
        or Usage(prompt_tokens, completion=estimate_tokens(len(text.encode(errors="replace")), 0)),
        model=_text(data.get("model")) or "",
        finish_reason=_text(choice.get("finish_reason")),
        **_times(data.get("time_info")),
        limits=rate_limit_headers(headers),
        usage_estimated=usage is None,
    )
    _require_complete(completion)
    return completion


def read_answer(completion: Completion, output_type: type[OutputT]) -> OutputT:
    """The answer of a completion, checked.

    Types are exact as in JSON (no text for a number), all numbers finite, no key is there twice; thoughts in
    ``<think>`` before the answer, one pair of markdown fences around it and words outside these are taken
    off. Whether properties that the output model does not have are refused or left out is for that to say.

    Raises:
        InvalidAnswer: with the usage and text of the completion and what is wrong.
    """
    thoughts = _THOUGHTS.match(completion.text)
    text = completion.text[thoughts.end() if thoughts else 0 :]
    fenced = _FENCED.fullmatch(text) if "```" in text else None
    text = fenced[1] if fenced else text
    fault, faults = Fault.JSON, _json_fault(text)
    if faults is None:
        try:
            return output_type.model_validate_json(text, strict=True)
        except ValidationError as error:
            fault, faults = Fault.SCHEMA, _schema_faults(error)
    raise InvalidAnswer(fault, faults, completion.usage, completion.text)


def _require_complete(completion: Completion) -> None:
    reason, usage, text = completion.finish_reason, completion.usage, completion.text
    if reason == "length":
        raise InvalidAnswer(Fault.LENGTH, "the answer is cut off at its token limit", usage, text or None)
    if reason not in ("stop", None):
        raise InvalidAnswer(Fault.FINISH, f"the answer ended with {reason[:40]}", usage)
    if not text.strip():
        raise InvalidAnswer(Fault.EMPTY, "the answer is empty", usage)


def _json_fault(text: str) -> str | None:
    """What makes a text no JSON object that can be read in one way only; None for nothing."""
    if len(text) > MAX_ANSWER:
        return f"longer than {MAX_ANSWER} characters"
    if "\\u0000" in text:
        return "holds a NUL character"
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_not_a_number, parse_float=_finite_number
        )
    except _Ambiguous as error:
        return str(error)
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        return f"not JSON{where}; give one JSON object and no other text"
    return None if isinstance(value, dict) else "not a JSON object"


class _Ambiguous(ValueError):
    """JSON that readers understand differently."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous("an object has the same key twice")
    return found


def _not_a_number(_: str) -> NoReturn:
    raise _Ambiguous("a number is NaN or infinite")


def _finite_number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_a_number(text)


def _schema_faults(error: ValidationError) -> str:
    """The first faults by place; without values, and without names that are not the output model's."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = []
    for fault in found[:MAX_FAULTS]:
        extra = fault["type"] in ("extra_forbidden", "unexpected_keyword_argument")
        place = ".".join(str(part) for part in fault["loc"][: -1 if extra else None]) or "the answer"
        lines.append(f"{place}: {'has a property too many' if extra else fault['msg']}")
    if len(found) > MAX_FAULTS:
        lines.append(f"and {len(found) - MAX_FAULTS} more")
    return "; ".join(lines)[:MAX_FAULT_TEXT]


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict) else None


def _first(choices: object) -> dict[str, Any]:
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _content(content: object) -> str:
    """The text of a message, also where it comes in parts."""
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _usage(data: dict[str, Any]) -> Usage | None:
    """The tokens billed; None where the provider does not say, so that they are estimated, not free."""
    usage = data.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    cached = _count(_inside(usage, "prompt_tokens_details", "cached_tokens")) or 0
    reasoning = _count(_inside(usage, "completion_tokens_details", "reasoning_tokens")) or 0
    return Usage(prompt, min(cached, prompt), completion, min(reasoning, completion))


def _inside(data: dict[str, Any], outer: str, inner: str) -> object:
    part = data.get(outer)
    return part.get(inner) if isinstance(part, dict) else None


def _count(value: object) -> int | None:
    number = isinstance(value, int) and not isinstance(value, bool)
    return value if number and 0 <= value <= MAX_TOKENS else None  # type: ignore[operator, return-value]


def _times(info: object) -> Any:
    times = info if isinstance(info, dict) else {}
    return {
        f"{name}_ms": _milliseconds(times.get(f"{name}_time")) for name in ("queue", "prompt", "completion")
    }


def _milliseconds(seconds: object) -> float | None:
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return seconds * 1000 if number and 0 <= seconds <= MAX_SECONDS else None  # type: ignore[operator]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
