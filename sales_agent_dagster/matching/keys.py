"""The exact keys of a lead: phone, website, e-mail, name and town, name, brand."""

from __future__ import annotations

from functools import lru_cache

from sales_agent_dagster.domain.name_core import name_aliases
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_role_mailbox, is_shared_host, tenant_host
from sales_agent_dagster.matching.base import Key, Record
from sales_agent_dagster.matching.names import branchless, distinctive, site_brand

KINDS = ("phone", "domain", "email", "name_place", "name", "brand")
"""Strongest first. ``name`` and ``brand`` never merge: they find what must be explained or linked."""


def site_of(host: str | None, domain: str | None, email: str | None) -> str | None:
    """What identifies a firm on the web.

    Its registrable domain; on a shared host its own subdomain; without a website the domain of its
    e-mail address, unless anybody can have one there.
    """
    if host:
        return tenant_host(host) if is_shared_host(host) else (domain or host)
    mail_domain = email.rpartition("@")[2] if email else ""
    if not mail_domain or is_free_mail(mail_domain) or is_shared_host(mail_domain):
        return None
    return mail_domain


@lru_cache(maxsize=16384)
def keys_of(record: Record) -> tuple[Key, ...]:
    """All keys of a record, strongest kind first, without repeats."""
    keys = [Key("phone", phone) for phone in record.phones]
    if record.site:
        keys.append(Key("domain", record.site))
    if record.email and not _is_anybodys(record.email):
        keys.append(Key("email", record.email))
    keys += _name_keys(record)
    return tuple(dict.fromkeys(keys))


def _is_anybodys(email: str) -> bool:
    return is_role_mailbox(email) and is_free_mail(email.rpartition("@")[2])


def _name_keys(record: Record) -> list[Key]:
    """Names made of generic words only, such as ``Heating & Air, Inc.``, give no key."""
    cores = [core for core in name_aliases(record.company_name) if distinctive(core)]
    keys = []
    if record.city and record.state:
        keys += [Key("name_place", f"{core}|{record.city.casefold()}|{record.state}") for core in cores]
    keys += [Key("name", core) for core in cores]
    keys += [Key("name", core) for core in branchless(record.company_name) if distinctive(core)]
    if start := site_brand(record.company_name, record.site):
        keys.append(Key("brand", start))
    return keys
