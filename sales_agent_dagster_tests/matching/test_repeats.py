from __future__ import annotations

from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.dedupe.generator import Leads, generate
from benchmarks.dedupe.metrics import clustered
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.dedupe import MERGE, dedupe
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.matching.repeats import MANY, repeats_of, usual_repeats
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.weigh import RELATIONS
from sales_agent_dagster_tests.matching.leads import told_of

SYLLABLES = ("bran", "quil", "oxter", "zeph", "marl", "thun", "vesk", "hodge", "lumi", "crag", "fenn", "abra")
NAMES = load_model(by_name=True)


def names_only(names: list[str], **columns: list[str]) -> LeadTable:
    return normalise_columns({field: pa.array(texts) for field, texts in {"name": names, **columns}.items()})


def mentions() -> tuple[LeadTable, list[int]]:
    """Firms named again and again, some of them misspelt or with more words."""
    firms = ["Quillfeather Works", "Oakenshaw", "Brambleton Industries", "Zephyrine Optics", "Marchbanks"]
    spelt = [("{}", 30), ("{} N.V.", 9), ("{} Rotterdam", 2), ("Royal {}", 3)]
    names, truth = [], []
    for firm, name in enumerate(firms):
        for how, times in spelt:
            names += [how.format(name)] * times
            truth += [firm] * times
        names += [name.replace("e", "ee", 1)] * 2
        truth += [firm] * 2
    return names_only(names), truth


def test_rows_that_say_the_same_make_a_group() -> None:
    assert len(repeats_of(names_only(["Elm Oak"] * 4)).left) == 0
    names = ["Elm Oak"] * MANY + ["Elm Oak LLC", "Ash"] + ["elm  oak"] * 2 + [""] * MANY
    found = repeats_of(names_only(names))
    assert found.first[:MANY].tolist() == [0] * MANY
    assert found.first[MANY : MANY + 4].tolist() == [MANY, MANY + 1, 0, 0]
    assert found.first[MANY + 4 :].tolist() == list(range(MANY + 4, len(names)))
    assert (found.left.tolist(), found.right.tolist()) == ([0], [1])
    none = found.only(np.array([False]))
    assert none.first.tolist() == list(range(len(names)))
    assert len(none.kept) == len(names)


def test_rows_before_the_start_stand_for_themselves() -> None:
    names = ["Elm Oak"] * (2 * MANY)
    found = repeats_of(names_only(names), MANY)
    assert found.first.tolist() == [*range(MANY), *[MANY] * MANY]


def test_one_name_that_is_everywhere_does_not_speak_for_the_list() -> None:
    singles = [f"firm{number}x" for number in range(900)]
    assert usual_repeats(names_only(singles)) == 1.0
    brand = usual_repeats(names_only([*singles, *["Brand"] * 100]))
    assert brand is not None
    assert 1 < brand < 5
    assert usual_repeats(names_only([f"firm{number % 10}x" for number in range(900)])) == pytest.approx(90)
    assert usual_repeats(names_only(["", ""])) is None


def test_in_a_list_of_mentions_names_decide() -> None:
    table, truth = mentions()
    done = dedupe(table, NAMES)
    assert clustered(done.entity, np.array(truth)).f1 > 0.95
    joined = done.entity != np.arange(table.size)
    assert (done.outcome[joined] == MERGE).mean() > 0.8
    told = told_of(done)
    assert all("name" in told[row] for row in np.flatnonzero(joined)[:20])
    assert done.report["repeats"] > 100


def test_in_a_list_of_leads_many_equal_names_are_a_brand() -> None:
    others = [f"{first}{second} Heating & Air" for first, second in permutations(SYLLABLES, 2)]
    done = dedupe(names_only([*["Rooterman Plumbing"] * 30, *others]), NAMES)
    assert len(set(done.entity[:30].tolist())) == 30


@pytest.fixture(scope="module")
def world() -> Leads:
    return generate(2000, seed=178, profile="normal", style="trades:178")


@pytest.mark.parametrize(("columns", "least"), [(("name",), 0.5), (("name", "website"), 0.55)])
def test_names_find_most_where_nothing_else_is_known(
    world: Leads, columns: tuple[str, ...], least: float
) -> None:
    table = normalise_columns({name: world.table[name].fill_null("").combine_chunks() for name in columns})
    done = dedupe(table, load_model(by_name=table.is_unplaced))
    assert clustered(done.entity, world.truth["entity"].to_numpy()).f1 > least


def test_rows_repeated_often_do_not_hide_a_firm_from_its_other_leads() -> None:
    cells = {
        "name": ["Quillfeather Electric LLC"] * 80 + ["Quillfeather Electrical", "Elm Oak"],
        "phone": ["312-555-0142"] * 81 + ["214-555-0167"],
        "city": ["Springfield"] * 81 + ["Dallas"],
        "website": ["quillfeather.example"] * 81 + [""],
    }
    done = dedupe(normalise_columns({name: pa.array(texts) for name, texts in cells.items()}), load_model())
    assert done.entity.tolist() == [*[0] * 81, 81]
    assert (done.outcome[1:81] == MERGE).all()
    assert done.matched[1:80].tolist() == [0] * 79
    told = told_of(done)
    assert told[5] == told[6]


def test_a_brand_with_a_site_for_every_place_is_a_franchise() -> None:
    towns = {"Orlando": "407-984-5000", "Annapolis": "410-697-5530", "Pittsburgh": "412-228-8223"}
    cells = {
        "name": [f"Quillcenter of {town}" for town in towns],
        "website": [f"quillcenterof{town.lower()}.example" for town in towns],
        "phone": list(towns.values()),
    }
    done = dedupe(normalise_columns({name: pa.array(texts) for name, texts in cells.items()}), load_model())
    assert done.entity.tolist() == [0, 1, 2]
    assert [RELATIONS[relation] for relation in done.relation.tolist()] == [None, "franchise", "franchise"]
    assert done.account.tolist() == [0, 1, 2]


def test_two_phones_are_not_yet_two_places() -> None:
    cells = {"name": ["Elm Oak"] * 3, "phone": ["312-555-0142", "312-555-0143", "214-555-0167"]}
    facts = Facts(normalise_columns({name: pa.array(texts) for name, texts in cells.items()}), 3)
    assert facts.name_spread.max() == 2
