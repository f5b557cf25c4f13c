"""``sales-agent query``: one read-only statement, printed as a table, JSON or CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import orjson

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.terminal import complain, err, interactive, out, print_table, safe
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import PermanentError
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse import query
from sales_agent_dagster.warehouse.database import Warehouse

LONGEST_FLOAT = 10
"""Characters of a float that a table shows as it is."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Text that begins so is run as a formula by spreadsheets
(https://owasp.org/www-community/attacks/CSV_Injection)."""


def print_query(settings: Settings, sql: str, output: str, limit: int) -> ExitCode:
    """Print at most ``limit`` rows of ``sql`` as ``table``, ``json`` (one array) or ``csv``.

    Returns:
        USAGE for SQL that is broken or would change something, else OK.

    Raises:
        ConfigurationError: the database URL is wrong.
        TransientError: the database is locked or does not answer.
    """
    warehouse = Warehouse(settings.warehouse_url.get_secret_value())
    try:
        result = query.run_query(warehouse, sql, limit)
    except PermanentError as error:
        complain(str(error).splitlines()[0])
        return ExitCode.USAGE
    finally:
        warehouse.dispose()
    _PRINTERS[output](result)
    if result.truncated:
        err().print(f"Only the first {count(limit, 'row')}; --limit shows more.")
    return ExitCode.OK


def _print_table(result: query.QueryResult) -> None:
    numeric = [
        name
        for position, name in enumerate(result.columns)
        if _is_numeric([row[position] for row in result.rows])
    ]
    rows = [[_readable(value) for value in row] for row in result.rows]
    print_table([safe(name) for name in result.columns], rows, right=numeric)


def _readable(value: Any) -> Any:
    """A long float with four places, or below 1 with four digits; JSON and CSV have it in full."""
    if isinstance(value, Decimal) and "." in str(value):
        value = float(value)  # PostgreSQL's averages have sixteen places
    if not isinstance(value, float) or len(repr(value)) <= LONGEST_FLOAT:
        return value
    return round(value, 4) if abs(value) >= 1 else float(f"{value:.4g}")


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float | Decimal) for value in known)


def _print_json(result: query.QueryResult) -> None:
    names = list(_distinct(result.columns))
    rows = (orjson.dumps(dict(zip(names, row, strict=True)), default=_plain).decode() for row in result.rows)
    print("[" + ",\n ".join(rows) + "]")


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """Names with a number where one repeats: an object's keys must differ, or a value is lost."""
    used: set[str] = set()
    for name in names:
        unique, number = name, 1
        while unique in used:
            number += 1
            unique = f"{name}_{number}"
        used.add(unique)
        yield unique


def _plain(value: Any) -> float | str:
    """What JSON has no type for."""
    return float(value) if isinstance(value, Decimal) else str(value)


def _print_csv(result: query.QueryResult) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    show = safe if interactive(out()) else str
    writer.writerow(map(inert, result.columns))
    for row in result.rows:
        writer.writerow(inert(show(value)) if isinstance(value, str) else value for value in row)


def inert(text: str) -> str:
    """Text that a spreadsheet shows instead of running it; numbers never come here."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


_PRINTERS = {"table": _print_table, "json": _print_json, "csv": _print_csv}
