import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import PermanentError, TransientError
from sales_agent_dagster.inference.cerebras.errors import (
    MAX_DETAIL,
    ProviderDown,
    RateLimited,
    RateLimitHeaders,
    Rejected,
    error_of_status,
    rate_limit_headers,
    retry_after,
    words_of,
)

HEADERS = {
    "x-ratelimit-limit-requests-day": "1440000",
    "x-ratelimit-limit-tokens-minute": "60000",
    "x-ratelimit-remaining-requests-day": "1439997",
    "x-ratelimit-remaining-tokens-minute": "57931",
    "x-ratelimit-reset-requests-day": "33011.382867",
    "x-ratelimit-reset-tokens-minute": "11.3828",
}


@pytest.mark.parametrize("status", [301, 307, 400, 401, 402, 403, 404, 405, 413, 422])
def test_what_would_fail_again_is_permanent(status: int) -> None:
    error = error_of_status(status, {})
    assert isinstance(error, Rejected)
    assert isinstance(error, PermanentError)
    assert error.status == status


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529])
def test_what_may_pass_is_transient(status: int) -> None:
    error = error_of_status(status, {})
    assert isinstance(error, ProviderDown)
    assert isinstance(error, TransientError)
    assert (error.status, error.timed_out) == (status, False)


def test_a_limit_of_requests_a_minute_is_read_where_there_is_one() -> None:
    found = rate_limit_headers({**HEADERS, "x-ratelimit-limit-requests-minute": "30"})
    assert (found.limit_requests_minute, found.limit_tokens_minute) == (30, 60000)


def test_a_rate_limit_says_how_long_and_how_much() -> None:
    error = error_of_status(429, {"retry-after": "1.5", **HEADERS}, "too fast")
    assert isinstance(error, RateLimited)
    assert isinstance(error, TransientError)
    assert error.retry_after_s == 1.5
    assert error.limits == RateLimitHeaders(1439997, 33011.382867, 60000)
    assert str(error) == "HTTP 429: rate limit reached, free again in 1.5 s (too fast)"


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (400, "SALES_AGENT_CEREBRAS__MODEL"),
        (401, "set CEREBRAS_API_KEY"),
        (402, "no credit"),
        (403, "CEREBRAS_API_KEY"),
        (404, "SALES_AGENT_CEREBRAS__MODEL and CEREBRAS_BASE_URL"),
        (413, "too large"),
        (422, "value"),
        (418, "CEREBRAS_BASE_URL"),
    ],
)
def test_a_refusal_names_the_fix(status: int, fix: str) -> None:
    assert fix in str(error_of_status(status, {}))


def test_a_providers_words_are_cut_to_one_line() -> None:
    message = str(error_of_status(500, {}, "line one\nline two " + "x" * 1000))
    assert "(line one line two xxx" in message
    assert "\n" not in message
    assert len(message) < MAX_DETAIL + 80


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "2", "retry-after-ms": "750"}, 0.75),
        ({"retry-after": "2", "retry-after-ms": "soon"}, 2.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
    ],
)
def test_retry_after_is_milliseconds_seconds_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_a_date_to_come() -> None:
    when = email.utils.formatdate(time.time() + 90, usegmt=True)
    found = retry_after({"retry-after": when})
    assert found is not None
    assert 60 < found < 91


@given(st.text(max_size=40))
def test_no_header_breaks_the_reading(text: str) -> None:
    waited = retry_after({"retry-after": text, "retry-after-ms": text})
    assert waited is None or waited >= 0
    limits = rate_limit_headers({"x-ratelimit-limit-tokens-minute": text})
    assert limits.limit_tokens_minute is None or limits.limit_tokens_minute >= 0


def test_limits_that_are_no_numbers_are_unknown() -> None:
    assert rate_limit_headers(dict.fromkeys(HEADERS, "unlimited")) == RateLimitHeaders()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "No such model.", "type": "not_found_error", "param": None}, "No such model."),
        ({"message": "Not supported.", "param": "seed"}, "Not supported. (seed)"),
        ({"message": "No 'seed'.", "param": "seed"}, "No 'seed'."),
        ({"error": {"code": 400, "message": "No 'seed'."}}, "No 'seed'."),
        ({"error": {"message": "Bad.", "param": "seed"}}, "Bad. (seed)"),
        ({"error": "model not found"}, "model not found"),
        ({"object": "error", "message": "Bad.", "code": 400}, "Bad."),
        ({"detail": "Not authenticated"}, "Not authenticated"),
        (
            {"detail": [{"loc": ["body", "seed"], "msg": "not permitted", "input": "the lead's notes"}, "?"]},
            "body.seed: not permitted",
        ),
        ({"detail": [{"msg": "wrong"}]}, ": wrong"),
        ({"error": None, "message": 7}, ""),
        ({}, ""),
        ("<html></html>", ""),
        (None, ""),
    ],
)
def test_an_error_is_told_in_whoever_s_shape(body: object, words: str) -> None:
    assert words_of(body) == words
