"""Web addresses: normal form, host, registrable domain; LinkedIn pages."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from sales_agent_dagster.domain.values.text import is_missing

MAX_URL = 2000

_HOST = r"(?:[a-z0-9]+(?:-+[a-z0-9]+)*\.)+[a-z]{2,24}"
_CLEAN = re.compile(rf"(https?)://(www\.)?({_HOST})(/[^\s?#]*)?")
_ASCII_HOST = re.compile(r"(?:[a-z0-9_]+(?:-+[a-z0-9_]+)*\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]+)")
_SCHEME = re.compile(r"(?:(https?)\s*(?::\s*/*|/+)\s*)+", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)
_SEVERAL = re.compile(r"[\s,;|]+(?=\S)")
_TRACKING = re.compile(
    r"(?:utm_[a-z]+|gclid|gbraid|wbraid|fbclid|msclkid|mc_cid|mc_eid|yclid|_hs\w+)=[^&]*", re.I
)
_LINKEDIN = re.compile(
    r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/+(company|in|school|showcase|pub)/+([^/?#\s]+)",
    re.IGNORECASE,
)

# Top-level domains under which the public suffix list has no second level that is not itself registrable
# (its ICANN section lists them alone), so the last two labels are the registrable domain. So too under
# "example", which RFC 2606 reserves and made-up firms therefore use.
FLAT_TLDS = frozenset(
    {"com", "net", "org", "biz", "info", "solar", "energy", "green", "services", "site", "example"}
)


class Website(NamedTuple):
    """A web address; all None when the cell holds none.

    Attributes:
        url: scheme, host, path and query; no user, fragment, default port or tracking parameters.
        host: lower case, without ``www.`` and port; international names in their ASCII form.
        domain: the registrable domain by the public suffix list.
    """

    url: str | None = None
    host: str | None = None
    domain: str | None = None
    repairs: tuple[str, ...] = ()


_NOTHING = Website()
_INVALID = Website(repairs=("website_invalid",))


def read_website(text: str) -> Website:
    """A website cell, with or without scheme; the first of several; ``website_invalid`` when it is none."""
    match = _CLEAN.fullmatch(text)
    if match and len(text) < 250:
        scheme, www, host, path = match.groups()
        domain = registrable_domain(host)
        if domain:
            return Website(text if path else f"{scheme}://{www or ''}{host}/", host, domain)
    if is_missing(text):
        return _NOTHING
    return _repaired(text[:MAX_URL])


def _repaired(text: str) -> Website:
    first = _SEVERAL.split(text.strip(" \t\n<>()[]\"'`.,;"))[0].rstrip(".,;")
    if _OTHER_SCHEME.match(first):
        return _INVALID
    scheme_match = _SCHEME.match(first)
    scheme = scheme_match[1].lower() if scheme_match else "https"
    rest = (first[scheme_match.end() :] if scheme_match else first).lstrip("/")
    authority, path = _cut(rest)
    name, _, port = authority.rpartition("@")[2].partition(":")
    host = _ascii_host(name)
    bare = host_without_www(host) if host else ""
    domain = registrable_domain(bare) if bare else None
    if "@" in authority or not host or not domain or not (port == "" or port.isdigit()):
        return _INVALID
    suffix = f":{int(port)}" if port and int(port) not in (80, 443) else ""
    url = f"{scheme}://{host}{suffix}{_clean_path(path)}"
    return Website(url, bare, domain, () if url in (text, text + "/") else ("website_cleaned",))


def _cut(rest: str) -> tuple[str, str]:
    """Authority, and everything from the first ``/``, ``?`` or ``#``."""
    end = re.search(r"[/?#\\]", rest)
    return (rest[: end.start()], rest[end.start() :]) if end else (rest, "")


def _clean_path(path: str) -> str:
    path, _, query = path.replace("\\", "/").partition("#")[0].partition("?")
    kept = "&".join(part for part in query.split("&") if part and not _TRACKING.fullmatch(part))
    return (path or "/") + (f"?{kept}" if kept else "")


def _ascii_host(name: str) -> str | None:
    host = name.strip(" .").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    if len(host) > 253 or any(len(label) > 63 for label in host.split(".")):
        return None
    return host if _ASCII_HOST.fullmatch(host) else None


def host_without_www(host: str) -> str:
    """The host without leading ``www.``, unless that is the name itself (``www.com``)."""
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    return host


def registrable_domain(host: str) -> str | None:
    """Registrable domain of a lower-case host, ``shop.acme.co.uk`` to ``acme.co.uk``.

    None for a bare public suffix and for a top-level domain that does not exist.
    """
    labels = host.split(".")
    if labels[-1] in FLAT_TLDS and len(host) < 64:
        return host if len(labels) == 2 else ".".join(labels[-2:]) if len(labels) > 2 else None
    return _listed_domain(host)


@lru_cache(maxsize=16384)
def _listed_domain(host: str) -> str | None:
    return _extractor()(host).top_domain_under_public_suffix or None


@lru_cache(maxsize=1)
def _extractor() -> Any:
    import tldextract  # reads its list on first use

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def is_linkedin(text: str) -> bool:
    """True when the text is an address on LinkedIn."""
    return "linkedin.com" in text.casefold()


def read_linkedin(text: str) -> str | None:
    """``https://www.linkedin.com/company/acme`` from any form of a company's or person's page; else None."""
    match = _LINKEDIN.search(text[:MAX_URL])
    if not match or is_missing(text):
        return None
    return f"https://www.linkedin.com/{match[1].lower()}/{match[2].lower()}"
