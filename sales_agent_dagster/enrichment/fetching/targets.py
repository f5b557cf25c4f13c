"""Reading a URL once, strictly, into the parts that are then checked, resolved and sent.

Programs that parse a URL twice can be told apart by crafted ones: the check sees one host and the request
goes to another. Here the parts that come out are the only ones used. What is unusual is refused, not guessed.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urljoin

import idna

from sales_agent_dagster.enrichment.fetching.addresses import PORTS, AllowList, read_literal
from sales_agent_dagster.enrichment.fetching.failures import Reason, SiteFailed

MAX_URL = 2000

_LINKEDIN = "linkedin.com"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile("[\\x00-\\x20\\x7f-\\x9f\\\\\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufff9-\uffff]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_SAFE = "/?:@!$&'()*+,;=-._~%[]|"
"""Characters of a path or query that stay; the rest is percent-encoded."""


class Target(NamedTuple):
    """One thing to fetch.

    Attributes:
        scheme: ``http`` or ``https``.
        host: lower-case ASCII name without final dot, or an address in standard form.
        path: with query, percent-encoded; starts with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host, and port unless it is the scheme's own: what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """``https://example.com``."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole address; reading it gives the same target."""
        return self.origin + self.path


def read_target(url: str, allowed: AllowList) -> Target:
    """The target that a URL names.

    Raises:
        SiteFailed: with `Reason.FORBIDDEN`: not http or https, user or password inside, a port other than 80
            and 443 that nothing allows, an address in other than standard notation, no valid host, characters
            that parsers disagree about, longer than `MAX_URL`, or a page of LinkedIn.
    """
    match = _URL.fullmatch(url) if len(url) <= MAX_URL and not _UNSEEN.search(url) else None
    if match is None:
        raise SiteFailed(Reason.FORBIDDEN, "not a plain http or https address")
    scheme, authority, path = match[1].lower(), match[2], match[3]
    host, port = _split(authority)
    if host == _LINKEDIN or host.endswith(f".{_LINKEDIN}"):
        raise SiteFailed(Reason.FORBIDDEN, "LinkedIn's terms forbid fetching its pages")
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    if number not in PORTS and not allowed.names_port(number):
        raise SiteFailed(Reason.FORBIDDEN, f"port {number}")
    encoded = quote(path, safe=_SAFE)
    return Target(scheme, host, number, encoded if encoded.startswith("/") else f"/{encoded}")


def join(base: Target, reference: str, allowed: AllowList) -> Target:
    """The target of a link or redirect on the page ``base``; raises as `read_target`."""
    if len(reference) > MAX_URL or _UNSEEN.search(reference):
        raise SiteFailed(Reason.FORBIDDEN, "not a plain http or https address")
    try:
        return read_target(urljoin(base.url, reference), allowed)
    except ValueError:  # urljoin's, of brackets that hold no address
        raise SiteFailed(Reason.FORBIDDEN, "not a plain http or https address") from None


def _split(authority: str) -> tuple[str, str]:
    """Host and port of an authority, both checked."""
    if "@" in authority:
        raise SiteFailed(Reason.FORBIDDEN, "user name in the address")
    name, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = authority, ""
    if port and not (port.isascii() and port.isdecimal() and len(port) <= 5):
        raise SiteFailed(Reason.FORBIDDEN, "no valid port")
    if name.startswith("[") and name.endswith("]"):
        address = read_literal(name[1:-1])
        if address is None or address.version != 6 or "%" in name:
            raise SiteFailed(Reason.FORBIDDEN, "no valid host")
        return str(address), port
    return _host(name), port


def _host(name: str) -> str:
    host = _ascii(name.removesuffix("."))
    labels = host.split(".")
    # An address in any notation ends in a number (WHATWG URL, "ends in a number checker"), a name never does.
    if _NUMBER.fullmatch(labels[-1]):
        address = read_literal(host)
        if address is None or name != host:
            raise SiteFailed(Reason.FORBIDDEN, "address in an unusual notation")
        return str(address)
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise SiteFailed(Reason.FORBIDDEN, "no valid host")
    return host


def _ascii(name: str) -> str:
    """International names as they are looked up; compatibility forms such as full-width digits dissolved."""
    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise SiteFailed(Reason.FORBIDDEN, "no valid host") from None
