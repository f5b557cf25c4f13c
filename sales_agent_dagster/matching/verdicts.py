"""What an equal key means for two leads: the same company, a related one, or nothing.

The rules are precise before they are complete: what stays apart wrongly costs a second call, what is
merged wrongly loses a company.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sales_agent_dagster.domain.name_core import name_aliases
from sales_agent_dagster.domain.shared_hosts import is_role_mailbox
from sales_agent_dagster.matching.base import Key, Record
from sales_agent_dagster.matching.names import clearly_different, same_name
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
_BRANCH_NAME = Verdict(Outcome.RELATED, f"but another place in the name: {BRANCH}")


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
    return None if same_name(record.company_name, other.company_name) else _BRANCH_NAME


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
    if not set(name_aliases(record.company_name)) & set(name_aliases(other.company_name)):
        return _BRANCH_NAME  # they share the name only without its branch tail
    against = [place_conflict(record, other)]
    if _sites_differ(record, other):
        against.append(f"websites {record.site} and {other.site}")
    told = " and ".join(filter(None, against))
    if told:
        return Verdict(Outcome.APART, f"but {told}: not merged")
    return Verdict(Outcome.APART, "but no phone, website, e-mail or town confirms it: not merged")


def _sites_differ(record: Record, other: Record) -> bool:
    return bool(record.site and other.site and record.site != other.site)
