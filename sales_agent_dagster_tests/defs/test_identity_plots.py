"""Pictures of identity: how much evidence there was, and how one decision's adds up."""

from __future__ import annotations

import asyncio
import base64
import re
import struct

from sales_agent_dagster.defs.materialization import materialization
from sales_agent_dagster.defs.plots import bits_histogram, waterfall
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import resolved_leads
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.firms import ACME, ACME_AGAIN, ACME_MAYBE, ZENITH, firm

PART = {"field": "phone", "level": "equal", "left": "3305550101", "right": "3305550101", "tf_bits": 0.0}


def plots(warehouse: Warehouse, context: MakeContext, *leads: dict[str, object]) -> str | None:
    seed_batch(warehouse, leads=leads)
    asyncio.run(ResolvedLeads().run(context(warehouse)))
    found = (materialization(context(warehouse), resolved_leads).metadata or {}).get("plots")
    return None if found is None else str(found.value)


def size(image: str) -> tuple[int, int]:
    """Width and height of the one PNG in the Markdown."""
    png = base64.b64decode(re.findall(r"base64,([^)]+)", image)[0])
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_strongest_merge_is_drawn(sqlite_warehouse: Warehouse, context: MakeContext) -> None:
    shown = plots(sqlite_warehouse, context, ACME, ZENITH, ACME_AGAIN, ACME_MAYBE)
    assert shown is not None
    titles = re.findall(r"!\[([^]]+)\]", shown)
    assert titles == ["evidence, 2 leads", "merge: batch-1-3"]


def test_without_a_merge_it_is_the_strongest_other(sqlite_warehouse: Warehouse, context: MakeContext) -> None:
    shown = plots(sqlite_warehouse, context, ACME, ZENITH, ACME_MAYBE)
    assert shown is not None
    assert "![review: batch-1-3]" in shown


def test_leads_that_are_like_nobody_have_no_picture(
    sqlite_warehouse: Warehouse, context: MakeContext
) -> None:
    assert plots(sqlite_warehouse, context, firm(0), ZENITH) is None


def test_a_waterfall_grows_with_its_steps_and_leaves_out_what_weighs_nothing() -> None:
    few = {"prior": -2.0, "total": 1.0, "parts": [{**PART, "bits": 3.0}]}
    more = {
        **few,
        "parts": [{**PART, "field": name, "bits": 1.0} for name in ("phone", "web", "alternatives")],
    }
    light = {**few, "parts": [*few["parts"], {**PART, "field": "web", "bits": 0.01}]}
    assert size(waterfall("x", more))[1] > size(waterfall("x", few))[1]
    assert waterfall("x", light) == waterfall("x", few)


def test_decisions_are_drawn_apart() -> None:
    together = bits_histogram({"merge": [1.0, 5.0]})
    assert bits_histogram({"merge": [1.0], "review": [5.0]}) != together
    assert bits_histogram({"merge": [1.0, 5.0], "new": []}) == together
