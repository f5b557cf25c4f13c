"""Steps for a row's figures, sizes, tiers, opt-outs and capability flags. See ``row_steps``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from sales_agent_dagster.domain.row_cells import (
    MAX_TEXT,
    Cells,
    Columns,
    Fields,
    Row,
    Step,
    first_of,
    line,
)
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.domain.values.number import (
    FALSE_WORDS,
    TRUE_WORDS,
    parse_count,
    parse_number,
    parse_range,
    read_size,
)
from sales_agent_dagster.domain.values.text import MISSING, one_line

_TIERS = frozenset(tier.value for tier in Tier)
_DO_NOT_CONTACT = re.compile(
    r"do[ -]?not[ -]?(?:contact|call|e?-?mail|prospect|solicit|disturb)|\bdnc\b"
    r"|unsubscribed?|opted[ -]?out|opt-?out"
)
_CUSTOMER = re.compile(r"(?:(?:current|existing|active) )?(?:customers?|clients?|evangelist)(?:\s*[-:/(].*)?")

NUMBERS: dict[str, tuple[float, float, bool, str, str | None]] = {
    "rating": (0, 5, False, "rating_out_of_range", "rating_zero"),
    "review_count": (0, 1e9, True, "number_out_of_range", "reviews_zero"),
    "annual_revenue": (0, 1e13, False, "number_out_of_range", None),
    "oem_count": (0, 1000, True, "number_out_of_range", None),
    "source_icp_score": (0, 100, False, "number_out_of_range", None),
    "source_resimercial": (0, 100, False, "number_out_of_range", None),
    "source_multi_oem": (0, 100, False, "number_out_of_range", None),
    "source_mep_r": (0, 100, False, "number_out_of_range", None),
    "source_o_and_m": (0, 100, False, "number_out_of_range", None),
}
"""Field: lowest and highest value, whether whole, flag when out of range, repair when zero means missing."""


def number_step(name: str, columns: Columns) -> Step:
    """Reads one of ``NUMBERS``."""
    low, high, whole, beyond, zero = NUMBERS[name]

    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        text = first_of(cells, columns)
        if not text:
            return
        value = parse_number(text)
        if value is None:
            repairs.append("number_invalid")
        elif not low <= value <= high:
            repairs.append(beyond)
        elif value == 0 and zero:
            repairs.append(zero)
        else:
            row[name] = round(value) if whole else value

    return step


def size_step(fields: Fields) -> Step:
    """Reads company size and employee count; a range is a size, not a count."""
    sizes: Columns = fields.get("company_size", ())
    counts: Columns = fields.get("employee_count", ())

    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        text = first_of(cells, sizes)
        if text:
            size = read_size(line(text, MAX_TEXT, repairs))
            row["company_size"], row["employee_count"] = size.text, size.employees
            repairs.extend(size.repairs)
        text = first_of(cells, counts)
        if text:
            _read_count(text, row, repairs)

    return step


def _read_count(text: str, row: Row, repairs: list[str]) -> None:
    count = parse_count(text)
    size = read_size(text[:MAX_TEXT])
    if count is not None:
        row["employee_count"] = count or row["employee_count"]
    elif parse_range(size.text):
        row["company_size"] = row["company_size"] or size.text
        repairs.extend(("employees_range", *size.repairs))
    else:
        repairs.append("number_invalid")


def tier_step(columns: Columns) -> Step:
    """Reads the ICP tier that the file states."""

    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        text = first_of(cells, columns)
        if text:
            row["source_icp_tier"] = text.upper() if text.upper() in _TIERS else line(text, 40, repairs)

    return step


def status_step(fields: Fields) -> Step:
    """Opt-outs and customers. An opt-out column counts unless it says no: many hold the date of it."""
    opt_outs: Columns = fields.get("do_not_contact", ())
    customers: Columns = fields.get("existing_customer", ())
    statuses: Columns = fields.get("status", ())

    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        said = [_status(cells[column]) for column in statuses if cells[column]]
        row["do_not_contact"] = any(status[0] for status in said) or any(
            _is_opt_out(cells[column]) for column in opt_outs if cells[column]
        )
        row["existing_customer"] = any(status[1] for status in said) or any(
            cells[column].casefold() in TRUE_WORDS for column in customers
        )

    return step


@lru_cache(maxsize=1024)
def _is_opt_out(text: str) -> bool:
    word = text.casefold()
    return (
        word not in FALSE_WORDS
        and word not in MISSING
        and not word.startswith(("not ", "opted in", "subscribed"))
    )


@lru_cache(maxsize=1024)
def _status(text: str) -> tuple[bool, bool]:
    """Whether a status says not to contact, and whether it says customer."""
    words = one_line(text).casefold()
    return _DO_NOT_CONTACT.search(words) is not None, _CUSTOMER.fullmatch(words) is not None


def capability_step(capabilities: Mapping[int, str]) -> Step:
    """Lists the flags that are true; others say nothing."""
    columns = tuple(capabilities.items())

    def step(cells: Cells, row: Row, repairs: list[str]) -> None:
        true = [name for column, name in columns if cells[column].casefold() in TRUE_WORDS]
        if true:
            row["capabilities"] = ", ".join(true)

    return step
