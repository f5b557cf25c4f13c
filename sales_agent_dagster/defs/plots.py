"""Pictures for asset metadata, as small PNGs inside Markdown.

Drawn through matplotlib's object API: no pyplot, whose global state leaks figures in long-lived processes.
matplotlib is imported when the first picture is drawn, not when definitions load.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sales_agent_dagster.settings import Sla

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES = (4.5, 2.4)
DPI = 80
FRAME = (0.12, 0.2, 0.83, 0.66)
"""Left, bottom, width, height of the plot in the picture. Fixed: fitting it draws everything twice."""

BAR_COLOR = "#4f43dd"
LIMIT_COLOR = "#d24141"
SCORE_BIN = 5
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


def _image(title: str, draw: Callable[[Axes], None]) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(FRAME)
    draw(axes)
    axes.set_title(title, fontsize=10)
    axes.set_ylabel("leads")
    axes.spines[["top", "right"]].set_visible(False)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return f"![{title}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})"
