from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import pytest

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.inference.prices import Cost, DatedPrice, Price, PriceList, load_prices
from sales_agent_dagster.settings import CerebrasSettings

DAY = date(2026, 11, 23)
OLD = DatedPrice(since=date(2026, 1, 1), input=1.0, cached=0.5, output=2.0)
NEW = DatedPrice(since=date(2026, 7, 1), input=3.0, cached=3.0, output=4.0)


@pytest.fixture
def prices() -> PriceList:
    return PriceList({"m": [NEW, OLD]}, Price(input=10.0, cached=5.0, output=20.0))


@pytest.mark.parametrize(
    ("day", "price"),
    [
        (date(2025, 12, 31), OLD),
        (date(2026, 6, 30), OLD),
        (date(2026, 7, 1), NEW),
        (date(2030, 1, 1), NEW),
    ],
)
def test_the_newest_price_that_holds_on_the_day(prices: PriceList, day: date, price: DatedPrice) -> None:
    assert prices.price("m", day) == price


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(prompt=1_000_000), 1.0),
        (Usage(prompt=1_000_000, cached=1_000_000), 0.5),
        (Usage(prompt=1_000_000, cached=400_000), 0.8),
        (Usage(completion=1_000_000, reasoning=900_000), 2.0),
        (Usage(350, 0, 60, 20), 0.00047),
        (Usage(), 0.0),
    ],
)
def test_cached_input_has_its_own_price_and_reasoning_is_output(
    prices: PriceList, usage: Usage, usd: float
) -> None:
    cost = prices.cost("m", usage, date(2026, 2, 1))
    assert cost.usd == pytest.approx(usd, rel=1e-12)
    assert cost.price_date == "2026-01-01"


def test_an_estimate_counts_no_cache(prices: PriceList) -> None:
    assert prices.estimate("m", 1000, 500, date(2026, 2, 1)) == pytest.approx(0.002)


def test_an_unknown_model_costs_the_assumed_price_and_is_warned_of_once(
    prices: PriceList, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert prices.cost("other", Usage(1000, 200, 100), DAY) == Cost(pytest.approx(0.011), None)
        assert prices.estimate("other", 1000, 100, DAY) == pytest.approx(0.012)
    assert [record.message for record in caplog.records] == [
        "No price is known for model other: its spend is an assumption of $10 per million input and $20 per "
        "million output tokens. Add its price to a file and set SALES_AGENT_PRICES_PATH."
    ]


def test_the_default_model_has_a_price_and_no_known_one_is_dearer_than_an_unknown() -> None:
    prices = load_prices()
    price = prices.price(CerebrasSettings().model, DAY)
    assert (price.input, price.cached, price.output) == (0.35, 0.35, 0.75)
    assert prices.unknown_model.input > price.input
    assert prices.unknown_model.output > price.output


def test_own_prices_add_to_the_built_in_ones(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("models: {own: [{since: 2026-01-01, input: 0, cached: 0, output: 0}]}")
    prices = load_prices(path)
    assert prices.cost("own", Usage(10, 0, 10), DAY) == Cost(0.0, "2026-01-01")
    assert prices.price("gpt-oss-120b", DAY) is not None
    assert prices.unknown_model == load_prices().unknown_model
    path.write_text(
        "models: {gpt-oss-120b: [{since: 2026-02-01, input: 9, cached: 9, output: 9}]}\n"
        "unknown_model: {input: 1, cached: 1, output: 1}"
    )
    prices = load_prices(path)
    assert prices.price("gpt-oss-120b", DAY).input == 9
    assert prices.unknown_model.output == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "No such file"),
        ("models: [", "is not valid YAML"),
        ("\xff", "is not valid YAML"),
        ("[]", "valid dictionary"),
        ("models: {m: []}", "models.m: List should have at least 1 item"),
        ("models: {m: [{since: x, input: 1, cached: 1, output: 1}]}", "models.m.0.since"),
        ("models: {m: [{since: 2026-01-01, input: -1, cached: 1, output: 1}]}", "models.m.0.input"),
        ("models: {m: [{since: 2026-01-01, input: 1, cached: 1}]}", "models.m.0.output: is missing"),
        ("modles: {}", "modles: Extra inputs"),
    ],
)
def test_a_broken_file_is_told_with_its_faults(tmp_path: Path, text: str | None, fault: str) -> None:
    path = tmp_path / "prices.yaml"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"SALES_AGENT_PRICES_PATH .*prices\.yaml: ") as raised:
        load_prices(path)
    assert fault in str(raised.value)
