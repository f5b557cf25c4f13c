"""Output for people: consoles, text that cannot harm a terminal, tables, numbers.

Lead data is untrusted. It reaches a terminal only through ``safe`` and never as Rich markup (the
consoles made here have markup off).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

LEAST_SHOWN_MS = 0.05
"""Shorter times would read as none."""
PIPE_WIDTH = 4096
"""Columns when the output is not a terminal: nothing is wrapped or cut there."""

# C0 and C1 controls (terminal escapes start with one), bidirectional overrides and isolates
# (Unicode UAX #9: they reorder what is seen), and lone surrogates, which no encoding can write.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BREAKS = re.compile(r"\s*[\r\n\t\u2028\u2029]\s*")


def safe(value: object, *, lines: bool = False) -> str:
    r"""Text of a value, with harmful characters spelled out as ``\x1b``; None is empty.

    With ``lines`` line breaks are kept; otherwise each becomes one space.
    """
    text = "" if value is None else str(value)
    text = text.replace("\r\n", "\n") if lines else _BREAKS.sub(" ", text)
    return _HARMFUL.sub(_spelled, text)


def _spelled(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


@cache
def out() -> Console:
    """The console on standard output."""
    return _console(stderr=False)


@cache
def err() -> Console:
    """The console on standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def interactive(console: Console) -> bool:
    """True when bars and boxes can be drawn there."""
    return console.is_terminal and not console.is_dumb_terminal


def complain(message: str) -> None:
    """An expected error: its own lines on standard error, no traceback."""
    err().print(Text.assemble(("Error: ", "bold red"), safe(message, lines=True)))


def say(*parts: str | tuple[str, str], indent: int = 0, hang: int = 0) -> None:
    """One line made of texts and (text, style) pairs; the texts are made safe.

    A terminal that must wrap it keeps the indent, and begins what follows below the character ``hang``.
    """
    line = Text()
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part, "")
        line.append(safe(text), style)
    if interactive(out()):
        room = max(out().width - indent - hang, 1)
        rest = line[hang:].wrap(out(), room) if hang else [line]
        for number, piece in enumerate(rest):
            start = line[:hang] if number == 0 else Text(" " * hang)
            out().print(Padding(start + piece, (0, 0, 0, indent), expand=False))
    else:
        out().print(Text(" " * indent) + line)


def gap() -> None:
    """An empty line."""
    out().print()


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[str] = (),
    console: Console | None = None,
) -> None:
    """A table of untrusted cells: boxless and uncut when the output is not a terminal.

    The columns named in ``right`` hold figures and are aligned right.
    """
    console = console or out()
    boxed = interactive(console)
    grid = Table(
        box=SIMPLE_HEAD if boxed else None,
        pad_edge=False,
        collapse_padding=boxed,
        header_style="bold",
        show_edge=False,
    )
    numeric = set(right)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in numeric else "left"
        grid.add_column(safe(column), justify=justify, overflow="fold", no_wrap=not boxed)
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row))
    if boxed:
        console.print(grid)
        return
    with console.capture() as captured:
        console.print(grid)
    lines = (line.rstrip() for line in captured.get().splitlines())
    console.print("\n".join(lines), soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON document; times as ISO 8601, NaN as null, what JSON has no type for as text."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS  # SQLAlchemy's column names are a str subclass
    print(orjson.dumps(value, default=str, option=options).decode())


def bar(share: float, width: int = 24) -> str:
    """A bar ``share`` (0-1) of ``width`` long, at least one mark for anything above zero."""
    mark = "#" if out().options.ascii_only or not interactive(out()) else "█"
    length = round(share * width)
    return mark * (max(length, 1) if share > 0 else 0)


def unless_zero(number: int) -> str:
    """``1,200``; nothing for 0."""
    return f"{number:,}" if number else ""


def milliseconds(latency_ms: float) -> str:
    """``0.1 ms``; what would read as none but is not, as ``< 0.1 ms``."""
    return f"{latency_ms:.1f} ms" if latency_ms >= LEAST_SHOWN_MS or not latency_ms else "< 0.1 ms"


def money(usd: float) -> str:
    """US dollars: cents, or four places below one cent."""
    return f"${usd:,.2f}" if usd == 0 or usd >= 0.01 else f"${usd:.4f}"


def tolerate_any_encoding() -> None:
    """Make standard output and error spell out what their encoding lacks instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
