from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from benchmarks.dedupe.generator import COLUMNS, Leads, generate, split_batch
from benchmarks.dedupe.places import us_places
from benchmarks.dedupe.shares import shares, true_pairs
from benchmarks.dedupe.styles import RATES, draw_style
from sales_agent_dagster.domain.headers import map_header
from sales_agent_dagster.settings import PROJECT_ROOT


@pytest.fixture(scope="module")
def leads() -> Leads:
    return generate(3000, seed=100)


def column(leads: Leads, name: str) -> np.ndarray:
    return leads.truth[name].to_numpy()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(leads: Leads) -> None:
    again = generate(3000, seed=100)
    assert again.table.equals(leads.table)
    assert again.truth.equals(leads.truth)
    assert not generate(3000, seed=101).table["name"].equals(leads.table["name"])


def test_leads_have_the_columns_of_a_list_and_know_nothing_of_the_truth(leads: Leads) -> None:
    assert leads.table.column_names == list(COLUMNS)
    assert set(leads.table.schema.types) == {pa.string()}
    assert leads.truth["record_id"].equals(leads.table["record_id"])
    assert len(set(leads.table["record_id"].to_pylist())) == 3000
    # Rows of one entity stand anywhere: an id says nothing about the entity.
    entity = column(leads, "entity")
    assert (entity[1:] == entity[:-1]).mean() < 0.01
    assert None not in map_header(list(COLUMNS)).columns.values()


def test_every_entity_has_one_original_and_copies_in_a_row(leads: Leads) -> None:
    entity, copy = column(leads, "entity"), column(leads, "copy")
    assert set(entity[copy > 0]) <= set(entity[copy == 0])
    for one in set(entity[copy > 0].tolist()):
        assert sorted(copy[entity == one]) == list(range((entity == one).sum()))
    assert 0.05 < (copy > 0).mean() < 0.35


def test_locations_of_a_brand_or_company_are_entities_of_their_own(leads: Leads) -> None:
    kinds = leads.truth["kind"].to_pylist()
    entity, company = column(leads, "entity"), column(leads, "company")
    assert set(kinds) == {"single", "franchise", "branch", "sister", "homonym"}
    companies: dict[int, set[int]] = {}
    for one, firm in zip(entity.tolist(), company.tolist(), strict=True):
        companies.setdefault(firm, set()).add(one)
    for one, firm, kind in zip(entity.tolist(), company.tolist(), kinds, strict=True):
        assert kind == "branch" or companies[firm] == {one}
    assert any(len(locations) > 1 for locations in companies.values())


def test_kinds_share_what_makes_them_hard() -> None:
    world = generate(20_000, seed=103, profile="easy")
    first = (column(world, "copy") == 0).tolist()
    kind = world.truth["kind"].to_pylist()
    names = [re.sub(r"\W", "", (name or "").lower()) for name in world.table["name"].to_pylist()]
    hosts = [
        re.sub(r"^(https?://)?(www\.)?|/.*$", "", site or "") for site in world.table["website"].to_pylist()
    ]
    phones = [re.sub(r"\D", "", phone or "")[-10:] for phone in world.table["phone"].to_pylist()]

    def repeated(values: list[str], wanted: str) -> float:
        own = [value for value, k, f in zip(values, kind, first, strict=True) if f and value and k == wanted]
        return 1 - len(set(own)) / len(own)

    assert repeated(hosts, "franchise") > 0.5 > 0.2 > repeated(hosts, "single")
    assert repeated(hosts, "branch") > 0.3
    assert repeated(names, "homonym") > 0.1 > repeated(names, "sister")
    assert 0 < repeated(phones, "single") < 0.05


def test_places_are_consistent() -> None:
    places = us_places()
    assert len(places) > 25_000
    ohio = np.flatnonzero(places.zip == "45836")[0]
    assert (places.city[ohio], places.state[ohio], places.area_code[ohio]) == ("Dunkirk", "OH", "419")
    assert set(places.state[places.state_start[ohio] : places.state_end[ohio]]) == {"OH"}


def test_profiles_get_harder() -> None:
    found = [shares(generate(4000, seed=104, profile=profile)) for profile in ("easy", "normal", "hard")]
    for name, falling in (
        ("equal_name", True),
        ("equal_phone", True),
        ("no_strong", False),
        ("hopeless", False),
    ):
        values = [share[name] for share in found]
        assert values == sorted(values, reverse=falling), name
    assert found[1]["true_pairs"] > 300


def test_true_pairs_are_all_pairs_of_an_entity(leads: Leads) -> None:
    left, right = true_pairs(leads)
    entity = column(leads, "entity")
    sizes = np.bincount(entity)
    assert len(left) == (sizes * (sizes - 1) // 2).sum()
    assert (left < right).all()
    assert (entity[left] == entity[right]).all()


@pytest.mark.parametrize("style", ["commerce:100", "industry:100", "mixed:100"])
def test_styles_are_worlds_of_their_own(leads: Leads, style: str) -> None:
    other = generate(1000, seed=100, style=style)
    common = set(other.table["name"].to_pylist()) & set(leads.table["name"].to_pylist())
    assert len(common) < 10
    assert draw_style(style) != draw_style(style.replace("100", "101"))


def test_sources_fail_in_their_own_way() -> None:
    style = draw_style("trades:100")
    for kind in ("typo", "other_phone"):
        assert len({source.factors[kind] for source in style.sources}) > 1
    assert set(style.sources[0].factors) == set(RATES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": "retail:1"}, "style"),
        ({"style": "trades"}, "style"),
        ({"profile": "mad"}, "profile"),
        ({"rows": 9}, "50"),
    ],
)
def test_wrong_options_say_what_is_meant(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(**{"rows": 100, "seed": 1} | options)


def test_a_batch_holds_known_new_and_doubled_leads(leads: Leads) -> None:
    existing, batch = split_batch(leads, 100, seed=1)
    assert len(batch) == 100
    assert len(existing) == 2900
    known = np.isin(column(batch, "entity"), column(existing, "entity"))
    assert known.sum() == 45
    inside = np.bincount(column(batch, "entity")[~known])
    assert (inside == 2).sum() == 5
    assert (inside == 1).sum() == 45
    again = split_batch(leads, 100, seed=1)[1]
    assert again.table.equals(batch.table)
    with pytest.raises(ValueError, match="too few"):
        split_batch(generate(100, seed=1), 80, seed=1)


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_the_command_writes_leads_and_truth(tmp_path: Path, extension: str) -> None:
    out, truth = tmp_path / f"leads.{extension}", tmp_path / f"truth.{extension}"
    command = [
        sys.executable,
        "-m",
        "benchmarks.dedupe.generator",
        "--rows",
        "300",
        "--seed",
        "105",
        "--shares",
    ]
    command += ["--out", str(out), "--truth", str(truth)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert '"true_pairs"' in done.stdout
    if extension == "csv":
        strings = pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in COLUMNS}, strings_can_be_null=True, null_values=[""]
        )
        written, told = pa_csv.read_csv(out, convert_options=strings), pa_csv.read_csv(truth)
    else:
        written, told = pq.read_table(out), pq.read_table(truth)
    expected = generate(300, seed=105)
    assert written.equals(expected.table)
    assert pc.all(pc.equal(told["entity"], expected.truth["entity"])).as_py()
