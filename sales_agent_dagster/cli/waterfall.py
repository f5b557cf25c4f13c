"""Printing why two leads are, or are not, one company: a line per field, the sum below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sales_agent_dagster.cli.terminal import gap, print_table
from sales_agent_dagster.matching.sentences import chance


def print_waterfall(explanation: Mapping[str, Any] | None) -> None:
    """Print an explanation as ``PairScore.explain`` makes it below a gap; nothing when there is none."""
    if not explanation:
        return
    rows: list[tuple[object, ...]] = [
        (
            part["field"],
            part["left"],
            part["right"],
            part["level"],
            f"{part['bits'] + part['tf_bits']:+.1f}",
        )
        for part in explanation["parts"]
    ]
    rows.append(("prior", "", "", "before anything is compared", f"{explanation['prior']:+.1f}"))
    if explanation["veto"]:
        rows.append(("veto", "", "", explanation["veto"], ""))
    total = explanation["total"]
    rows.append(("total", "", "", f"probability {chance(total)}", f"{total:+.1f}"))
    gap()
    print_table(["Evidence", "This lead", "The other", "Finding", "Bits"], rows, right=["Bits"])
