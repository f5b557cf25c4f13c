"""Everything a provider may do wrong, through the real SDK and over a real connection."""

import asyncio

import pytest

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.inference.cerebras.errors import (
    Fault,
    InvalidAnswer,
    ProviderDown,
    RateLimited,
    Rejected,
)
from sales_agent_dagster_tests.cerebras_server import Fault as Scripted
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.inference.cerebras.questions import Opinion, ask, client_of, failure, request


@pytest.mark.parametrize(
    ("kind", "fault", "words"),
    [
        ("truncated", Fault.BODY, "not a JSON object"),
        ("empty_object", Fault.BODY, "no message"),
        ("html", Fault.BODY, "not a JSON object"),
        ("no_choices", Fault.BODY, "no message"),
        ("null_message", Fault.BODY, "no message"),
        ("empty_content", Fault.EMPTY, "empty"),
        ("length", Fault.LENGTH, "token limit"),
        ("content_filter", Fault.FINISH, "content_filter"),
        ("prose", Fault.JSON, "not JSON at character 0"),
        ("cut_text", Fault.JSON, "not JSON"),
        ("not_an_object", Fault.JSON, "not a JSON object"),
        ("nan", Fault.JSON, "NaN or infinite"),
        ("infinity", Fault.JSON, "NaN or infinite"),
        ("duplicate_keys", Fault.JSON, "same key twice"),
        ("huge", Fault.JSON, "longer than"),
        ("out_of_range", Fault.SCHEMA, "score: Input should be less than or equal to 100"),
        ("unknown_enum", Fault.SCHEMA, "points.0.kind"),
        ("schema_violation", Fault.SCHEMA, "score: Field required"),
        ("extra_property", Fault.SCHEMA, "property too many"),
        ("number_as_text", Fault.SCHEMA, "score: Input should be a valid number"),
    ],
)
def test_an_answer_that_cannot_be_used(cerebras: RunningServer, kind: str, fault: Fault, words: str) -> None:
    cerebras.script(kind)
    error = failure(cerebras, request(room=100_000_000))
    assert isinstance(error, InvalidAnswer)
    assert error.fault is fault
    assert words in error.faults
    assert cerebras.stats.requests == 1
    assert cerebras.stats.faults == {kind: 1}
    if fault is not Fault.BODY:
        stats = cerebras.stats
        assert error.usage == Usage(
            stats.prompt_tokens, stats.cached_tokens, stats.completion_tokens, stats.reasoning_tokens
        )


@pytest.mark.parametrize("kind", ["fences", "no_fingerprint", "no_time_info", "no_usage", "bad_usage"])
def test_an_answer_that_can_be_used_all_the_same(cerebras: RunningServer, kind: str) -> None:
    expected = ask(cerebras)
    cerebras.script(kind)
    assert ask(cerebras) == expected
    assert cerebras.stats.faults == {kind: 1}


@pytest.mark.parametrize("kind", ["no_usage", "bad_usage"])
def test_an_answer_without_usage_is_not_free(cerebras: RunningServer, kind: str) -> None:
    cerebras.script(kind)
    asked = request()
    completion = asyncio.run(client_of(cerebras).complete(asked, 10))
    assert completion.usage_estimated
    assert completion.usage.prompt == asked.prompt_tokens >= cerebras.stats.prompt_tokens
    assert completion.usage.completion > 0


@pytest.mark.parametrize("kind", ["400", "401", "402", "403", "404", "413", "422"])
def test_a_refusal_is_permanent(cerebras: RunningServer, kind: str) -> None:
    cerebras.script(kind)
    error = failure(cerebras)
    assert isinstance(error, Rejected)
    assert error.status == int(kind)
    assert f"(scripted {kind})" in str(error)


@pytest.mark.parametrize("kind", ["408", "409", "500", "502", "503", "529"])
def test_a_server_error_is_the_provider_down_and_asked_once(cerebras: RunningServer, kind: str) -> None:
    cerebras.script(kind)
    error = failure(cerebras)
    assert isinstance(error, ProviderDown)
    assert (error.status, error.timed_out) == (int(kind), False)
    assert cerebras.stats.requests == 1


def test_a_rate_limit_tells_its_wait_and_its_limits(cerebras: RunningServer) -> None:
    cerebras.reset(tokens_minute=60_000)
    cerebras.script(Scripted("429", retry_after=2.5))
    error = failure(cerebras)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 2.5
    assert error.limits.limit_tokens_minute == 60_000
    assert cerebras.stats.requests == 1


def test_the_status_in_a_body_takes_the_place_of_https(cerebras: RunningServer) -> None:
    cerebras.script(Scripted("body_status", status=429), Scripted("body_status_200", status=503))
    assert isinstance(failure(cerebras), RateLimited)
    error = failure(cerebras)
    assert isinstance(error, ProviderDown)
    assert error.status == 503


def test_a_redirect_is_not_followed(cerebras: RunningServer) -> None:
    cerebras.script("redirect")
    error = failure(cerebras)
    assert isinstance(error, Rejected)
    assert error.status == 307
    assert cerebras.stats.model_lists == 0


def test_a_broken_connection_is_no_timeout(cerebras: RunningServer) -> None:
    cerebras.script("reset")
    error = failure(cerebras)
    assert isinstance(error, ProviderDown)
    assert (error.status, error.timed_out) == (None, False)
    assert f"no connection to 127.0.0.1:{cerebras.port}" in str(error)


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_the_time_of_a_call_is_over_also_when_bytes_come(cerebras: RunningServer, kind: str) -> None:
    cerebras.script(Scripted(kind, seconds=20))
    error = failure(cerebras, timeout_s=0.2)
    assert isinstance(error, ProviderDown)
    assert error.timed_out
    assert "within 0.2 s" in str(error)


def test_no_server_at_all(cerebras: RunningServer) -> None:
    gone = RunningServer(cerebras.app, "127.0.0.1", 1)
    error = failure(gone)
    assert isinstance(error, ProviderDown)
    assert str(error) == "no connection to 127.0.0.1:1 (ConnectionRefusedError)"


def test_a_compressed_answer_is_read(cerebras: RunningServer) -> None:
    expected = ask(cerebras)
    cerebras.reset(gzip_responses=True)
    assert ask(cerebras) == expected


def test_a_repair_turn_gets_a_good_answer(cerebras: RunningServer) -> None:
    cerebras.script("out_of_range")
    asked = request()
    error = failure(cerebras, asked)
    assert isinstance(error, InvalidAnswer)
    assert isinstance(ask(cerebras, asked.repaired(error)), Opinion)
    assert cerebras.stats.duplicate_bills == 0


def test_an_answer_cut_off_at_its_limit_fits_into_twice_the_room(cerebras: RunningServer) -> None:
    asked = request(room=45)
    error = failure(cerebras, asked)
    assert isinstance(error, InvalidAnswer)
    assert error.fault is Fault.LENGTH
    assert isinstance(ask(cerebras, asked.repaired(error)), Opinion)


@pytest.mark.parametrize("kind", ["500", "429", "401", "schema_violation", "prose", "html"])
def test_no_error_holds_the_key_the_prompt_or_the_answer(cerebras: RunningServer, kind: str) -> None:
    cerebras.script(kind)
    message = str(failure(cerebras, request({"company_name": "Sentinel Power"})))
    for secret in ("Sentinel", "test-key", "judge", "fit"):
        assert secret not in message
