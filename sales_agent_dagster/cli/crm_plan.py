"""A plan for the CRM in the terminal and as a file: record by record, field by field."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from itertools import groupby
from pathlib import Path

from sales_agent_dagster.cli.query import inert
from sales_agent_dagster.cli.terminal import gap, out, say
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import PermanentError
from sales_agent_dagster.stages.crm.listing import PlanRow

SHOWN_SKIPS = 5
"""Records left alone that are named with the reason; all are in the file."""

_STYLES = {"create": "green", "update": "yellow", "review": "magenta"}
_NAME_WIDTH, _WIDEST = 16, 160
_LEAST_VALUE = 24
NOTHING = "(nothing)"
UNDECIDED = "undecided"
"""Stands in the totals for records of which nobody knows yet whether their last operation was done."""


def print_plan(rows: Sequence[PlanRow], limit: int) -> None:
    """Print at most ``limit`` lines of fields, under their records; each is one line of the terminal."""
    shown = [row for row in rows if row.step not in ("unchanged", "skip")]
    if not shown:
        say("Nothing to send.")
    told: str | None = None
    for (step, kind, company, remote_id), some in groupby(shown[:limit], _record):
        say((step, _STYLES.get(step, "")), f" {kind}  ", (company, "bold"), f"  {remote_id or ''}".rstrip())
        for row in some:
            if row.field is not None:
                _print_field(row)
            elif row.reason == told:
                say(("The same.", "dim"), indent=4)
            else:
                told = row.reason
                say((told, "dim"), indent=4)
    if len(shown) > limit:
        say((f"{len(shown) - limit:,} more lines: --limit, --csv or --json shows all.", "dim"))
    _print_left_alone("skip", [row for row in rows if row.step == "skip" and not row.waits])
    _print_left_alone(UNDECIDED, [row for row in rows if row.waits])


def _print_left_alone(why: str, rows: Sequence[PlanRow]) -> None:
    for row in rows[:SHOWN_SKIPS]:
        say((f"{why} {row.kind}  {row.company}: {row.reason}", "dim"), hang=4)
    if (more := len(rows) - SHOWN_SKIPS) > 0:
        say((f"{more:,} more {'is' if more == 1 else 'are'} left alone: --csv or --json says why.", "dim"))


def _record(row: PlanRow) -> tuple[str, str, str, str | None]:
    return row.step, row.kind, row.company, row.remote_id


def _print_field(row: PlanRow) -> None:
    name = f"{row.field:<{_NAME_WIDTH}}"
    if row.step == "create":
        say(name, _cut(row.after, _room()), indent=4)
        return
    why = f"  {row.rule}" if row.rule else ""
    if len(why) > _room() // 2:
        why = why.partition(":")[0]  # the rule without its reason
    room = max(_LEAST_VALUE, _room() - len(why) - len(" -> "))
    before = _cut(row.before, room // 2) or NOTHING
    after = _cut(row.after, room - min(len(before), room // 2)) or NOTHING
    say(name, (before, "red"), " -> ", (after, "green"), (why, "dim"), indent=4)


def _room() -> int:
    """Characters of a line behind a field's name."""
    return min(out().width, _WIDEST) - 4 - _NAME_WIDTH


def _cut(value: object, room: int) -> str:
    """One short line."""
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= room else f"{text[: max(room - 1, 1)]}…"


def totals_of(rows: Iterable[PlanRow]) -> dict[str, dict[str, int]]:
    """Records by kind and step; those whose last operation must be read back are ``undecided``."""
    records = {(row.kind, row.external_key): UNDECIDED if row.waits else row.step for row in rows}
    numbers = Counter((kind, step) for (kind, _), step in records.items())
    found: dict[str, dict[str, int]] = {}
    for (kind, step), number in sorted(numbers.items()):
        found.setdefault(kind, {})[step] = number
    return found


def print_totals(crm: str, found: Mapping[str, Mapping[str, int]]) -> None:
    """Print records by kind and step, and what is to be done about those that a plan cannot decide."""
    gap()
    for kind, steps in found.items():
        say(f"{kind:<12} {', '.join(f'{number:,} {step}' for step, number in steps.items())}")
    every = Counter[str]()
    for steps in found.values():
        every.update(steps)
    if undecided := every[UNDECIDED]:
        say(
            (f"{count(undecided, 'record')} undecided: ", "yellow"),
            f"whether {crm} did their last operation is not known yet. "
            "`sales-agent crm apply` reads them back before it sends anything.",
        )
    if every["review"]:
        say(f"{count(every['review'], 'record')} for a person to decide: sales-agent crm review")
    say((f"A plan for {crm}: nothing was sent.", "dim"))


def write_plan(file: Path, rows: Sequence[PlanRow]) -> None:
    """Write every line to a CSV file.

    Raises:
        PermanentError: the file cannot be written.
    """
    names = [field.name for field in fields(PlanRow)]
    try:
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(names)
            writer.writerows(map(_cells, rows))
    except OSError as error:
        raise PermanentError(f"{file} cannot be written: {error.strerror or error}.") from None


def _cells(row: PlanRow) -> list[object]:
    return [inert(value) if isinstance(value, str) else value for value in astuple(row)]
