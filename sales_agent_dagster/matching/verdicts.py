"""What an equal key means for two leads: the same company, a related one, or nothing.

The rules are precise before they are complete: what stays apart wrongly costs a second call, what is
merged wrongly loses a company.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sales_agent_dagster.domain.shared_hosts import is_role_mailbox
from sales_agent_dagster.matching.base import Key, Record
from sales_agent_dagster.matching.names import branchless, brand, clearly_different, same_name
from sales_agent_dagster.matching.places import place_conflict

BRANCH = "branch or franchise, not merged"


class Outcome(StrEnum):
    """What a key says about two leads."""

    MERGED = "merged"
    RELATED = "related"
    APART = "apart"


class Verdict(NamedTuple):
    """An outcome with its finding: words that follow the other lead's name; empty when merged."""

    outcome: Outcome
    finding: str = ""


_SAME = Verdict(Outcome.MERGED)


def judge(key: Key, record: Record, other: Record, *, crowded: bool) -> Verdict | None:
    """What it means that two leads share ``key``; None when it is not worth a word.

    ``crowded`` says that many differently named leads share the key, so that it identifies nobody.
    """
    if key.kind == "domain" or (key.kind == "email" and is_role_mailbox(key.value)):
        return _judge_site(record, other, crowded=crowded)
    if key.kind in ("phone", "email"):
        return _judge_contact(record, other, crowded=crowded)
    if key.kind == "name_place":
        return _judge_name_place(record, other)
    if key.kind == "name":
        return _judge_name(record, other)
    return _judge_brand(record, other)


def _judge_contact(record: Record, other: Record, *, crowded: bool) -> Verdict:
    """Phone or personal e-mail: one firm, unless names and websites both say otherwise."""
    if crowded:
        return Verdict(Outcome.APART, "but many firms share it: not merged")
    if _sites_differ(record, other) and clearly_different(record.company_name, other.company_name):
        return Verdict(Outcome.APART, "but names and websites differ: a shared one, not merged")
    return _SAME


def _judge_site(record: Record, other: Record, *, crowded: bool) -> Verdict:
    """Website: one firm, unless it is a chain with branches in different places."""
    if same_name(record.company_name, other.company_name):
        return _SAME
    if conflict := place_conflict(record, other):
        return Verdict(Outcome.RELATED, f"but another name and {conflict}: {BRANCH}")
    if crowded:
        return Verdict(Outcome.RELATED, f"but many differently named leads share it: {BRANCH}")
    return _SAME


def _judge_name_place(record: Record, other: Record) -> Verdict:
    if _sites_differ(record, other):
        return Verdict(Outcome.APART, "but websites differ: not merged")
    return _SAME


def _judge_name(record: Record, other: Record) -> Verdict:
    """A name alone never merges. What else is known of the two is told."""
    against = [place_conflict(record, other)]
    if _sites_differ(record, other):
        against.append(f"websites {record.site} and {other.site}")
    told = " and ".join(filter(None, against))
    if told:
        return Verdict(Outcome.APART, f"but {told}: not merged")
    return Verdict(Outcome.APART, "but no phone, website, e-mail or town confirms it: not merged")


def _judge_brand(record: Record, other: Record) -> Verdict | None:
    """Names that begin alike are one brand when a branch tail or both websites say so."""
    name, other_name = record.company_name, other.company_name
    if same_name(name, other_name):
        return None
    if branchless(name) == branchless(other_name) or (
        _site_begins_with_brand(record) and _site_begins_with_brand(other)
    ):
        return Verdict(Outcome.RELATED, f"under another branch name: {BRANCH}")
    return None


def _site_begins_with_brand(record: Record) -> bool:
    start = (brand(record.company_name) or "").replace(" ", "")
    return bool(record.site and start and record.site.replace("-", "").startswith(start))


def _sites_differ(record: Record, other: Record) -> bool:
    return bool(record.site and other.site and record.site != other.site)
