"""Text that reaches a terminal is harmless; figures read well."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sales_agent_dagster.cli import terminal
from sales_agent_dagster.cli.terminal import bar, complain, milliseconds, money, print_table, safe, say

ESCAPE = "\x1b]0;owned\x07\x1b[31m"


@given(st.text() | st.text(alphabet=st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_safe_text_is_one_printable_line(text: str) -> None:
    shown = safe(text)
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029")
    shown.encode("utf-8")


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])))
def test_safe_keeps_ordinary_text(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (3.5, "3.5"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\udc80", "a\\udc80"),
        ("one\r\ntwo \t three", "one two three"),
    ],
)
def test_safe_spells_out_what_harms(value: object, shown: str) -> None:
    assert safe(value) == shown


def test_safe_keeps_line_breaks_when_told() -> None:
    assert safe("Dear A,\r\n\nhello\x07", lines=True) == "Dear A,\n\nhello\\x07"


def test_markup_in_data_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say("[bold red]x[/] :smile:", ("[link=http://a]y[/link]", "bold"))
    print_table(["[b]name[/b]"], [["[/]" + ESCAPE]])
    complain("[/nothing] open")
    captured = capsys.readouterr()
    assert "[bold red]x[/] :smile:[link=http://a]y[/link]" in captured.out
    assert "[b]name[/b]" in captured.out
    assert "[/]\\x1b]0;owned\\x07\\x1b[31m" in captured.out
    assert "\x1b" not in captured.out
    assert captured.err == "Error: [/nothing] open\n"


def test_nothing_is_wrapped_or_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 300 + "end"
    print_table(["name"], [[long]])
    say(long)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == ["name", long, long]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    screen = Console(file=stream, force_terminal=True, width=60, color_system=None, legacy_windows=False)
    monkeypatch.setattr(terminal, "out", lambda: screen)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_terminal_gets_rules_and_folded_cells(screen: io.StringIO) -> None:
    print_table(["name", "n"], [["word " * 30, 1]], right=["n"])
    lines = screen.getvalue().splitlines()
    assert "─" in lines[1]
    assert len(lines) > 4
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize("words", ["short", "word " * 30, "x" * 150])
def test_what_a_terminal_wraps_goes_on_below_the_text(screen: io.StringIO, words: str) -> None:
    say(("Label      ", "bold"), words.strip(), indent=2, hang=11)
    first, *more = screen.getvalue().splitlines()
    assert first.startswith("  Label      ")
    assert all(line.startswith(" " * 13) and line[13] != " " for line in more)
    assert max(map(len, [first, *more])) <= 60
    told = "".join([first[13:], *(line[13:] for line in more)])
    assert told.replace(" ", "") == words.replace(" ", "")


def test_bars_are_blocks_on_a_terminal_and_hashes_elsewhere(screen: io.StringIO) -> None:
    assert bar(0.5, 10) == "█" * 5


def test_bar_shows_even_the_smallest_share() -> None:
    assert bar(0.5, 10) == "#" * 5
    assert bar(0.001, 10) == "#"
    assert bar(0, 10) == ""


def test_money() -> None:
    assert money(0) == "$0.00"
    assert money(1234.5) == "$1,234.50"
    assert money(0.00042) == "$0.0004"


def test_a_time_that_would_read_as_none() -> None:
    assert [milliseconds(time) for time in (0, 0.04, 0.05, 12.34)] == [
        "0.0 ms",
        "< 0.1 ms",
        "0.1 ms",
        "12.3 ms",
    ]
