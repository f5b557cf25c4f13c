import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster_tests.cerebras_server.counting import CACHE_SECONDS, PromptCache
from sales_agent_dagster_tests.cerebras_server.limits import MAX_SEQUENCE, Bucket, Limits


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_refilled_continuously() -> None:
    clock = Clock()
    bucket = Bucket(60, 60, clock)
    bucket.take(60)
    assert (bucket.level, bucket.wait_for(1), bucket.reset_s) == (0, 1, 60)
    clock.now = 1.5
    assert (bucket.level, bucket.wait_for(1), bucket.wait_for(3)) == (1.5, 0, 1.5)
    clock.now = 1000
    assert bucket.level == 60


def test_more_than_all_waits_for_all() -> None:
    bucket = Bucket(60, 60, Clock())
    bucket.take(30)
    assert bucket.wait_for(1_000_000) == 30


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 2000), st.integers(0, 1500)), max_size=40))
def test_no_window_admits_more_than_its_limit_and_one_bucket(calls: list[tuple[float, int, int]]) -> None:
    clock = Clock()
    limits = Limits(requests_minute=10, tokens_minute=5000, clock=clock)
    admitted: list[tuple[float, int]] = []
    for pause, prompt, completion in calls:
        clock.now += pause
        reserved, wait = limits.admit(prompt, completion)
        assert (wait > 0) == (reserved == 0)
        if reserved:
            assert reserved == prompt + completion
            admitted.append((clock.now, reserved))
    for start, _ in admitted:
        inside = [amount for at, amount in admitted if start <= at <= start + 60]
        assert len(inside) <= 20
        assert sum(inside) <= 10_000 + 1e-6


def test_without_a_limit_of_its_own_a_request_reserves_the_longest() -> None:
    limits = Limits(tokens_minute=200_000, clock=Clock())
    assert limits.admit(1000, None) == (1000 + MAX_SEQUENCE, 0)
    reserved, wait = limits.admit(1000, None)
    assert reserved == 0
    assert wait == pytest.approx((1000 + MAX_SEQUENCE - (200_000 - 1000 - MAX_SEQUENCE)) / 200_000 * 60)
    limits.settle(1000 + MAX_SEQUENCE, 1500)
    assert limits.tokens.level == 200_000 - 1500


def test_the_prompt_cache_knows_prefixes_for_five_minutes() -> None:
    clock = Clock()
    cache = PromptCache(clock)
    prompt = "a" * 512 + "b" * 512 + "c" * 100
    assert cache.cached_tokens("m", prompt) == 0
    assert cache.cached_tokens("m", prompt) == 256
    assert cache.cached_tokens("m", "a" * 512 + "x" * 512) == 128
    assert cache.cached_tokens("m", "x" + prompt) == 0
    assert cache.cached_tokens("other", prompt) == 0
    clock.now = CACHE_SECONDS - 1
    assert cache.cached_tokens("m", prompt) == 256
    clock.now = 2 * CACHE_SECONDS
    assert cache.cached_tokens("m", prompt) == 0
