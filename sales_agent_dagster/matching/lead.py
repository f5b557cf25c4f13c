"""What linkage sees of a lead: raw cells in, comparable values out."""

from __future__ import annotations

from typing import NamedTuple


class RawLead(NamedTuple):
    """Cells of one lead as listed; empty means unknown.

    Attributes:
        phone: one number or several; ``phone_2`` is tried after it.
        state: code or name.
    """

    lead_id: str
    name: str = ""
    phone: str = ""
    phone_2: str = ""
    website: str = ""
    email: str = ""
    linkedin: str = ""
    contact: str = ""
    street: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""


class NormLead(NamedTuple):
    """Comparable values of one lead, all text; empty means unknown.

    Attributes:
        name: words of the whole name in lower case, abbreviations spelled out, legal form kept.
        core: ``name`` without legal form, connectives and branch tail; never empty when ``name`` is not.
        alias: core of the other name in ``owner dba trade name``.
        phone: ten digits of a North American number, else 0 and the national number, without the country;
            ``phone_2`` is another one.
        host: what identifies the firm on the web: its registrable domain, its own subdomain of a shared
            platform, or else the domain of an e-mail address that is not free mail.
        page: host and path of the website where that says more than ``host``: what identifies the firm
            when it turns out that the host is a platform's.
        email: lower case; empty for placeholders such as ``noreply@``.
        linkedin: last part of the page's address, without numeric suffix.
        contact: the person's name, lower case.
        street_no: house number, or ``po 12`` for a box.
        street: words of the street without number, type, direction and unit.
        unit: suite, apartment or floor.
        city: lower case, abbreviations spelled out.
        state: two letters, upper case.
        zip5: five digits.
    """

    lead_id: str
    name: str = ""
    core: str = ""
    alias: str = ""
    phone: str = ""
    phone_2: str = ""
    host: str = ""
    page: str = ""
    email: str = ""
    linkedin: str = ""
    contact: str = ""
    street_no: str = ""
    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    zip5: str = ""


NORM_FIELDS: tuple[str, ...] = NormLead._fields[1:]
"""Columns of a normalised lead besides its id."""
