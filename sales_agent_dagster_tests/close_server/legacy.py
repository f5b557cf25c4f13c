"""The ``query=`` of lead lists: the part of the old search language that clients still send."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from sales_agent_dagster_tests.close_server.calls import Refused, field_errors
from sales_agent_dagster_tests.close_server.clock import read_time
from sales_agent_dagster_tests.close_server.search import tokens_of
from sales_agent_dagster_tests.close_server.store import Object, Store

MOST_LEADS = 200
MOST_SKIPPED = 35_000
_TERM = re.compile(r'([a-z_]+)(:|>=|<=|>|<|=)("[^"]*"|\S+)|"([^"]*)"|(\S+)')
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


def found(store: Store, query: str) -> list[Object]:
    """Leads of the index that match, in the order asked for."""
    leads = list(store.all_seen("lead"))
    order = None
    for name, operator, value, quoted, word in _TERM.findall(query):
        value = value.strip('"')
        if name == "sort":
            order = value
        elif name in ("date_updated", "date_created") and operator in _COMPARED:
            bound, compare = read_time(value[:16]), _COMPARED[operator]
            leads = [
                lead for lead in leads if compare(read_time(lead[name]) // 60 * 60, bound)
            ]  # minute precision
        elif name in ("email", "email_address"):
            leads = [lead for lead in leads if _has_email(store, lead, value)]
        elif name in ("name", "company", "url", "id", "lead_id"):
            column = {"company": "name", "lead_id": "id"}.get(name, name)
            leads = [lead for lead in leads if _holds(lead[column], value)]
        elif quoted or word:
            leads = [lead for lead in leads if _holds(lead["name"], quoted or word)]
        else:
            raise field_errors(query=f"Cannot parse {name}{operator}.")
    if order:
        leads.sort(key=lambda lead: lead[order.lstrip("-")], reverse=order.startswith("-"))
    return leads


def page(values: list[Object], params: Mapping[str, str], most: int | None) -> tuple[list[Object], bool]:
    """What ``_skip`` and ``_limit`` leave, and whether there is more."""
    limit, skip = int(params.get("_limit", 100)), int(params.get("_skip", 0))
    if most is not None and limit > most:
        raise field_errors(_limit=f"Input should be less than or equal to {most}")
    if skip > MOST_SKIPPED:
        message = f"The skip you set is larger than the maximum skip (max_skip = {MOST_SKIPPED})."
        raise Refused(400, {"errors": [], "field-errors": {"_skip": message}, "error": message})
    return values[skip : skip + limit], skip + limit < len(values)


def _has_email(store: Store, lead: Object, wanted: str) -> bool:
    contacts: Iterable[Object] = (
        store.seen("contact", key) or {} for key in store.of_lead["contact"].get(lead["id"], ())
    )
    return any(_holds(each["email"], wanted) for contact in contacts for each in contact.get("emails", ()))


def _holds(held: str | None, wanted: str) -> bool:
    return set(tokens_of(wanted)) <= set(tokens_of(held or ""))
