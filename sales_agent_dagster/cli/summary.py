"""The summary of a file's run: a few lines that say what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from rich.text import Text

from sales_agent_dagster.cli.figures import Figures
from sales_agent_dagster.cli.terminal import bar, gap, money, print_table, say
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.domain.tiers import Tier

_TIER_STYLES = {
    Tier.PLATINUM: "bright_white",
    Tier.GOLD: "yellow",
    Tier.SILVER: "cyan",
    Tier.BRONZE: "red",
    Tier.UNQUALIFIED: "dim",
}


def print_summary(figures: Figures, wall_seconds: float, sent_to: str | None) -> None:
    """What each stage came to, the tiers, the plan for the CRM and whether it was sent, cost and time."""
    rejected = f", {figures.rejected:,} rejected: sales-agent status" if figures.rejected else ""
    rows = count(figures.imported + figures.rejected, "row")
    companies = count(figures.companies, "company", "companies")
    plan = ", ".join(f"{figures.crm[name]:,} {name}" for name in ("create", "update", "unchanged", "skip"))
    lines = {
        "Imported": f"{count(figures.imported, 'lead')} of {rows}{rejected}",
        "Resolved": f"{companies}, {count(figures.duplicates, 'duplicate')}",
        "Qualified": f"{figures.done('qualified_leads'):,} scored",
        "Enriched": f"{figures.done('enriched_leads'):,}",
        "Analyzed": f"{figures.done('analyzed_leads'):,}",
        "Campaigns": f"{figures.done('campaigns'):,}, with {count(figures.messages, 'draft')}",
        "CRM plan": f"{plan}  ({_sent(sent_to)})",
        "Degraded": _stages(figures, Status.DEGRADED),
        "": _remedy(figures.degraded_reason),
        "Failed": _stages(figures, Status.FAILED),
        "Cost": f"{money(figures.cost_usd)} in {wall_seconds:.1f} s",
    }
    for name, text in lines.items():
        if text:
            say((f"{name:<11}", "bold"), text, indent=2, hang=11)
    print_tiers(figures)


def _stages(figures: Figures, status: Status) -> str:
    return ", ".join(f"{leads:,} in {stage}" for stage, leads in figures.stages_with(status).items())


def _remedy(reason: str | None) -> str:
    return f"most often: {reason}; run with --retry-degraded to try these again" if reason else ""


def _sent(sent_to: str | None) -> str:
    if sent_to is not None:
        return f"sent to {sent_to}: sales-agent crm status"
    return "dry run: nothing is sent"


def print_tiers(figures: Figures) -> None:
    """The tiers as a small bar table."""
    most = max(figures.tiers.values(), default=0)
    if not most:
        return
    rows = [
        (
            Text(tier.value, _TIER_STYLES[tier]),
            figures.tiers[tier.value],
            Text(bar(figures.tiers[tier.value] / most), _TIER_STYLES[tier]),
        )
        for tier in Tier
    ]
    gap()
    print_table(["Tier", "Leads", ""], rows, right=["Leads"])


def print_examples(leads: Iterable[sa.Row[Any]]) -> None:
    """Leads of ``best_leads``, each with its score and the reason."""
    for row in leads:
        gap()
        title = ((f"{row.score:>5.1f} {row.tier:<9}", "bold"), f" {row.company_name}  ", (row.lead_id, "dim"))
        say(*title, hang=6)
        say(row.summary or "", indent=6)
