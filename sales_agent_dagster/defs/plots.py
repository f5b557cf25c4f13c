"""Pictures for asset metadata: small SVGs inside Markdown, where Dagster's UI shows ``data:`` images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sales_agent_dagster.defs.svg import FONT_PX, Frame, Picture, Scale, counts, stacked
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.settings import Sla
from sales_agent_dagster.warehouse.providers import ProviderService

BAR_COLOR = "#4f43dd"
LIMIT_COLOR = "#d24141"
FOR_COLOR = "#2f9e63"
OPEN_COLOR = "#e0a126"
NEUTRAL_COLOR = "#9aa0ac"
DECISION_COLORS = {"merge": FOR_COLOR, "review": OPEN_COLOR, "new": NEUTRAL_COLOR}
OUTCOME_COLORS = {
    "found": FOR_COLOR,
    "not_found": NEUTRAL_COLOR,
    "failed": LIMIT_COLOR,
    "unsettled": OPEN_COLOR,
}

MOST_POINTS = 100
SCORE_BINS = 20
BITS_BINS = 30
LEAST_SHOWN_BITS = 0.05
LATENCY_BINS = 30
NEAR = 2
"""A limit is drawn up to this many times the longest latency; farther away it would flatten the bars, and is
only named."""

ROW_PX = 20
NAMES_PX = 150
"""Room for the names of fields and providers."""

_DOTTED, _DASHED = "1 3", "5 3"


def score_histogram(title: str, scores: Sequence[float]) -> str:
    """Markdown image: how many leads have which score, 0-100 in steps of 5."""
    picture = Picture(f"{title}, {count(len(scores), 'lead')}", Frame())
    across = picture.frame.across(0, MOST_POINTS)
    _histogram(picture, across, {BAR_COLOR: counts(scores, 0, MOST_POINTS, SCORE_BINS)}, (0, MOST_POINTS))
    picture.x_axis(across, "points")
    return picture.markdown()


def latency_histogram(latencies_ms: Sequence[float], p50_ms: float, p95_ms: float, sla: Sla) -> str:
    """Markdown image: how long the leads took, with p50 and p95; a limit is drawn when it is near."""
    picture = Picture(f"latency, {count(len(latencies_ms), 'lead')}", Frame())
    low, high = min(latencies_ms), max(latencies_ms)
    limit = sla.p95_ms if sla.p95_ms is not None and sla.p95_ms <= NEAR * high else None
    across = picture.frame.across(min(low, p50_ms), max(high, p95_ms, limit or 0.0))
    bounds = (low, high) if high > low else (across.low, across.high)
    _histogram(picture, across, {BAR_COLOR: counts(latencies_ms, *bounds, LATENCY_BINS)}, bounds)
    marks = [("black", _DOTTED, p50_ms), ("black", _DASHED, p95_ms)]
    entries: dict[str, str | None] = {
        f"dotted: p50 {p50_ms:.3g} ms": None,
        f"dashed: p95 {p95_ms:.3g} ms": None,
    }
    if limit is not None:
        marks.append((LIMIT_COLOR, "", limit))
        entries[f"limit {limit:g} ms"] = LIMIT_COLOR
    elif sla.p95_ms is not None:
        entries[f"limit {sla.p95_ms:g} ms, farther right"] = None
    for color, dash, value in marks:
        x = across.at(value)
        picture.line(x, picture.frame.top, x, picture.frame.height - picture.frame.bottom, color, dash)
    picture.legend(entries)
    picture.x_axis(across, "milliseconds per lead")
    return picture.markdown()


def bits_histogram(bits_by_decision: Mapping[str, Sequence[float]]) -> str:
    """Markdown image: evidence that leads are one company with the one they are most like, by decision."""
    shown = {name: bits_by_decision[name] for name in DECISION_COLORS if bits_by_decision.get(name)}
    values = [bits for found in shown.values() for bits in found]
    picture = Picture(f"evidence, {count(len(values), 'lead')}", Frame())
    across = picture.frame.across(min(values), max(values))
    bounds = (across.low, across.high)
    stacks = {DECISION_COLORS[name]: counts(found, *bounds, BITS_BINS) for name, found in shown.items()}
    _histogram(picture, across, stacks, bounds)
    picture.legend({f"{name} {len(found)}": DECISION_COLORS[name] for name, found in shown.items()})
    picture.x_axis(across, "bits")
    return picture.markdown()


def waterfall(title: str, explanation: Mapping[str, Any]) -> str:
    """Markdown image: how the bits of one decision add up, prior first, then field by field.

    Names of fields and findings only: values are personal data.
    """
    steps = [("prior", explanation["prior"])]
    steps += [
        (_finding(part), part["bits"] + part["tf_bits"])
        for part in explanation["parts"]
        if abs(part["bits"] + part["tf_bits"]) >= LEAST_SHOWN_BITS
    ]
    bars = []
    total = 0.0
    for name, bits in steps:
        bars.append((name, total, bits, FOR_COLOR if bits > 0 else LIMIT_COLOR))
        total += bits
    bars.append(("total", 0.0, explanation["total"], BAR_COLOR))
    edges = [0.0, *(edge for _, left, width, _ in bars for edge in (left, left + width))]
    picture = Picture(title, _rows_frame(len(bars)))
    room = 0.14 * (max(edges) - min(edges))
    across = picture.frame.across(min(edges) - room / 4, max(edges) + room)
    for row, (name, left, width, color) in enumerate(bars):
        y = _row_name(picture, row, name)
        start, end = sorted((across.at(left), across.at(left + width)))
        picture.rect(start, y, end - start, ROW_PX - 7, color)
        picture.text(end + 3, y + 10, f"{width:+.1f}", size=FONT_PX - 1)
    zero = across.at(0)
    picture.line(zero, picture.frame.top - 4, zero, picture.frame.height - picture.frame.bottom)
    picture.x_axis(across, "bits")
    return picture.markdown()


def provider_bars(services: Mapping[str, ProviderService]) -> str:
    """Markdown image: each provider's lookups by what came of them, with hit rate and cost per fact."""
    picture = Picture("providers of facts", _rows_frame(len(services), legend=True))
    most = max(sum(_outcomes(service)) for service in services.values())
    across = picture.frame.across(0, 1.75 * most)
    for row, (name, service) in enumerate(services.items()):
        y = _row_name(picture, row, name)
        left = 0
        for color, width in zip(OUTCOME_COLORS.values(), _outcomes(service), strict=True):
            if width:
                picture.rect(across.at(left), y, across.at(left + width) - across.at(left), ROW_PX - 7, color)
            left += width
        picture.text(across.at(left) + 3, y + 10, _worth(service), size=FONT_PX - 1)
    picture.legend({name.replace("_", " "): color for name, color in OUTCOME_COLORS.items()})
    picture.x_axis(across, "lookups")
    return picture.markdown()


def _histogram(
    picture: Picture,
    across: Scale,
    stacks: Mapping[str, Sequence[int]],
    bounds: tuple[float, float],
) -> None:
    """Bars over equal parts of ``bounds``: rows of counts by their colour, on top of one another."""
    rows = list(stacks.values())
    upwards = picture.frame.upwards(1.05 * stacked(rows))
    picture.y_axis(upwards, "leads")
    low, high = bounds
    for place in range(len(rows[0])):
        x, end = (across.at(low + (high - low) * edge / len(rows[0])) for edge in (place, place + 1))
        below = 0
        for color, row in stacks.items():
            if row[place]:
                top = upwards.at(below + row[place])
                picture.rect(x, top, max(end - x - 1, 1), upwards.at(below) - top, color)
            below += row[place]


def _rows_frame(rows: int, *, legend: bool = False) -> Frame:
    top = 44 if legend else 28
    return Frame(width=450, height=top + ROW_PX * rows + 40, left=NAMES_PX, top=top)


def _row_name(picture: Picture, row: int, name: str) -> float:
    """Write a row's name; returns the upper edge of its bar."""
    y = picture.frame.top + ROW_PX * row + 3
    picture.text(NAMES_PX - 8, y + 10, name, "right")
    return y


def _outcomes(service: ProviderService) -> list[int]:
    return [getattr(service, name) for name in OUTCOME_COLORS]


def _worth(service: ProviderService) -> str:
    """``82 % hits, $0.0100 a fact``."""
    hits = "no answer" if service.hit_rate is None else f"{service.hit_rate:.0%} hits"
    cost = f", ${service.usd_per_fact:.4f} a fact" if service.usd_per_fact else ""
    return f"{hits}{cost}"


def _finding(part: Mapping[str, Any]) -> str:
    """``phone equal``; what the alternatives take off has a sentence for a level."""
    return part["field"] if part["field"] == "alternatives" else f"{part['field']} {part['level']}"
