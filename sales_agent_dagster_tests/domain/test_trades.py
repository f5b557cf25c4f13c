import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.trades import TRADES, in_trade_order, trades_in, trades_of_brands


@pytest.mark.parametrize(
    ("name", "trades"),
    [
        ("EXAMPLE PLUMBING A/C & ELECTRICAL", ("electrical", "hvac", "plumbing")),
        ("EXAMPLE PLUMBING, AC & ELECTRICAL", ("electrical", "hvac", "plumbing")),
        ("EXAMPLE HVAC-ELECTRIC INC", ("electrical", "hvac")),
        ("EXAMPLE PLUMB HEAT COOL & ELEC LLC", ("electrical", "hvac", "plumbing")),
        ("EXAMPLE PLBG & HTG", ("hvac", "plumbing")),
        ("EXAMPLE PLUMBING, AIR AND ELECTRIC", ("electrical", "hvac", "plumbing")),
        ("EXAMPLE ELECT & GEN SYSTEMS", ("generator", "electrical")),
        ("EXAMPLE GENERATORSTX", ("generator",)),
        ("Example Gen-Sets", ("generator",)),
        ("Example Standby Power", ("generator",)),
        ("Example Solar & Battery Storage, Roofing", ("solar", "battery", "roofing")),
        ("Example PV", ("solar",)),
        ("Example A.C. Repair", ("hvac",)),
        ("Example Air Conditioning", ("hvac",)),
        ("Example Sewer and Drains", ("plumbing",)),
        ("has_electrical has_plumbing", ("electrical", "plumbing")),
        ("Example EV Charging", ("ev_charging",)),
        ("Generator/Electrical Services", ("generator", "electrical")),
        ("EXAMPLE  AIR\nFORCE", ()),
        ("AC Power Example", ()),
        ("A. C. Example", ()),
        ("Airport Example", ()),
        ("4TH GENERATION EXAMPLE", ()),
        ("GEN CONTRACTORS", ()),
        ("Coolidge Heather Solaris Plumber's", ("plumbing",)),
        ("Electronics Example", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_trades_in_names_as_dealers_write_them(name: str | None, trades: tuple[str, ...]) -> None:
    assert trades_in(name) == trades


@given(st.text(max_size=200))
def test_any_text_gives_known_trades_in_order(text: str) -> None:
    trades = trades_in(text)
    assert trades == in_trade_order(trades)
    assert set(trades) <= set(TRADES)
    assert trades_in(text.upper()) == trades_in(text.upper().lower())


@given(st.sampled_from(TRADES), st.text(alphabet="bcdfxz ", max_size=20))
def test_a_trade_is_found_beside_other_words_but_not_inside_them(trade: str, other: str) -> None:
    word = trade.replace("_", " ")
    assert trade in trades_in(f"{other} {word} {other}")
    if trade != "generator":
        assert trade not in trades_in(f"x{word}x")


@pytest.mark.parametrize(
    ("brands", "trades"),
    [
        (["Generac"], ("generator", "battery")),
        (["Carrier", "Span"], ("electrical", "hvac")),
        (["SMA"], ("solar",)),
        (["Nest"], ()),
        (["No Such Brand"], ()),
        ([], ()),
    ],
)
def test_trades_that_brands_imply(brands: list[str], trades: tuple[str, ...]) -> None:
    assert trades_of_brands(brands) == trades
