"""The breaker's rules, on one process's own and on the one that processes share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.inference.flow.breaker import BreakerRules, Breakers, LocalBreaker, Permit
from sales_agent_dagster_tests.inference.flow.virtual import VirtualClock

RULES = BreakerRules(ratio=0.5, calls=10, least=4, window_s=30, open_s=15, probe_s=20)


def opened(at: float = 0.0) -> LocalBreaker:
    breaker = LocalBreaker(RULES)
    for _ in range(4):
        breaker.record(at, breaker.admit(at), ok=False)
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "permit"),
    [
        ("xxx", Permit.PASSES),
        ("xxxx", Permit.REFUSED),
        ("oxox", Permit.REFUSED),
        ("ooox", Permit.PASSES),
        ("ooooooooooxxxx", Permit.PASSES),
        ("ooooooooooxxxxx", Permit.REFUSED),
    ],
)
def test_it_opens_at_the_ratio_of_the_last_calls(outcomes: str, permit: Permit) -> None:
    breaker = LocalBreaker(RULES)
    for outcome in outcomes:
        breaker.record(0, Permit.PASSES, ok=outcome == "o")
    assert breaker.admit(0) is permit


def test_failures_that_come_back_before_the_answers_do_not_open_it() -> None:
    breaker = LocalBreaker(RULES)
    for number in range(7):
        breaker.record(0, Permit.PASSES, ok=False, in_flight=8)
        assert breaker.admit(0) is Permit.PASSES, number
    breaker.record(0, Permit.PASSES, ok=False, in_flight=8)
    assert breaker.admit(0) is Permit.REFUSED
    many = LocalBreaker(RULES)
    for _ in range(RULES.calls):
        assert many.admit(0) is Permit.PASSES
        many.record(0, Permit.PASSES, ok=False, in_flight=500)
    assert many.admit(0) is Permit.REFUSED, "no more are remembered"


def test_old_calls_say_nothing() -> None:
    breaker = LocalBreaker(RULES)
    for _ in range(3):
        breaker.record(0, Permit.PASSES, ok=False)
    breaker.record(30, Permit.PASSES, ok=False)
    assert breaker.admit(30) is Permit.PASSES


def test_half_open_lets_exactly_one_probe_through() -> None:
    breaker = opened()
    assert breaker.admit(14.9) is Permit.REFUSED
    assert [breaker.admit(15) for _ in range(3)] == [Permit.PROBE, Permit.REFUSED, Permit.REFUSED]


def test_a_good_probe_closes_and_forgets() -> None:
    breaker = opened()
    breaker.record(16, breaker.admit(16), ok=True)
    for _ in range(3):
        assert breaker.admit(16) is Permit.PASSES
        breaker.record(16, Permit.PASSES, ok=False)
    assert breaker.admit(16) is Permit.PASSES


def test_a_bad_probe_opens_again_for_the_full_time() -> None:
    breaker = opened()
    breaker.record(16, breaker.admit(16), ok=False)
    assert breaker.admit(30.9) is Permit.REFUSED
    assert breaker.admit(31) is Permit.PROBE


def test_a_probe_that_was_given_up_makes_room_for_the_next() -> None:
    breaker = opened()
    breaker.release(breaker.admit(15))
    assert breaker.admit(15) is Permit.PROBE
    breaker.release(Permit.PASSES)
    assert breaker.admit(15) is Permit.REFUSED
    assert breaker.admit(34.9) is Permit.REFUSED
    assert breaker.admit(35) is Permit.PROBE, "its process died"


def test_late_answers_to_earlier_calls_change_nothing_while_open() -> None:
    breaker = opened()
    for _ in range(10):
        breaker.record(5, Permit.PASSES, ok=True)
    assert breaker.admit(5) is Permit.REFUSED
    for _ in range(10):
        breaker.record(14, Permit.PASSES, ok=False)
    assert breaker.admit(15) is Permit.PROBE


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=60))
def test_whatever_happens_it_never_blocks_for_ever(steps: list[tuple[float, bool]]) -> None:
    breaker, now = LocalBreaker(RULES), 0.0
    for wait, ok in steps:
        now += wait
        permit = breaker.admit(now)
        if permit is not Permit.REFUSED:
            breaker.record(now, permit, ok)
    assert breaker.admit(now + RULES.open_s) is not Permit.REFUSED


def test_each_model_has_its_own() -> None:
    clock = VirtualClock()
    breakers = Breakers(RULES, clock)

    async def scene() -> list[Permit]:
        for _ in range(4):
            await breakers.record("a", await breakers.admit("a"), ok=False, in_flight=4)
        first = [await breakers.admit("a"), await breakers.admit("b")]
        clock.pass_by(15)
        probe = await breakers.admit("a")
        await breakers.release("a", probe)
        return [*first, probe, await breakers.admit("a")]

    assert clock.run(scene()) == [Permit.REFUSED, Permit.PASSES, Permit.PROBE, Permit.PROBE]
