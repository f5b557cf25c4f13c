"""The stand-in does what the provider does: otherwise tests against it would prove nothing."""

import asyncio
import gzip
import json
import time
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import ormsgpack
import pytest
from cerebras.cloud.sdk import AsyncCerebras, Cerebras, InternalServerError, RateLimitError

from sales_agent_dagster_tests.cerebras_server import Fault
from sales_agent_dagster_tests.cerebras_server.faults import KINDS
from sales_agent_dagster_tests.cerebras_server.running import RunningServer, server_process

SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "number"}, "kind": {"type": "string", "enum": ["fit", "risk"]}},
    "required": ["score", "kind"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "opinion", "strict": True, "schema": SCHEMA}}


def body(payload: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    lead = f"```json\n{json.dumps(payload or {})}\n```"
    messages = [{"role": "system", "content": "Judge. " * 200}, {"role": "user", "content": lead}]
    given = {"model": "gpt-oss-120b", "messages": messages, "response_format": FORMAT, **parts}
    return {"max_completion_tokens": 500, **given}


def post(
    server: RunningServer,
    content: dict[str, Any] | bytes,
    path: str = "/v1/chat/completions",
    timeout: float = 20,
    **headers: str,
) -> httpx.Response:
    raw = content if isinstance(content, bytes) else orjson.dumps(content)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"authorization": "Bearer key", "content-type": "application/json", **names}
    return httpx.post(server.url + path, content=raw, headers=sent, timeout=timeout, verify=False)


def test_a_completion_has_every_field_of_the_real_one(cerebras: RunningServer) -> None:
    cerebras.reset(latency_ms=1000, virtual=True)
    found = post(cerebras, body()).json()
    assert found.keys() == {
        "id",
        "choices",
        "created",
        "model",
        "system_fingerprint",
        "object",
        "usage",
        "time_info",
    }
    assert found["object"] == "chat.completion"
    assert found["choices"][0]["finish_reason"] == "stop"
    assert orjson.loads(found["choices"][0]["message"]["content"]) == {"score": 50, "kind": "fit"}
    usage = found["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 40}
    times = found["time_info"]
    parts = times["queue_time"] + times["prompt_time"] + times["completion_time"]
    assert parts == pytest.approx(times["total_time"]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("header", "status"), [("", 401), ("Basic key", 401), ("Bearer", 401), ("Bearer key", 200)]
)
def test_a_key_is_needed(cerebras: RunningServer, header: str, status: int) -> None:
    found = post(cerebras, body(), authorization=header)
    assert found.status_code == status
    if status == 401:
        assert found.json() == {
            "message": "Wrong API Key",
            "type": "invalid_request_error",
            "param": None,
            "code": "wrong_api_key",
        }


def test_the_sdk_warms_and_lists_models_and_counts_as_it_does(cerebras: RunningServer) -> None:
    with Cerebras(api_key="key", base_url=cerebras.url, max_retries=0) as client:
        assert [model.id for model in client.models.list().data] == list(cerebras.options.models)
    assert (cerebras.stats.warmings, cerebras.stats.model_lists) == (1, 1)


def test_with_v1_in_the_base_url_nothing_is_found(cerebras: RunningServer) -> None:
    assert post(cerebras, body(), path="/v1/v1/chat/completions").status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "llama-3.3-70b"}, 404, "does not exist"),
        ({"model": ""}, 400, "model is required"),
        ({"messages": []}, 400, "messages is required"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, 400, "needs name"),
    ],
)
def test_a_wrong_request_is_refused(
    cerebras: RunningServer, change: dict[str, Any], status: int, words: str
) -> None:
    found = post(cerebras, body(**change))
    assert (found.status_code, words in found.json()["message"]) == (status, True)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]"])
def test_a_body_that_is_no_object_is_refused(cerebras: RunningServer, raw: bytes) -> None:
    assert post(cerebras, raw).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"additionalProperties": True},
        {"required": ["score"]},
        {"$defs": {}},
        {"properties": {"score": {"type": "number", "minimum": 0}}, "required": ["score"]},
        {"properties": {"a": {"type": "array", "items": {"type": "object"}}}, "required": ["a"]},
        {"properties": {"a": {"anyOf": [{"type": "string", "format": "date"}]}}, "required": ["a"]},
    ],
)
def test_a_schema_that_is_not_strict_is_refused(cerebras: RunningServer, change: dict[str, Any]) -> None:
    wanted = {"name": "opinion", "strict": True, "schema": {**SCHEMA, **change}}
    asked = body(response_format={"type": "json_schema", "json_schema": wanted})
    assert post(cerebras, asked).status_code == 400
    assert cerebras.stats.billed == 0


def test_bodies_may_be_compressed_or_msgpack(cerebras: RunningServer) -> None:
    asked = body()
    plain = post(cerebras, asked).json()["choices"]
    packed = gzip.compress(orjson.dumps(asked))
    assert post(cerebras, packed, content_encoding="gzip").json()["choices"] == plain
    packed = ormsgpack.packb(asked)
    assert post(cerebras, packed, content_type="application/vnd.msgpack").json()["choices"] == plain


def test_tokens_are_reserved_on_admission_and_given_back_when_not_used(cerebras: RunningServer) -> None:
    cerebras.reset(tokens_minute=2000)
    first = post(cerebras, body(max_completion_tokens=1000))
    used = first.json()["usage"]["total_tokens"]
    left = int(first.headers["x-ratelimit-remaining-tokens-minute"])
    assert 2000 - used <= left <= 2000 - used + 40
    assert first.headers["x-ratelimit-limit-tokens-minute"] == "2000"
    assert 0 < float(first.headers["x-ratelimit-reset-tokens-minute"]) <= 60
    refused = post(cerebras, body(max_completion_tokens=1800))
    assert refused.status_code == 429
    assert refused.json().keys() == {"message", "type", "param", "code"}
    assert 0 < float(refused.headers["retry-after"]) < 60
    assert post(cerebras, body(max_completion_tokens=100)).status_code == 200
    assert cerebras.stats.billed == 2


def test_requests_per_minute_are_limited(cerebras: RunningServer) -> None:
    cerebras.reset(requests_minute=3)
    assert [post(cerebras, body()).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert len(cerebras.stats.arrivals) == 4


def test_an_answer_that_does_not_fit_is_cut_off(cerebras: RunningServer) -> None:
    found = post(cerebras, body(max_completion_tokens=42)).json()
    assert found["choices"][0]["finish_reason"] == "length"
    assert len(found["choices"][0]["message"]["content"]) == 8
    found = post(cerebras, body(max_completion_tokens=10)).json()
    assert found["choices"][0]["message"]["content"] == ""
    assert found["usage"]["completion_tokens"] == 10


def test_a_known_beginning_comes_from_the_prompt_cache(cerebras: RunningServer) -> None:
    one, other = post(cerebras, body({"lead": 1})).json(), post(cerebras, body({"lead": 2})).json()
    assert one["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert other["usage"]["prompt_tokens_details"]["cached_tokens"] == 256
    elsewhere = post(cerebras, body(model="qwen-3.8-27b")).json()
    assert elsewhere["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_the_same_body_billed_twice_is_counted(cerebras: RunningServer) -> None:
    for lead in (1, 1, 2, 1):
        post(cerebras, body({"lead": lead}))
    stats = cerebras.stats
    assert (stats.requests, stats.billed, stats.duplicate_bills) == (4, 4, 2)


async def streamed(server: RunningServer, **parts: Any) -> list[Any]:
    async with AsyncCerebras(
        api_key="key", base_url=server.url, max_retries=0, warm_tcp_connection=False
    ) as client:
        stream: AsyncIterator[Any] = await client.chat.completions.create(**body(**parts), stream=True)
        return [chunk async for chunk in stream]


def test_a_stream_tells_usage_and_times_at_its_end(cerebras: RunningServer) -> None:
    chunks = asyncio.run(streamed(cerebras))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert orjson.loads(text) == {"score": 50, "kind": "fit"}
    assert chunks[-1].usage.completion_tokens > 0
    assert chunks[-1].time_info is not None
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    raw = post(cerebras, body(stream=True))
    assert raw.headers["content-type"] == "text/event-stream"
    assert raw.text.endswith("data: [DONE]\n\n")


def test_a_stream_without_a_fingerprint_is_what_the_sdk_cannot_read(cerebras: RunningServer) -> None:
    cerebras.script("no_fingerprint")
    assert isinstance(asyncio.run(streamed(cerebras))[0].choices[0].delta, dict)


def test_a_script_goes_request_by_request(cerebras: RunningServer) -> None:
    cerebras.script("500", None, Fault("429", retry_after=7), "html")
    found = [post(cerebras, body()) for _ in range(5)]
    assert [one.status_code for one in found] == [500, 200, 429, 200, 200]
    assert found[2].headers["retry-after"] == "7"
    assert found[3].text.startswith("<html>")
    assert cerebras.stats.faults == {"500": 1, "429": 1, "html": 1}


def test_faults_by_chance_are_the_same_for_a_seed(cerebras: RunningServer) -> None:
    def statuses() -> list[int]:
        cerebras.reset()
        cerebras.rates({"500": 0.3, "429": 0.2}, seed=7)
        return [post(cerebras, body()).status_code for _ in range(20)]

    first = statuses()
    assert set(first) == {200, 429, 500}
    assert statuses() == first


def test_faults_by_text_and_times(cerebras: RunningServer) -> None:
    cerebras.match("lead-7", "503", times=2)
    found = [post(cerebras, body({"lead": lead})).status_code for lead in ("lead-7", "x", "lead-7", "lead-7")]
    assert found == [503, 200, 503, 200]


def test_an_unknown_fault_is_refused_where_it_is_written(cerebras: RunningServer) -> None:
    with pytest.raises(ValueError, match="no such fault: 5oo"):
        cerebras.script("5oo")
    assert len(set(KINDS)) == len(KINDS)


def test_a_slow_answer_says_so(cerebras: RunningServer) -> None:
    cerebras.script(Fault("slow", seconds=0.05))
    assert post(cerebras, body()).json()["time_info"]["total_time"] == pytest.approx(0.05)


def test_a_request_that_hangs_to_the_end_is_reset(cerebras: RunningServer) -> None:
    cerebras.script(Fault("hang", seconds=0.02))
    with pytest.raises(httpx.ReadError):
        post(cerebras, body())


def test_a_long_body_is_read_to_its_end(cerebras: RunningServer) -> None:
    found = post(cerebras, body({"notes": "x" * 1_000_000})).json()
    assert found["usage"]["prompt_tokens"] > 250_000


def test_who_gave_up_is_billed_all_the_same(cerebras: RunningServer) -> None:
    cerebras.reset(latency_ms=80)
    with pytest.raises(httpx.ReadTimeout):
        post(cerebras, body(), timeout=0.02)
    while cerebras.stats.in_flight:
        time.sleep(0.005)
    assert (cerebras.stats.billed, cerebras.stats.abandoned) == (1, 1)


def test_a_body_can_override_the_status_for_the_sdk(cerebras: RunningServer) -> None:
    cerebras.script(Fault("body_status", status=429), "500")
    with Cerebras(api_key="key", base_url=cerebras.url, max_retries=0, warm_tcp_connection=False) as client:
        with pytest.raises(RateLimitError):
            client.chat.completions.create(**body())
        with pytest.raises(InternalServerError):
            client.chat.completions.create(**body())


def test_it_runs_as_a_process_and_is_steered_over_http() -> None:
    faults = json.dumps({"script": ["500", {"kind": "429", "retry_after": 1}], "rates": {}})
    arguments = ("--latency-ms", "0", "--models", "one,gpt-oss-120b", "--virtual", "--faults", faults)
    with server_process(*arguments) as url:

        def statuses(count: int) -> list[int]:
            headers = {"authorization": "Bearer key"}
            address = f"{url}/v1/chat/completions"
            return [
                httpx.post(address, json=body(), headers=headers, verify=False).status_code
                for _ in range(count)
            ]

        assert statuses(3) == [500, 429, 200]
        with urllib.request.urlopen(f"{url}/admin/stats") as response:
            stats = json.load(response)
        assert (stats["requests"], stats["billed"], stats["faults"]) == (3, 1, {"500": 1, "429": 1})
        script = {"script": [None, "503"], "match": [{"text": "no such", "fault": "500"}]}
        assert httpx.post(f"{url}/admin/faults", json=script).status_code == 200
        assert statuses(3) == [200, 503, 200]
        assert httpx.post(f"{url}/admin/latency", json={"latency_ms": 5}).status_code == 200
        assert httpx.post(f"{url}/admin/reset").status_code == 200
        assert httpx.get(f"{url}/admin/stats").json()["requests"] == 0
        assert httpx.get(f"{url}/admin/other").status_code == 404
