"""Bodies of responses, as the provider shapes them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from sales_agent_dagster_tests.cerebras_server.counting import (
    CHARACTERS_PER_TOKEN,
    REASONING_TOKENS,
    PromptCache,
    count_tokens,
)

FINGERPRINT = "fp_stand_in"
STREAM_CHARACTERS = 64
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n\s*```", re.DOTALL)


def text_of(message: dict[str, Any]) -> str:
    """Content of a message, given as text or as parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def payload_of(messages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The JSON object in the last user message that has one, fenced or bare."""
    for message in reversed(messages):
        if message.get("role") != "user":
            continue
        text = text_of(message)
        found = _FENCED.search(text)
        try:
            value = orjson.loads(found[1] if found else text)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict):
            return value
    return None


def schema_told(system: str) -> dict[str, Any]:
    """The JSON schema that a prompt has in a line of its own, for servers that take none beside it."""
    lines = (line for line in system.splitlines() if line.startswith('{"type":"object"'))
    return dict(orjson.loads(next(lines, "{}")))


def prompt_of(request: dict[str, Any]) -> tuple[str, int]:
    """All input text, and its tokens with those of the schema."""
    messages = request["messages"]
    prompt = "".join(text_of(message) for message in messages)
    schema = request.get("response_format")
    extra = count_tokens(orjson.dumps(schema).decode()) if schema else 0
    return prompt, count_tokens(prompt) + 4 * len(messages) + extra


def usage_of(request: dict[str, Any], answer: str, cache: PromptCache) -> tuple[dict[str, Any], str, str]:
    """Usage, the answer as far as its token limit lets it, and the finish reason."""
    prompt, prompt_tokens = prompt_of(request)
    reasoning = REASONING_TOKENS[request.get("reasoning_effort") or "low"]
    completion, finish = reasoning + count_tokens(answer), "stop"
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit is not None and completion > limit:
        reasoning = min(reasoning, limit)
        answer = answer[: (limit - reasoning) * CHARACTERS_PER_TOKEN]
        completion, finish = limit, "length"
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": cache.cached_tokens(request["model"], prompt)},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    return usage, answer, finish


def time_info(seconds: float) -> dict[str, float]:
    """A call's time in parts: 5 % in the queue, 15 % for the prompt, the rest for the answer."""
    return {
        "queue_time": 0.05 * seconds,
        "prompt_time": 0.15 * seconds,
        "completion_time": 0.8 * seconds,
        "total_time": seconds,
        "created": time.time(),
    }


def model_list(names: Iterable[str]) -> bytes:
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "stand-in"} for name in names]
    return orjson.dumps({"object": "list", "data": data})


def completion(
    number: int, model: str, answer: str, finish: str, usage: dict[str, Any], seconds: float
) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "choices": [
            {"finish_reason": finish, "index": 0, "message": {"content": answer, "role": "assistant"}},
        ],
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": FINGERPRINT,
        "object": "chat.completion",
        "usage": usage,
        "time_info": time_info(seconds),
    }


def stream(response: dict[str, Any]) -> Iterator[bytes]:
    """A completion as server-sent events: usage and times in the last chunk, then ``[DONE]``."""
    choice = response["choices"][0]
    shared = {
        name: response[name] for name in ("id", "created", "model", "system_fingerprint") if name in response
    }
    shared["object"] = "chat.completion.chunk"
    text = choice["message"]["content"]
    pieces = [text[at : at + STREAM_CHARACTERS] for at in range(0, len(text), STREAM_CHARACTERS)]
    deltas = [{"role": "assistant"}, *({"content": piece} for piece in pieces)]
    for delta in deltas:
        yield _event({**shared, "choices": [{"delta": delta, "index": 0}]})
    last = {"delta": {}, "finish_reason": choice["finish_reason"], "index": 0}
    ending = {name: response[name] for name in ("usage", "time_info") if name in response}
    yield _event({**shared, "choices": [last], **ending})
    yield b"data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def error(message: str, kind: str, code: str, param: str | None = None) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": param, "code": code}
