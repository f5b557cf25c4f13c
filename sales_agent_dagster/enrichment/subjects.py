"""What paid providers are asked about: the lead's own domain and its person, never a shared host's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_role_mailbox, is_shared_host
from sales_agent_dagster.domain.values.web import registrable_domain


def own_domain(values: Mapping[str, Any]) -> str | None:
    """Registrable domain of the lead's website, else of its e-mail address, if it is the company's own."""
    host = values.get("website_host")
    if host and not is_shared_host(host):
        return registrable_domain(host)
    domain = (values.get("email") or "").rpartition("@")[2]
    if domain and not is_free_mail(domain) and not is_shared_host(domain):
        return registrable_domain(domain)
    return None


def named_person(values: Mapping[str, Any], known: Mapping[str, str]) -> tuple[str, str] | None:
    """First and last name of the lead's contact, else of a person that another provider found."""
    first, last = values.get("contact_first_name"), values.get("contact_last_name")
    if not (first and last):
        name = known.get("contact_person", "").partition(",")[0]
        first, _, last = name.partition(" ")
    first, last = _plain(first), _plain(last)
    return (first, last) if first and last else None


def person_key(values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
    """``first|last|domain`` of `named_person` and `own_domain`; None without either."""
    person, domain = named_person(values, known), own_domain(values)
    return "|".join((*person, domain)).casefold() if person and domain else None


def stranger_asked(
    key_of: Callable[[Mapping[str, Any], Mapping[str, str]], str | None],
    values: Mapping[str, Any],
    known: Mapping[str, str],
) -> str | None:
    """The name or address in ``known`` that a provider's question is about; None for the lead's own."""
    key = key_of(values, known)
    if key == key_of(values, {}):
        return None
    for name in ("contact_email", "contact_person"):
        if name in known and key_of(values, {name: known[name]}) == key:
            return known[name]
    return None


def opted_out(
    key_of: Callable[[Mapping[str, Any], Mapping[str, str]], str | None], key: str, values: Mapping[str, Any]
) -> tuple[str, ...]:
    """Addresses and domains that a question's owner asked not to be processed under.

    A question about an address is about that address, one about a domain about all of it. One about the
    lead's own contact is about the lead's address, unless that is a function's: others read it, too.
    """
    if "@" in key or "|" not in key:
        return (key.casefold(),)
    email = values.get("email")
    own = key == key_of(values, {})
    return (email.casefold(),) if own and email and not is_role_mailbox(email) else ()


def _plain(name: str) -> str:
    """Without what parts a `person_key`: people write ``Smith | MBA``."""
    return " ".join(name.replace("|", " ").split())


def is_made_of(email: str, name: str) -> bool:
    """True for addresses made of a person's name: first, last, both, or an initial and the last name."""
    local = "".join(filter(str.isalpha, email.partition("@")[0])).casefold()
    parts = ["".join(filter(str.isalpha, part)).casefold() for part in name.split()]
    if len(parts) < 2 or not local:
        return False
    first, last = parts[0], parts[-1]
    return local in (first, last, first + last, last + first, first[:1] + last, first + last[:1])


def is_business_address(email: str) -> bool:
    """False for addresses at which anybody can have one: those are personal."""
    return "@" in email and not is_free_mail(email.rpartition("@")[2])
