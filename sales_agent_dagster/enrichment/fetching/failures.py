"""Why a page was not fetched: what the site is to blame for, and what we are."""

from __future__ import annotations

from enum import StrEnum

from sales_agent_dagster.domain.errors import PermanentError, TransientError


class Reason(StrEnum):
    """What is wrong with a site or with one of its pages."""

    FORBIDDEN = "forbidden"  # an address that is not public or not plain: we do not go there
    ROBOTS = "robots"  # its robots.txt does not want us
    ROBOTS_UNKNOWN = "robots unknown"  # its robots.txt cannot be read for now, which is a no (RFC 9309)
    UNKNOWN_HOST = "unknown host"  # the name does not exist
    UNREACHABLE = "unreachable"  # refused, reset or cut off
    TLS = "tls"  # no valid certificate
    TIMEOUT = "timeout"  # silent for the whole time that a page may take
    PROTOCOL = "protocol"  # what it says is not HTTP, or its headers have no end
    REDIRECTS = "redirects"  # too many, or to nowhere
    NOT_TEXT = "not text"  # something other than HTML or plain text
    TOO_LARGE = "too large"  # a decompression bomb


class SiteFailed(PermanentError):
    """The site's own failure: a fact about it.

    Args:
        reason: which kind.
        detail: for a person; names no address inside a network.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class OwnNetworkFailed(TransientError):
    """Our network, our resolver or our machine failed: says nothing about the site."""


class DeadlinePassed(TransientError):
    """The caller's time is over: says nothing about the site."""
