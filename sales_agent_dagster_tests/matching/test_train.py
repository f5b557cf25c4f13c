from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sales_agent_dagster.matching.calibrate import Labelled, calibrated
from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.levels import DIFFERING, LEVELS
from sales_agent_dagster.matching.model import LinkageModel, load_model
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.train import learn
from sales_agent_dagster.matching.weigh import Evidence, evidence_of, odds
from sales_agent_dagster_tests.matching.leads import bare

MODEL = load_model()
TOWNS = ("Springfield", "Oakton", "Elmville", "Cedarburg")


def tracked(number: int) -> list[NormLead]:
    """Two listings of one firm, each with a tracking number of its own."""
    cells = {
        "name": f"Quill{chr(97 + number % 26)}{chr(97 + number // 26)}feather Electric",
        "website": f"quill{number}.example",
        "street": f"{number + 1} Oak{number} St",
        "city": TOWNS[number % 4],
        "state": "IL",
    }
    phones = (f"312-{200 + number}-{number:04}", f"475-{900 - number}-{9990 - number:04}")
    return [bare(f"L{copy}", phone=phone, **cells) for copy, phone in enumerate(phones)]


def evidence(count: int, pair: Callable[[int], list[NormLead]] = tracked) -> Evidence:
    leads = [lead for number in range(count) for lead in pair(number)]
    rows = np.arange(0, 2 * count, 2, dtype=np.int32)
    return evidence_of(compare(Facts(LeadTable.of(leads), 5000), rows, rows + 1))


def phone_bits(model: LinkageModel) -> float:
    weights = model.fields["phone"]
    return float(np.log2(weights.m["other area"] / weights.u["other area"]))


def test_a_table_of_tracking_numbers_teaches_that_phones_say_little() -> None:
    model, report = learn(MODEL, evidence(600), 5000)
    assert phone_bits(model) > phone_bits(MODEL) + 3
    assert phone_bits(model) <= phone_bits(MODEL) + 4.01
    assert report.converged
    assert 1 <= report.iterations < 30
    assert report.matches == pytest.approx(600, rel=0.02)
    assert model.report == report.as_dict()


def test_a_table_full_of_likely_strangers_teaches_nothing() -> None:
    """Each of many pairs is a match with a small probability: none of them is counted."""

    def stranger(number: int) -> list[NormLead]:
        left, right = tracked(number), tracked(number + 700)
        return [left[0], bare("L1", name=right[0].name, city=left[0].city, state="IL")]

    pairs = evidence(600, stranger)
    bits = odds(pairs, MODEL.weights, 5000).bits
    assert bits.max() < 0
    model, report = learn(MODEL, pairs, 5000)
    assert report.matches == 0
    assert model.fields["name"].m == pytest.approx(MODEL.fields["name"].m)


def test_what_many_matches_show_outweighs_the_given_figures_by_far_but_not_wholly() -> None:
    few, many = (learn(MODEL, evidence(count), 5000)[0] for count in (300, 650))
    shares = [model.fields["phone"].share["other area"] for model in (few, many)]
    given = MODEL.fields["phone"].share["other area"]
    expected = [(count + given * (200 + 0.15 * count)) / (count + 200 + 0.15 * count) for count in (300, 650)]
    assert shares == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("doubtful", "used"), [(100, True), (200, False)])
def test_a_table_with_half_as_many_matches_again_teaches_nothing(doubtful: int, used: bool) -> None:
    """Beside 300 firms with tracking numbers there are some without a website: first none, then all match."""

    def firm(number: int) -> list[NormLead]:
        return [lead._replace(host="", page="") if number >= 300 else lead for lead in tracked(number)]

    pairs = evidence(300 + doubtful, firm)
    assert odds(pairs, MODEL.weights, 5000).bits[300:].max() < 0
    model, report = learn(MODEL, pairs, 5000)
    assert report.used == used
    assert report.matches == pytest.approx(300 + doubtful * used, rel=0.1)
    assert model.report == report.as_dict()
    assert (model.version != MODEL.version) == used
    assert (model.fields == MODEL.fields) != used


def test_other_figures_are_another_version() -> None:
    once, _ = learn(MODEL, evidence(300), 5000)
    same, _ = learn(MODEL, evidence(300), 5000)
    other, _ = learn(MODEL, evidence(310), 5000)
    fitted = calibrated(MODEL, [Labelled(evidence(400), np.arange(400) % 4 > 0, 5000)], steps=2)
    assert once.version == same.version
    assert len({MODEL.version, once.version, other.version, fitted.version}) == 4
    assert once.trained_on == "300 candidate pairs of a table, from version 1"
    assert fitted.trained_on == "400 labelled pairs, from version 1"


def test_few_pairs_change_little() -> None:
    few, _ = learn(MODEL, evidence(5), 5000)
    many, _ = learn(MODEL, evidence(600), 5000)
    assert phone_bits(MODEL) < phone_bits(few) < phone_bits(many)


def test_levels_that_were_not_seen_are_told() -> None:
    _, report = learn(MODEL, evidence(50), 5000, sampled=0.5)
    assert "email: equal" in report.untrained
    assert "name: equal" not in report.untrained
    assert report.matches == pytest.approx(100, rel=0.05)


def test_fitting_to_labels_makes_the_labels_likelier() -> None:
    pairs = evidence(400)
    labels = np.arange(400) % 4 > 0
    before = odds(pairs, MODEL.weights, 5000).bits
    fitted = calibrated(MODEL, [Labelled(pairs, labels, 5000)], steps=60)
    after = odds(pairs, fitted.weights, 5000).bits

    def loss(bits: np.ndarray) -> float:
        return float(np.mean(np.logaddexp(0, np.where(labels, -bits, bits) * np.log(2))))

    # The pairs are all alike, so that nothing can beat the entropy of three in four.
    assert loss(after) == pytest.approx(0.5623, abs=0.005)
    assert loss(before) > 0.66
    for weights in fitted.fields.values():
        assert sum(weights.m.values()) == pytest.approx(1, abs=1e-3)


def test_what_the_labels_do_not_speak_of_stays() -> None:
    fitted = calibrated(MODEL, [Labelled(evidence(400), np.arange(400) % 4 > 0, 5000)], steps=20)
    old, new = (m.fields["linkedin"] for m in (MODEL, fitted))
    assert new.m == pytest.approx(old.m, rel=1e-3)
    assert new.u == pytest.approx(old.u, rel=1e-3)


def renamed(number: int) -> list[NormLead]:
    """Two listings of one firm under different names."""
    cells = {
        "phone": f"312-{200 + number}-{number:04}",
        "website": f"quill{number}.example",
        "street": f"{number + 1} Oak{number} St",
        "city": TOWNS[number % 4],
        "state": "IL",
    }
    word = chr(97 + number % 26) + chr(97 + number // 26)
    names = (f"Quill{word}feather Electric", f"Zed{word}wick Plumbing")
    return [bare(f"L{copy}", name=name, **cells) for copy, name in enumerate(names)]


def elsewhere(number: int) -> list[NormLead]:
    """A firm that moved, or two branches that share all but the place."""
    left, right = tracked(number)
    town = TOWNS[(number + 1) % 4].lower()
    return [left, right._replace(phone=left.phone, street=f"elm{number}", street_no="900", city=town)]


def test_a_table_of_firms_that_moved_teaches_one_bit_of_another_town() -> None:
    model, report = learn(MODEL, evidence(600, elsewhere), 5000)
    assert report.matches > 500
    given, learnt = MODEL.fields["place"], model.fields["place"]
    assert learnt.m["other town"] == pytest.approx(2 * given.m["other town"])
    assert learnt.share["other town"] > 4 * given.share["other town"]
    assert model.fields["street"].m["different"] > 3 * MODEL.fields["street"].m["different"]


def test_no_table_teaches_that_differing_speaks_for_a_match() -> None:
    model, report = learn(MODEL, evidence(600, renamed), 5000)
    assert report.matches > 500
    for name, levels in DIFFERING.items():
        for level in (LEVELS[name][number] for number in levels):
            given, learnt = MODEL.fields[name], model.fields[name]
            assert learnt.m[level] <= max(given.m[level], given.u[level]) * 1.0001
    name = model.fields["name"]
    assert name.m["different"] == pytest.approx(name.u["different"])
