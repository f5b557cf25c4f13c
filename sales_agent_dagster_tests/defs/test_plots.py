"""The pictures of asset metadata, read back from their SVG."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from sales_agent_dagster.defs.materialization import materialization
from sales_agent_dagster.defs.plots import (
    BAR_COLOR,
    DECISION_COLORS,
    FOR_COLOR,
    LIMIT_COLOR,
    OUTCOME_COLORS,
    bits_histogram,
    latency_histogram,
    provider_bars,
    score_histogram,
    waterfall,
)
from sales_agent_dagster.settings import Sla
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.providers import ProviderService
from sales_agent_dagster.warehouse.schema import resolved_leads
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.firms import ACME, ACME_AGAIN, ACME_MAYBE, ZENITH, firm

PART = {"field": "phone", "level": "equal", "left": "3305550101", "right": "3305550101", "tf_bits": 0.0}
SVG = "{http://www.w3.org/2000/svg}"


class Shown:
    """A picture as it is seen."""

    def __init__(self, markdown: str) -> None:
        found = re.fullmatch(r"!\[([^]]*)\]\(data:image/svg\+xml;base64,([^)]+)\)", markdown)
        assert found is not None
        self.alt = found[1]
        self.root = ET.fromstring(base64.b64decode(found[2]))

    @property
    def height(self) -> int:
        return int(self.root.attrib["height"])

    @property
    def texts(self) -> list[str]:
        return [str(element.text) for element in self.root.iter(f"{SVG}text")]

    def bars(self, color: str, least_px: float = 0.0) -> list[dict[str, float]]:
        return [
            {name: float(element.attrib[name]) for name in ("x", "y", "width", "height")}
            for element in self.root.iter(f"{SVG}rect")
            if element.attrib["fill"] == color and float(element.attrib["height"]) > least_px
        ]

    def lines(self, color: str) -> list[float]:
        """Their place across."""
        found: Iterator[ET.Element] = self.root.iter(f"{SVG}line")
        return [float(line.attrib["x1"]) for line in found if line.attrib["stroke"] == color]


def plots(warehouse: Warehouse, context: MakeContext, *leads: dict[str, object]) -> str | None:
    seed_batch(warehouse, leads=leads)
    asyncio.run(ResolvedLeads().run(context(warehouse)))
    found = (materialization(context(warehouse), resolved_leads).metadata or {}).get("plots")
    return None if found is None else str(found.value)


def test_the_strongest_merge_is_drawn(sqlite_warehouse: Warehouse, context: MakeContext) -> None:
    shown = plots(sqlite_warehouse, context, ACME, ZENITH, ACME_AGAIN, ACME_MAYBE)
    assert shown is not None
    assert [Shown(picture).alt for picture in shown.split("\n\n")] == [
        "evidence, 2 leads",
        "merge: batch-1-3",
    ]


def test_without_a_merge_it_is_the_strongest_other(sqlite_warehouse: Warehouse, context: MakeContext) -> None:
    shown = plots(sqlite_warehouse, context, ACME, ZENITH, ACME_MAYBE)
    assert shown is not None
    assert "![review: batch-1-3]" in shown


def test_leads_that_are_like_nobody_have_no_picture(
    sqlite_warehouse: Warehouse, context: MakeContext
) -> None:
    assert plots(sqlite_warehouse, context, firm(0), ZENITH) is None


def test_a_bar_is_as_high_as_leads_have_its_score() -> None:
    shown = Shown(score_histogram("score", [0.0, 50.0, 54.9, 55.0, 100.0, 100.0, 99.0]))
    assert shown.alt == "score, 7 leads"
    zero, fifty, fifty_five, hundred = sorted(shown.bars(BAR_COLOR), key=lambda bar: bar["x"])
    unit = zero["height"]
    heights = [round(bar["height"] / unit) for bar in (zero, fifty, fifty_five, hundred)]
    assert heights == [1, 2, 1, 3], "the last bin has both ends"
    assert fifty_five["x"] - fifty["x"] == pytest.approx((hundred["x"] - zero["x"]) / 19, abs=0.2)
    assert {bar["y"] + bar["height"] for bar in (zero, hundred)} == {fifty["y"] + fifty["height"]}
    assert {"0", "20", "100", "3", "points", "leads"} <= set(shown.texts)


def test_latencies_with_p50_p95_and_a_limit_that_is_near() -> None:
    far = Shown(latency_histogram([100.0, 200.0, 300.0], 200.0, 300.0, Sla(p95_ms=601.0)))
    near = Shown(latency_histogram([100.0, 200.0, 300.0], 200.0, 300.0, Sla(p95_ms=600.0)))
    assert (far.alt, len(far.bars(BAR_COLOR))) == ("latency, 3 leads", 3)
    assert {"dotted: p50 200 ms", "dashed: p95 300 ms"} <= set(far.texts)
    p50, p95 = far.lines("black")
    first, last = far.bars(BAR_COLOR)[0], far.bars(BAR_COLOR)[-1]
    assert first["x"] < p50 < p95
    assert p95 == pytest.approx(last["x"] + last["width"] + 1, abs=0.2)
    assert far.lines(LIMIT_COLOR) == []
    assert "limit 601 ms, farther right" in far.texts
    (limit,) = near.lines(LIMIT_COLOR)
    assert limit > near.lines("black")[1]
    assert "limit 600 ms" in near.texts
    unlimited = Shown(latency_histogram([100.0, 200.0, 300.0], 200.0, 300.0, Sla(p95_ms=None)))
    assert not any("limit" in text for text in unlimited.texts)
    assert unlimited.bars(BAR_COLOR) == far.bars(BAR_COLOR), "a far limit leaves the bars their room"


def test_leads_that_all_took_as_long_are_one_bar() -> None:
    shown = Shown(latency_histogram([300.0, 300.0], 300.0, 300.0, Sla(p95_ms=None)))
    (bar,) = shown.bars(BAR_COLOR)
    assert bar["x"] == pytest.approx(shown.lines("black")[0], abs=bar["width"] + 1)


def test_decisions_are_stacked_by_colour() -> None:
    shown = Shown(bits_histogram({"merge": [5.0, 5.0], "review": [5.0], "new": [-5.0], "other": [1.0]}))
    assert shown.alt == "evidence, 4 leads", "what has no colour is not shown"
    swatch = 9.0
    (merge,), (review,), (new,) = (
        shown.bars(DECISION_COLORS[name], swatch) for name in ("merge", "review", "new")
    )
    assert merge["height"] == pytest.approx(2 * review["height"], abs=0.2)
    assert review["y"] + review["height"] == pytest.approx(merge["y"], abs=0.2)
    assert new["x"] < merge["x"] == review["x"]
    assert {"merge 2", "review 1", "new 1"} <= set(shown.texts)
    without = Shown(bits_histogram({"merge": [5.0], "new": []}))
    assert not [text for text in without.texts if text.startswith("new")]


def test_a_waterfall_adds_up() -> None:
    shown = Shown(
        waterfall(
            "merge: x",
            {
                "prior": -2.0,
                "total": 3.5,
                "parts": [
                    {**PART, "bits": 4.0, "tf_bits": 1.0},
                    {**PART, "field": "alternatives", "level": "a sentence", "bits": 0.5},
                    {**PART, "field": "web", "bits": 0.04},
                ],
            },
        )
    )
    told = [text for text in shown.texts if text in ("prior", "phone equal", "alternatives", "total")]
    assert told == ["prior", "phone equal", "alternatives", "total"]
    assert {"-2.0", "+5.0", "+0.5", "+3.5"} <= set(shown.texts)
    assert not [text for text in shown.texts if text.startswith("web") or "sentence" in text]
    (prior,), (phone, alternatives), (total,) = map(shown.bars, (LIMIT_COLOR, FOR_COLOR, BAR_COLOR))
    (zero,) = {x for x in shown.lines("#231f1b") if x == pytest.approx(total["x"], abs=0.1)}
    assert phone["x"] == pytest.approx(prior["x"], abs=0.2), "it starts where the prior ends"
    assert prior["x"] + prior["width"] == pytest.approx(zero, abs=0.2)
    assert alternatives["x"] == pytest.approx(phone["x"] + phone["width"], abs=0.2)
    end = alternatives["x"] + alternatives["width"]
    assert total["x"] + total["width"] == pytest.approx(end, abs=0.3)


def test_a_waterfall_grows_with_its_steps_and_leaves_out_what_weighs_nothing() -> None:
    few = {"prior": -2.0, "total": 1.0, "parts": [{**PART, "bits": 3.0}]}
    more = {
        **few,
        "parts": [{**PART, "field": name, "bits": 1.0} for name in ("phone", "web", "alternatives")],
    }
    light = {**few, "parts": [*few["parts"], {**PART, "field": "web", "bits": 0.01}]}
    assert Shown(waterfall("x", more)).height > Shown(waterfall("x", few)).height
    assert waterfall("x", light) == waterfall("x", few)


def test_what_providers_answered_side_by_side() -> None:
    services = {
        "website": ProviderService(3, 1, 0, 2, 10, 0.0, 0.0, 20.0),
        "hunter & co": ProviderService(0, 0, 1, 0, 0, 1.0, 0.5, 20.0),
        "apollo": ProviderService(1, 0, 0, 0, 4, 1.0, 2.0, 20.0),
    }
    shown = Shown(provider_bars(services))
    swatch = 9.0
    found, missed, failed, unsettled = (
        shown.bars(OUTCOME_COLORS[name], swatch) for name in ("found", "not_found", "failed", "unsettled")
    )
    unit = missed[0]["width"]
    assert [round(bar["width"] / unit) for bar in (*found, *failed, *unsettled)] == [3, 1, 1, 2]
    assert found[0]["y"] == missed[0]["y"] == unsettled[0]["y"] < failed[0]["y"] < found[1]["y"]
    assert missed[0]["x"] == pytest.approx(found[0]["x"] + found[0]["width"], abs=0.2)
    assert {"hunter & co", "75% hits", "no answer", "100% hits, $0.5000 a fact"} <= set(shown.texts)
