"""A bar chart as SVG: scales, axes, bars, legend. What it shows is its caller's.

Drawn here and not by a library: Matplotlib takes half a second to import and 50 to 100 ms a picture, in every
run and while no lead is worked on; a picture here takes about 1 ms.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

INK = "#231f1b"
GRID = "#e4e4e9"
FONT_PX = 11
TICKS = 6
"""Steps of an axis, about."""

_WIDTHS = (
    dict.fromkeys("ijl'|", 0.22) | dict.fromkeys(" .,:;ftI!/", 0.28) | dict.fromkeys("r-()", 0.33)
) | dict.fromkeys("mwMW%", 0.83)
"""Of the font's size; other characters are 0.5 to 0.67 of it."""

_ANCHORS = {"left": "start", "middle": "middle", "right": "end"}


@dataclass(frozen=True, slots=True)
class Scale:
    """Values ``low`` to ``high`` on pixels ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, *, whole: bool = False) -> list[float]:
        """Round values on the scale: multiples of 1, 2 or 5 times a power of ten; ``whole`` ones if asked."""
        rough = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
        step = max(step, 1.0) if whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the plot is in the picture, pixels from the picture's edges."""

    width: int = 400
    height: int = 210
    left: int = 48
    right: int = 14
    top: int = 44
    bottom: int = 40

    def across(self, low: float, high: float) -> Scale:
        """A horizontal scale; one without width is given some."""
        spread = 0.5 if high <= low else 0.0
        return Scale(low - spread, high + spread, self.left, self.width - self.right)

    def upwards(self, high: float) -> Scale:
        """A vertical scale from 0."""
        return Scale(0.0, high or 1.0, self.height - self.bottom, self.top)


class Picture:
    """Collects elements; ``markdown`` gives the picture."""

    def __init__(self, title: str, frame: Frame) -> None:
        self._title = title
        self.frame = frame
        self._parts: list[str] = []
        self.text(frame.width / 2, 16, title, "middle", FONT_PX + 2)

    def rect(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """A filled rectangle from its upper left corner."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>'
        )

    def line(
        self, x: float, y: float, to_x: float, to_y: float, color: str = INK, dash: str | None = None
    ) -> None:
        """A straight line, dashed by lengths such as ``4 3``."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{color}"{dashed}/>'
        )

    def text(self, x: float, y: float, text: str, anchor: str = "left", size: int = FONT_PX) -> None:
        """A line of text whose ``anchor`` is at ``x`` and whose base is at ``y``."""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{_ANCHORS[anchor]}">'
            f"{escape(text)}</text>"
        )

    def x_axis(self, scale: Scale, label: str) -> None:
        """The lower edge with ticks and what they count."""
        frame = self.frame
        base = frame.height - frame.bottom
        self.line(frame.left, base, frame.width - frame.right, base)
        for value in scale.ticks():
            self.line(scale.at(value), base, scale.at(value), base + 4)
            self.text(scale.at(value), base + 15, f"{value:g}", "middle", FONT_PX - 1)
        self.text((frame.left + frame.width - frame.right) / 2, frame.height - 8, label, "middle")

    def y_axis(self, scale: Scale, label: str) -> None:
        """The left edge with whole numbers, lines across, and what they count above it."""
        frame = self.frame
        for value in scale.ticks(whole=True):
            self.line(frame.left, scale.at(value), frame.width - frame.right, scale.at(value), GRID)
            self.text(frame.left - 6, scale.at(value) + 4, f"{value:g}", "right", FONT_PX - 1)
        self.line(frame.left, frame.top, frame.left, frame.height - frame.bottom)
        self.text(6, frame.top - 10, label)

    def legend(self, entries: Mapping[str, str | None]) -> None:
        """Names with their colours in a row at the right, above the plot; None stands for its name alone."""
        size = FONT_PX - 1
        x = float(self.frame.width - self.frame.right)
        for name, color in reversed(list(entries.items())):
            self.text(x, self.frame.top - 10, name, "right", size)
            x -= text_px(name, size)
            if color is not None:
                self.rect(x - 13, self.frame.top - 18, 9, 9, color)
                x -= 13
            x -= 12

    def markdown(self) -> str:
        """The picture as a Markdown image that needs no other file."""
        frame = self.frame
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{frame.width}" height="{frame.height}" '
            f'viewBox="0 0 {frame.width} {frame.height}" font-family="Helvetica, Arial, sans-serif" '
            f'fill="{INK}"><rect width="100%" height="100%" fill="white"/>{"".join(self._parts)}</svg>'
        )
        return f"![{self._title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def text_px(text: str, size: int) -> float:
    """About how wide a text is, by the advances of Helvetica's characters."""
    return size * sum(_WIDTHS.get(character, 0.56) for character in text)


def counts(values: Iterable[float], low: float, high: float, bins: int) -> list[int]:
    """How many values are in each of ``bins`` equal parts of ``low`` to ``high``; the last holds ``high``."""
    found = [0] * bins
    for value in values:
        place = math.floor((value - low) / (high - low) * bins)
        found[max(0, min(place, bins - 1))] += 1
    return found


def stacked(columns: Sequence[Sequence[int]]) -> int:
    """Height of the highest stack of several rows of counts."""
    return max((sum(stack) for stack in zip(*columns, strict=True)), default=0)
