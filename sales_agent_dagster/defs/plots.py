"""Pictures for asset metadata, as small PNGs inside Markdown.

Drawn through matplotlib's object API: no pyplot, whose global state leaks figures in long-lived processes.
matplotlib is imported when the first picture is drawn, not when definitions load.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sales_agent_dagster.settings import Sla
from sales_agent_dagster.warehouse.providers import ProviderService

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES = (4.5, 2.4)
DPI = 80
FRAME = (0.12, 0.2, 0.83, 0.66)
"""Left, bottom, width, height of the plot in the picture. Fixed: fitting it draws everything twice."""

BAR_COLOR = "#4f43dd"
LIMIT_COLOR = "#d24141"
FOR_COLOR = "#2f9e63"
DECISION_COLORS = {"merge": FOR_COLOR, "review": "#e0a126", "new": "#9aa0ac"}
WIDE_FRAME = (0.32, 0.2, 0.63, 0.68)
"""Room for the names of fields."""

SCORE_BIN = 5
BITS_BINS = 30
LEAST_SHOWN_BITS = 0.05
LATENCY_BINS = 30


def score_histogram(title: str, scores: Sequence[float]) -> str:
    """Markdown image: how many leads have which score, 0-100 in steps of 5."""

    def draw(axes: Axes) -> None:
        axes.hist(scores, bins=range(0, 101, SCORE_BIN), color=BAR_COLOR, edgecolor="white")
        axes.set_xlim(0, 100)
        axes.set_xlabel("points")

    return _image(f"{title}, {len(scores)} leads", draw)


def latency_histogram(latencies_ms: Sequence[float], p50_ms: float, p95_ms: float, sla: Sla) -> str:
    """Markdown image: how long the leads took, with p50 and p95; a limit is drawn when it is near."""

    def draw(axes: Axes) -> None:
        axes.hist(latencies_ms, bins=LATENCY_BINS, color=BAR_COLOR, edgecolor="white")
        axes.axvline(p50_ms, color="black", linestyle=":", label=f"p50 {p50_ms:.3g} ms")
        axes.axvline(p95_ms, color="black", linestyle="--", label=f"p95 {p95_ms:.3g} ms")
        if sla.p95_ms is not None and sla.p95_ms <= 5 * max(latencies_ms):
            axes.axvline(sla.p95_ms, color=LIMIT_COLOR, label=f"p95 limit {sla.p95_ms:g} ms")
        axes.set_xlabel("milliseconds per lead")
        axes.legend(fontsize=8, frameon=False)

    return _image(f"latency, {len(latencies_ms)} leads", draw)


def bits_histogram(bits_by_decision: Mapping[str, Sequence[float]]) -> str:
    """Markdown image: evidence that leads are one company with the one they are most like, by decision."""
    from matplotlib.ticker import MaxNLocator

    shown = [name for name in DECISION_COLORS if bits_by_decision.get(name)]

    def draw(axes: Axes) -> None:
        axes.hist(
            [bits_by_decision[name] for name in shown],
            bins=BITS_BINS,
            stacked=True,
            color=[DECISION_COLORS[name] for name in shown],
            edgecolor="white",
            label=[f"{name} {len(bits_by_decision[name])}" for name in shown],
        )
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("bits")
        axes.legend(fontsize=8, frameon=False)

    return _image(f"evidence, {sum(len(bits_by_decision[name]) for name in shown)} leads", draw)


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
    starts = [sum(bits for _, bits in steps[:number]) for number in range(len(steps))]

    def draw(axes: Axes) -> None:
        names = [name for name, _ in steps] + ["total"]
        widths = [bits for _, bits in steps] + [explanation["total"]]
        lefts = [*starts, 0.0]
        colors = [*(FOR_COLOR if bits > 0 else LIMIT_COLOR for _, bits in steps), BAR_COLOR]
        axes.barh(names[::-1], widths[::-1], left=lefts[::-1], color=colors[::-1], height=0.6)
        for name, width, left in zip(names, widths, lefts, strict=True):
            axes.annotate(
                f"{width:+.1f}",
                (max(left, left + width), name),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
        edges = [0.0, *lefts, *(left + width for left, width in zip(lefts, widths, strict=True))]
        room = 0.12 * (max(edges) - min(edges))
        axes.set_xlim(min(edges) - room / 4, max(edges) + room)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.tick_params(axis="y", labelsize=8)
        axes.set_xlabel("bits")

    return _image(title, draw, ylabel="", inches=(5.6, 1.0 + 0.24 * (len(steps) + 1)), frame=WIDE_FRAME)


def provider_bars(services: Mapping[str, ProviderService]) -> str:
    """Markdown image: each provider's lookups by what came of them, with hit rate and cost per fact."""
    colors = {"found": FOR_COLOR, "not_found": "#9aa0ac", "failed": LIMIT_COLOR, "unsettled": "#e0a126"}
    parts = {
        part: color for part, color in colors.items() if any(getattr(s, part) for s in services.values())
    }
    names = list(services)[::-1]

    def draw(axes: Axes) -> None:
        lefts = [0] * len(names)
        for part, color in parts.items():
            widths = [getattr(services[name], part) for name in names]
            axes.barh(names, widths, left=lefts, color=color, height=0.6, label=part.replace("_", " "))
            lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
        for name, right in zip(names, lefts, strict=True):
            axes.annotate(
                _worth(services[name]),
                (right, name),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.set_xlim(0, 1.6 * max(lefts))
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.tick_params(labelsize=8)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("lookups", fontsize=8)
        axes.legend(
            ncols=len(parts), fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0
        )

    rows, below, above = 0.34 * len(names), 0.45, 0.62  # inches
    height = below + rows + above
    frame = (0.22, below / height, 0.75, rows / height)
    return _image("providers of facts", draw, ylabel="", inches=(6.4, height), frame=frame, title_pad=22)


def _worth(service: ProviderService) -> str:
    """``82% hits, $0.0100 a fact, p95 810 ms``."""
    hits = "no answer" if service.hit_rate is None else f"{service.hit_rate:.0%} hits"
    cost = f", ${service.usd_per_fact:.4f} a fact" if service.usd_per_fact else ""
    return f"{hits}{cost}, p95 {service.p95_ms:,.0f} ms"


def _finding(part: Mapping[str, Any]) -> str:
    """``phone equal``; what the alternatives take off has a sentence for a level."""
    return part["field"] if part["field"] == "alternatives" else f"{part['field']} {part['level']}"


def _image(
    title: str,
    draw: Callable[[Axes], None],
    *,
    ylabel: str = "leads",
    inches: tuple[float, float] = INCHES,
    frame: tuple[float, float, float, float] = FRAME,
    title_pad: float | None = None,
) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(frame)
    draw(axes)
    axes.set_title(title, fontsize=10, pad=title_pad)
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return f"![{title}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})"
