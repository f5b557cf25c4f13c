"""Reading what comes back, without a server; ``test_traps`` has the same through the SDK."""

import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.inference.cerebras.errors import (
    Fault,
    InvalidAnswer,
    ProviderDown,
    RateLimitHeaders,
    Rejected,
)
from sales_agent_dagster.inference.cerebras.replies import (
    MAX_ANSWER,
    MAX_FAULT_TEXT,
    Completion,
    read_answer,
    read_response,
)
from sales_agent_dagster_tests.inference.cerebras.questions import Opinion, Point

GOOD = '{"score": 61.5, "points": [{"kind": "fit", "text": "Two brands."}], "note": null}'
OPINION = Opinion(score=61.5, points=[Point(kind="fit", text="Two brands.")], note=None)
USAGE = Usage(prompt=700, cached=640, completion=90, reasoning=40)


def completion(text: str) -> Completion:
    return Completion(text, USAGE, "gpt-oss-120b", "stop", None, None, None, RateLimitHeaders())


def response(**changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "choices": [{"finish_reason": "stop", "index": 0, "message": {"content": GOOD, "role": "assistant"}}],
        "created": 1,
        "model": "gpt-oss-120b",
        "system_fingerprint": "fp",
        "object": "chat.completion",
        "usage": {
            "prompt_tokens": 700,
            "completion_tokens": 90,
            "total_tokens": 790,
            "prompt_tokens_details": {"cached_tokens": 640},
            "completion_tokens_details": {"reasoning_tokens": 40},
        },
        "time_info": {"queue_time": 0.001, "prompt_time": 0.02, "completion_time": 0.3, "total_time": 0.321},
        **changes,
    }


def read(**changes: Any) -> Completion:
    return read_response(orjson.dumps(response(**changes)), {}, prompt_tokens=1000)


def invalid(text: str) -> InvalidAnswer:
    with pytest.raises(InvalidAnswer) as error:
        read_answer(completion(text), Opinion)
    return error.value


def test_a_response_with_everything() -> None:
    headers = {"x-ratelimit-limit-tokens-minute": "5000"}
    assert read_response(orjson.dumps(response()), headers, 1000) == Completion(
        text=GOOD,
        usage=USAGE,
        model="gpt-oss-120b",
        finish_reason="stop",
        queue_ms=1.0,
        prompt_ms=20.0,
        completion_ms=300.0,
        limits=RateLimitHeaders(limit_tokens_minute=5000.0),
    )


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        {"prompt_tokens": 5},
        {"prompt_tokens": "5", "completion_tokens": 5},
        {"prompt_tokens": -5, "completion_tokens": 5},
        {"prompt_tokens": True, "completion_tokens": 5},
        {"prompt_tokens": 5.5, "completion_tokens": 5},
        {"prompt_tokens": 2**63, "completion_tokens": 5},
    ],
)
def test_usage_that_is_not_told_is_estimated_and_not_free(usage: object) -> None:
    found = read(usage=usage)
    assert found.usage_estimated
    assert found.usage == Usage(prompt=1000, completion=-(-len(GOOD) // 3))


def test_usage_without_details_has_nothing_cached_and_no_thoughts() -> None:
    found = read(usage={"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": None})
    assert (found.usage, found.usage_estimated) == (Usage(prompt=5, completion=7), False)


def test_parts_of_a_usage_are_never_more_than_the_whole() -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 99},
        "completion_tokens_details": {"reasoning_tokens": 99},
    }
    found = read(usage={"prompt_tokens": 5, "completion_tokens": 7, **details})
    assert found.usage == Usage(prompt=5, cached=5, completion=7, reasoning=7)


@pytest.mark.parametrize(
    "info",
    [None, [], {}, {"queue_time": "1", "prompt_time": -1, "completion_time": True}, {"queue_time": 1e308}],
)
def test_times_that_are_not_told_are_unknown(info: object) -> None:
    found = read(time_info=info)
    assert (found.queue_ms, found.prompt_ms, found.completion_ms) == (None, None, None)


def test_names_that_are_no_text_are_unknown() -> None:
    choice = {"message": {"content": GOOD}, "finish_reason": 7}
    found = read(model=None, choices=[choice])
    assert (found.model, found.finish_reason, found.text) == ("", None, GOOD)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"<html></html>", b"\xff\xfe"])
def test_a_body_that_is_no_object_is_billed_by_estimate(body: bytes) -> None:
    with pytest.raises(InvalidAnswer) as error:
        read_response(body, {}, 1000)
    assert (error.value.fault, error.value.usage, error.value.text) == (Fault.BODY, Usage(prompt=1000), None)


@pytest.mark.parametrize("choices", [None, [], {}, [None], [{}], [{"message": None}], [{"message": "text"}]])
def test_a_response_without_a_message_tells_what_it_billed(choices: object) -> None:
    with pytest.raises(InvalidAnswer) as error:
        read(choices=choices)
    assert (error.value.fault, error.value.usage, error.value.text) == (Fault.BODY, USAGE, None)


def test_a_message_in_parts_is_one_text() -> None:
    parts = [{"type": "text", "text": GOOD[:9]}, {"type": "image"}, "?", {"type": "text", "text": GOOD[9:]}]
    assert read(choices=[{"message": {"content": parts}, "finish_reason": "stop"}]).text == GOOD


@pytest.mark.parametrize("content", [None, "", " \n", 7, ["text"], [{"text": 7}]])
def test_a_message_without_text_is_empty(content: object) -> None:
    with pytest.raises(InvalidAnswer) as error:
        read(choices=[{"message": {"content": content}, "finish_reason": "stop"}])
    assert (error.value.fault, error.value.usage, error.value.text) == (Fault.EMPTY, USAGE, None)


@pytest.mark.parametrize(("content", "text"), [(GOOD[:20], GOOD[:20]), ("", None), (None, None)])
def test_an_answer_at_its_limit_is_cut_off_even_when_there_is_none(
    content: str | None, text: str | None
) -> None:
    with pytest.raises(InvalidAnswer) as error:
        read(choices=[{"message": {"content": content}, "finish_reason": "length"}])
    assert (error.value.fault, error.value.usage, error.value.text) == (Fault.LENGTH, USAGE, text)


@pytest.mark.parametrize("reason", ["content_filter", "tool_calls", "x" * 100])
def test_an_answer_that_was_not_ended_is_not_read(reason: str) -> None:
    with pytest.raises(InvalidAnswer) as error:
        read(choices=[{"message": {"content": GOOD}, "finish_reason": reason}])
    assert (error.value.fault, error.value.text) == (Fault.FINISH, None)
    assert len(str(error.value)) < 100


def test_an_error_in_a_200_is_one_when_it_has_a_status() -> None:
    error = {"message": "upstream overloaded", "code": 503}
    with pytest.raises(ProviderDown, match=r"HTTP 503.*upstream overloaded"):
        read(error=error, choices=None)
    assert read(error={"code": "none"}).text == read(error=None).text == GOOD


def test_a_status_of_200_is_no_error() -> None:
    assert read(status_code=200).text == GOOD


def test_a_body_can_refuse() -> None:
    with pytest.raises(Rejected) as error:
        read_response(b'{"status_code": 401, "message": {"no": "text"}}', {}, 10)
    assert error.value.status == 401


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"\n```\n{GOOD}\n```\n",
        f"```JSON\r\n{GOOD}\r\n```",
        f"Here it is:\n```json\n{GOOD}\n```\nAnything else?",
        f"<think>\nThe fence is ```json {{}} ```.\n</think>\n\n{GOOD}",
        f"<think></think>```json\n{GOOD}\n```",
        GOOD.replace("61.5", "6.15e1"),
    ],
)
def test_a_good_answer_with_or_without_fences(text: str) -> None:
    assert read_answer(completion(text), Opinion) == OPINION


def test_backticks_inside_an_answer_are_text() -> None:
    text = GOOD.replace("Two brands.", "```json two ```")
    assert read_answer(completion(text), Opinion).points[0].text == "```json two ```"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Here it is: " + GOOD, "not JSON at character 0"),
        (GOOD + " I hope this helps.", "not JSON at character"),
        (GOOD[:40], "not JSON at character"),
        (GOOD + GOOD, "not JSON at character"),
        (f"```json\n{GOOD}", "not JSON at character 0"),
        (f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```", "not JSON at character"),
        (f"{{}}\n```json\n{GOOD}\n```", "not JSON at character"),
        (f"<think>{GOOD}", "not JSON at character 0"),
        (f"{GOOD}<think></think>", "not JSON at character"),
        (f"[{GOOD}]", "not a JSON object"),
        ('"text"', "not a JSON object"),
        (GOOD.replace("61.5", "NaN"), "NaN or infinite"),
        (GOOD.replace("61.5", "-Infinity"), "NaN or infinite"),
        (GOOD.replace("61.5", "1e999"), "NaN or infinite"),
        (GOOD.replace("61.5", "9" * 5000), "not JSON"),
        (GOOD.replace('"score"', '"score": 1, "score"'), "same key twice"),
        (GOOD.replace('"kind"', '"kind": "risk", "kind"'), "same key twice"),
        (GOOD.replace("Two", "\\u0000"), "NUL character"),
        ("[" * 100_000, "not JSON"),
        ('{"a":' * 19_000, "not JSON"),
        ('{"score": "' + "x" * MAX_ANSWER + '"}', f"longer than {MAX_ANSWER} characters"),
    ],
)
def test_what_is_not_one_clear_json_object(text: str, faults: str) -> None:
    error = invalid(text)
    assert error.fault is Fault.JSON
    assert faults in error.faults
    assert (error.usage, error.text) == (USAGE, text)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("61.5", "1066600", "score: Input should be less than or equal to 100"),
        ("61.5", "-1", "score: Input should be greater than or equal to 0"),
        ("61.5", '"61.5"', "score: Input should be a valid number"),
        ("61.5", "true", "score: Input should be a valid number"),
        ("61.5", "null", "score: Input should be a valid number"),
        ('"fit"', '"sentinel"', "points.0.kind: Input should be 'fit' or 'risk'"),
        ('"score": 61.5, ', "", "score: Field required"),
        ('"score"', '"sentinel": 1, "score"', "the answer: has a property too many"),
        ('"kind"', '"sentinel": 1, "kind"', "points.0: has a property too many"),
        ("Two brands.", "sentinel" * 20, "points.0.text: String should have at most 80 characters"),
        ("Two brands.", "\\ud800", "the answer: Invalid JSON"),
    ],
)
def test_what_the_output_model_does_not_take_is_named_by_its_place(old: str, new: str, fault: str) -> None:
    error = invalid(GOOD.replace(old, new))
    assert error.fault is Fault.SCHEMA
    assert fault in error.faults
    assert "sentinel" not in str(error)


def test_many_faults_are_counted_and_few_named() -> None:
    points = ", ".join('{"kind": "x", "text": 1}' for _ in range(3))
    error = invalid(f'{{"score": 101, "points": [{points}], "note": null}}')
    assert error.faults.count("Input should be") == 5
    assert error.faults.endswith("; and 2 more")
    assert len(error.faults) <= MAX_FAULT_TEXT


@given(st.text(max_size=300))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(InvalidAnswer):
        assert isinstance(read_answer(completion(text), Opinion), Opinion)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**7) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.fixed_dictionaries({"score": JSON, "points": JSON, "note": JSON}))
def test_every_answer_that_is_taken_is_within_its_bounds(value: dict[str, Any]) -> None:
    try:
        found = read_answer(completion(json.dumps(value)), Opinion)
    except InvalidAnswer:
        return
    assert 0 <= found.score <= 100
    assert len(found.points) <= 3


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=5))
def test_no_body_raises_anything_but_the_typed_errors(value: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnswer):
        read_response(json.dumps(value).encode(), {}, 10)
