"""Whom never to contact: opt-outs and customers of the imported file, and the profile's own lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sales_agent_dagster.domain.name_core import name_aliases, name_core
from sales_agent_dagster.domain.profile import Suppress

_URL_PREFIX = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class SuppressionList:
    """The profile's lists and the file's columns, compared after normalising both sides alike.

    Domains also cover their subdomains and the addresses at them; phones compare by their digits
    without the country code 1; companies by the core of their name.
    """

    def __init__(self, suppress: Suppress) -> None:
        self._domains = frozenset(filter(None, map(_domain, suppress.domains)))
        self._emails = frozenset(filter(None, map(_email, suppress.emails)))
        self._phones = frozenset(filter(None, map(_phone, suppress.phones)))
        self._companies = frozenset(name_core(name) for name in suppress.companies if name.strip())

    def __bool__(self) -> bool:
        """True when anything is listed; a file's own columns forbid contact without."""
        return bool(self._domains or self._emails or self._phones or self._companies)

    def reason(self, lead: Mapping[str, Any]) -> str | None:
        """Why a lead must not be contacted, naming the column or list; None when nothing forbids it.

        Args:
            lead: columns of ``imported_leads``: ``do_not_contact``, ``existing_customer``,
                ``company_name``, ``email``, ``phone``, ``phone_2``, ``website_host``.
        """
        if lead["do_not_contact"]:
            return "do_not_contact is set in the file"
        if lead["existing_customer"]:
            return "existing_customer is set in the file"
        email = _email(lead["email"] or "")
        for name, values, listed in (
            ("emails", [email], self._emails.__contains__),
            ("domains", [lead["website_host"], email.rpartition("@")[2]], self._covers),
            (
                "phones",
                [_phone(lead["phone"] or ""), _phone(lead["phone_2"] or "")],
                self._phones.__contains__,
            ),
            ("companies", name_aliases(lead["company_name"]), self._companies.__contains__),
        ):
            if found := _first(values, listed):
                return f"suppress.{name} of the profile lists {found}"
        return None

    def _covers(self, host: str) -> bool:
        """True when the host or one of its parent domains is listed."""
        labels = host.lower().split(".")
        return any(".".join(labels[start:]) in self._domains for start in range(len(labels)))


def _first(values: Iterable[str | None], listed: Callable[[str], bool]) -> str | None:
    return next((value for value in values if value and listed(value)), None)


def _domain(text: str) -> str:
    host = re.split(r"[/?#:]", _URL_PREFIX.sub("", text.strip()), maxsplit=1)[0]
    return host.lower().rpartition("@")[2].strip(".").removeprefix("www.")


def _email(text: str) -> str:
    return text.strip().lower().removeprefix("mailto:")


def _phone(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
