"""Whether two leads are in different places, by state, city and area code."""

from __future__ import annotations

from sales_agent_dagster.domain.values.phone import TOLL_FREE
from sales_agent_dagster.matching.base import Record


def area_code(phone: str) -> str | None:
    """Area code of an E.164 number of the North American plan; None when toll-free or from elsewhere."""
    if not phone.startswith("+1") or len(phone) != 12 or phone[2:5] in TOLL_FREE:
        return None
    return phone[2:5]


def place_conflict(left: Record, right: Record) -> str | None:
    """What says that two leads are in different places, in words; None when nothing does.

    Equal city and state, or a common area code in the same state, outweigh the rest.
    """
    if left.state and right.state and left.state != right.state:
        return f"states {left.state} and {right.state}"
    codes = _area_codes(left), _area_codes(right)
    if same_town(left, right) or set(codes[0]) & set(codes[1]):
        return None
    if left.state and left.state == right.state and left.city and right.city:
        return f"cities {left.city} and {right.city}"
    if all(codes):
        return f"area codes {codes[0][0]} and {codes[1][0]}"
    return None


def same_town(left: Record, right: Record) -> bool:
    """True when city and state are known and equal."""
    return bool(
        left.city
        and right.city
        and left.state
        and left.state == right.state
        and left.city.casefold() == right.city.casefold()
    )


def _area_codes(record: Record) -> list[str]:
    return [code for phone in record.phones if (code := area_code(phone))]
