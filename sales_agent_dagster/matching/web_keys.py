"""Phones, websites, e-mail addresses, LinkedIn pages and people as comparable values."""

from __future__ import annotations

import re
from typing import NamedTuple

from sales_agent_dagster.domain.shared_hosts import (
    is_free_mail,
    is_role_mailbox,
    is_shared_host,
    tenant_host,
)
from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.text import MISSING, is_missing, words
from sales_agent_dagster.matching.address_keys import plain
from sales_agent_dagster.matching.vocabulary import ROLE_PLACEHOLDERS

_PHONE = re.compile(
    r"(?:tel:|p:|ph:?)?[\s(]*(?:\+?\s*1[\s.-]*)?[\s(]*(\d{3})[)\s./-]{0,3}(\d{3})[\s.-]{0,3}(\d{4})(?:\.0)?"
)
_PHONE_INSIDE = re.compile(
    r"(?<!\d)(?:\+?1[\s.-]*)?\(?([1-9]\d\d)\)?[\s./-]{0,3}(\d{3})[\s.-]{0,2}(\d{4})(?!\d)"
)
_ABROAD = re.compile(r"(?:tel:|p:|ph:?)?\s*(?:\+|00)\s*(?!1\b|0)\d\d")
"""The beginning of a number with another country's code."""
_ONE_ABROAD = re.compile(r"(?:tel:|p:|ph:?)?\s*\(?(?:\+|00)\s*([2-9][\d\s().-]{8,20})")
"""A single number with its country's code, however it is divided."""
_HOME_DIGITS = range(5, 13)
"""Digits of a national number."""
_TRUNK = re.compile(r"\s*\(?0[1-9](?:[\s()./-]*\d){6,10}\s*")
"""A number as it is dialled inside most other countries: trunk prefix 0, then the national number."""
_PLACEHOLDER_PHONES = frozenset({"1234567890", "0123456789", "9876543210", "5551234567", "5555555555"})
_SITE = re.compile(
    r"(?:[a-z]+:/*)*(?:www\d?\.)*([a-z0-9.-]+\.[a-z0-9-]{2,})\.?(?::\d+)?(/[^?#\\]*)?(?:[?#\\].*)?"
)
_SLUG = re.compile(r"linkedin\.com/+(?:company|in|school|showcase|pub)/+([^/?#\s]+)")
_SLUG_NUMBER = re.compile(r"(?:-\d+|-[0-9a-f]{6,})$")
_EMAIL = re.compile(r"[a-z0-9][a-z0-9._+&'-]*@[a-z0-9.-]+\.[a-z]{2,24}")
_LETTERS = re.compile(r"[^\W\d_]+")
_TITLES = words("mr mrs ms miss dr prof owner mgr manager jr sr ii iii md dds dmd phd esq cpa")
_PAGES = frozenset({"", "index.html", "index.htm", "index.php", "home", "default.aspx"})


_SECOND_LEVELS = words("co com org net gov edu ac or ne go gob ltd plc")
"""Labels under a country's domain that are not registrable themselves, as in ``acme.co.uk``."""


class Site(NamedTuple):
    """What a website cell says: ``host`` is the firm's own, ``page`` is its page on somebody's site.

    Attributes:
        page: host and path when the host is a shared platform's or the address has a subdomain or path.
    """

    host: str = ""
    page: str = ""


class Mail(NamedTuple):
    """An address and its domain when that is not free mail."""

    email: str = ""
    host: str = ""


_NO_SITE = Site()
_NO_MAIL = Mail()


def read_phone(text: str) -> tuple[str, str]:
    """Up to two numbers of a cell, ten digits each (outside North America 0 and the national number)."""
    match = _PHONE.fullmatch(text)
    if match:
        return _number("".join(match.groups())), ""
    if text.strip().casefold() in MISSING:
        return "", ""
    abroad = _ONE_ABROAD.fullmatch(text)
    if abroad and (home := _without_code(abroad[1].replace("(0)", ""))):
        return home, ""
    inside = () if _ABROAD.match(text) else _PHONE_INSIDE.findall(text[:200])
    found = [_number("".join(parts)) for parts in inside]
    found = list(dict.fromkeys(number for number in found if number))[:2]
    if not found:
        phones = read_phones(text[:200])
        found = [_national(number) for number in (phones.phone, phones.phone_2) if number]
    if not found and _TRUNK.fullmatch(text):
        found = ["".join(filter(str.isdecimal, text))]
    return (*found, "", "")[0], (*found, "", "")[1]


def _national(number: str) -> str:
    """An E.164 number as it is dialled at home, so that it equals one listed without its country."""
    if number.startswith("+1"):
        return number[2:]
    return _without_code(number)


def _without_code(number: str) -> str:
    """0 and the national number of one that begins with a country's code; empty when it has no such shape."""
    import phonenumbers  # 10 MB of metadata: most lists never need it

    digits = "".join(filter(str.isdecimal, number))
    # No code is the beginning of another.
    code = next((n for n in (1, 2, 3) if int(digits[:n]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), 0)
    home = digits[code:].lstrip("0")
    return f"0{home}" if code and len(home) in _HOME_DIGITS else ""


def _number(digits: str) -> str:
    exchange = digits[3:]
    if digits in _PLACEHOLDER_PHONES or len(set(exchange)) == 1 or digits.startswith("000"):
        return ""
    return digits


def read_site(text: str) -> Site:
    """Own host or platform page of a website cell."""
    lower = text.strip().lower()
    match = _SITE.fullmatch(lower)
    if not match:
        if not lower or is_missing(lower) or " " not in lower:
            return _NO_SITE
        match = _SITE.fullmatch(lower := lower.split()[0].rstrip(",;"))
        if not match:
            return _NO_SITE
    host = match[1].strip(".-")
    path = _path(match[2] or "")
    if is_shared_host(host):
        tenant = tenant_host(host)
        return Site(tenant, tenant) if tenant else Site("", f"{host}/{path}" if path else "")
    domain = _domain(host)
    if not domain:
        return _NO_SITE
    is_plain = domain == host and not path
    return Site(domain, "" if is_plain else f"{host}/{path}" if path else host)


def _domain(host: str) -> str:
    """Registrable domain by its shape: stored keys must not change with an edition of a suffix list."""
    labels = host.rsplit(".", 3)[-3:]
    if len(labels) < 3:
        return host if len(labels) == 2 and labels[0] else ""
    two_level = len(labels[2]) == 2 and (labels[1] in _SECOND_LEVELS or len(labels[1]) == 2)
    return ".".join(labels if two_level and labels[0] else labels[1:])


def _path(given: str) -> str:
    path = given.strip("/ ")
    return "" if path in _PAGES else path[:100]


def read_mail(text: str) -> Mail:
    """The first address of a cell; placeholders and anybody's role boxes at free mail give no address."""
    lower = text.strip().lower().removeprefix("mailto:")
    if not _EMAIL.fullmatch(lower):
        lower = first_email(lower).email or ""
        if not lower:
            return _NO_MAIL
    local, _, domain = lower.rpartition("@")
    if local in ROLE_PLACEHOLDERS:
        lower = ""
    if is_free_mail(domain):
        return Mail("" if is_role_mailbox(lower) else lower)
    if is_shared_host(domain):
        return Mail(lower)
    return Mail(lower, _domain(domain))


def read_linkedin(text: str) -> str:
    """The page's own name: no scheme, slash, query or numeric suffix."""
    lower = text.strip().lower()
    match = _SLUG.search(lower)
    if not match and ("/" in lower or "." in lower or is_missing(lower) or " " in lower):
        return ""
    slug = match[1] if match else lower
    return _SLUG_NUMBER.sub("", slug) or slug


def read_person(text: str) -> str:
    """First name first, lower case, no titles and middle initials; ``Doe, Jane Q`` is turned round."""
    lower = plain(text[:100])
    if lower in MISSING:
        return ""
    last, comma, first = lower.partition(",")
    if comma and _LETTERS.search(first):
        lower = f"{first} {last}"
    names = [word for word in _LETTERS.findall(lower) if word not in _TITLES]
    whole = [word for word in names if len(word) > 1]
    return " ".join(whole if len(whole) > 1 else names)
