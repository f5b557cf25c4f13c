from __future__ import annotations

import threading

from sales_agent_dagster.crm.rates import Pace, RateGate, RateHint


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def gate(**pace: float) -> tuple[RateGate, Time]:
    time = Time()
    return RateGate(Pace(**pace), lambda: time.now, time.sleep), time  # type: ignore[arg-type]


def test_calls_are_spaced_after_a_burst() -> None:
    rate, time = gate(start=10.0, burst=5)
    for _ in range(26):
        rate.enter()
    assert round(time.now - 100, 6) == 2.0


def test_a_burst_keeps_the_rolling_window() -> None:
    rate, time = gate(start=10.0, burst=40, window_s=5.0)
    sent: list[float] = []

    def send(number: int) -> None:
        for _ in range(number):
            rate.enter()
            sent.append(time.now)

    send(50)
    time.now += 10
    send(100)
    fullest = max(sum(start <= at < start + 5.0 for at in sent) for start in sent)
    assert fullest == 50
    assert sum(at == sent[50] for at in sent[50:]) == 41, "idle time is worth a burst"
    assert round(sent[-1] - sent[50], 6) == 5.9, "and the others come at the rate"


def test_calls_may_count_towards_another_rate() -> None:
    time = Time()
    all_calls = RateGate(Pace(start=1.0, burst=0), lambda: time.now, time.sleep)
    searches = RateGate(Pace(start=4.0, burst=0), lambda: time.now, time.sleep, all_calls)
    for _ in range(5):
        searches.enter()
    assert round(time.now - 100, 6) == 4.0
    all_calls.enter()
    assert round(time.now - 100, 6) == 5.0


def test_the_rate_doubles_until_the_first_refusal() -> None:
    rate, _ = gate(start=10.0, most=1000.0)
    for _ in range(3):
        before = rate.rate
        for _ in range(round(before)):
            rate.answered(None)
        assert round(rate.rate / before, 1) == 1.7, "it grows while they come: within a second it doubles"
    rate.refused(1.0)
    before = rate.rate
    for _ in range(round(before)):
        rate.answered(None)
    assert before < rate.rate < before + 2.1


def test_a_hint_sets_the_rate() -> None:
    rate, time = gate(start=10.0)
    rate.answered(RateHint(limit=100, remaining=20, reset_s=5.0))
    assert rate.rate == 4.0
    rate.answered(RateHint(remaining=0, reset_s=3.0))
    rate.enter()
    assert time.now >= 103
    rate.answered(RateHint(remaining=100_000, reset_s=1.0))
    assert rate.rate == 100.0
    rate.answered(RateHint(quota_left=0.5))
    assert rate.rate == 100.0


def test_a_refusal_halves_and_answers_raise() -> None:
    rate, time = gate(start=10.0, most=12.0, least=4.0)
    assert rate.refused(None) == 0.2
    assert rate.refused(7.0) == 7.0, "several refusals at once are one"
    assert rate.rate == 5.0
    rate.enter()
    assert time.now >= 107
    assert rate.refused(None) == 0.25
    assert rate.rate == 4.0
    for _ in range(100):
        rate.answered(None)
    assert rate.rate == 12.0


def test_threads_do_not_share_a_slot() -> None:
    lock = threading.Lock()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(round(seconds, 6))

    rate = RateGate(Pace(start=10.0, burst=0), lambda: 0.0, sleep)
    threads = [threading.Thread(target=rate.enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [round(n / 10, 6) for n in range(1, 8)]
