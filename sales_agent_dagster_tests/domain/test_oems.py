from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.oems import (
    CATEGORIES,
    MAX_BRAND_CHARS,
    MAX_BRANDS,
    brand_dictionary,
    canonical,
    categories_of,
    load_dictionary,
    maker_of,
    parse_brands,
)


@pytest.mark.parametrize(
    ("text", "brands"),
    [
        ("Briggs & Stratton, Cummins, Generac", ["Briggs & Stratton", "Cummins", "Generac"]),
        ("generac;KOHLER|Tesla\nLG", ["Generac", "Kohler", "Tesla", "LG"]),
        ("B&S, Briggs and Stratton, briggs-stratton", ["Briggs & Stratton"]),
        ("Q.CELLS, Qcells", ["Q CELLS"]),
        ("SMA Solar", ["SMA"]),
        ("Generac PWRcell®, Generac", ["Generac PWRcell", "Generac"]),
        ("Carrier Infinity™", ["Carrier Infinity"]),
        ("Tesla Powerwall 3", ["Tesla Powerwall"]),
        ("Authorized Generac Dealer", ["Generac"]),
        ("Certified Tesla Powerwall Installer", ["Tesla Powerwall"]),
        ("Generac / Kohler", ["Generac", "Kohler"]),
        ("Generac / Handmade", ["Generac / Handmade"]),
        ("Generac Widgets Of Nowhere", ["Generac Widgets Of Nowhere"]),
        ("  Foo \t Bar. , foo bar", ["Foo Bar"]),
        ("三菱", ["三菱"]),
        ("nan, N/A, none, -, ,;", []),
        ("", []),
        (None, []),
    ],
)
def test_brands_of_a_list(text: str | None, brands: list[str]) -> None:
    assert parse_brands(text) == brands


@pytest.mark.parametrize(
    ("brand", "categories", "maker"),
    [
        ("Generac", ("battery", "generator"), "Generac"),
        ("generac power systems", ("battery", "generator"), "Generac"),
        ("Generac PWRcell", ("inverter", "battery"), "Generac"),
        ("Tesla", ("solar", "battery"), "Tesla"),
        ("Tesla Powerwall", ("battery",), "Tesla"),
        ("LG", ("hvac", "solar", "battery"), "LG"),
        ("Carrier", ("hvac",), "Carrier"),
        ("Carrier Infinity", ("iot",), "Carrier"),
        ("SMA Solar", ("inverter",), "SMA"),
        ("Square D", ("smart_panel",), "Schneider Electric"),
        ("No Such Brand", (), "No Such Brand"),
    ],
)
def test_categories_and_makers(brand: str, categories: tuple[str, ...], maker: str) -> None:
    assert categories_of(brand) == categories
    assert maker_of(brand) == maker


def test_a_name_is_never_found_inside_another() -> None:
    assert canonical("Sensei") is None
    assert canonical("Carriere") is None
    assert canonical("Ring of Fire") is None
    assert canonical("one two three four five six seven eight Generac") is None


def test_every_maker_in_the_dictionary_is_a_brand_of_it() -> None:
    known = brand_dictionary()
    assert set(known.makers.values()) <= set(known.categories)


def test_every_spelling_in_the_dictionary_reads_as_its_brand() -> None:
    known = brand_dictionary()
    assert len(known.categories) > 100
    for brand in known.categories:
        assert parse_brands(brand) == [brand]
        assert set(categories_of(brand)) <= set(CATEGORIES)
    assert all(canonical(key) == brand for key, brand in known.names.items())


@given(st.lists(st.sampled_from(sorted(brand_dictionary().categories)), unique=True, max_size=8))
def test_a_list_of_canonical_names_reads_back(brands: list[str]) -> None:
    assert parse_brands(", ".join(brands)) == brands
    assert parse_brands("; ".join(brand.upper() for brand in brands)) == brands


@given(st.text(max_size=300))
def test_any_text_gives_clean_distinct_brands(text: str) -> None:
    brands = parse_brands(text)
    assert len({brand.casefold() for brand in brands}) == len(brands) <= MAX_BRANDS
    for brand in brands:
        assert brand == brand.strip() != ""
        assert len(brand) <= MAX_BRAND_CHARS
        assert not set(brand) & set(",;|\n")


def test_long_lists_are_bounded() -> None:
    assert len(parse_brands(", ".join(f"Brand {number}" for number in range(300)))) == MAX_BRANDS


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "A: {categories: [hvac], aliases: [X]}\nB: {categories: [hvac], aliases: [x]}",
            "'x' means both A and B",
        ),
        ("A: {categories: [steam]}", "steam"),
        ("A: {categories: []}", "categories"),
        ("A: [", "wrong"),
        ("- A", "wrong"),
    ],
)
def test_a_faulty_dictionary_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "oems.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=fault):
        load_dictionary(path)


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "oems.yaml"
    path.write_text("A: {categories: [hvac]}")
    first = load_dictionary(path).version
    path.write_text("A: {categories: [hvac]} # a comment")
    assert load_dictionary(path).version == first
    path.write_text("A: {categories: [solar]}")
    assert load_dictionary(path).version != first
