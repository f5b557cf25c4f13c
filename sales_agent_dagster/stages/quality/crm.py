"""Rules on the sync with the CRM. Where nothing was written to one, they have nothing to say."""

from __future__ import annotations

from typing import Any

from sales_agent_dagster.stages.crm.batch import configured, still_due
from sales_agent_dagster.stages.crm.recording import card_of
from sales_agent_dagster.stages.quality.base import LISTED, CheckOutcome, Subject

MAX_REJECT_RATE = 0.05
NOTHING = "Nothing was written to a CRM."


def crm_reject_rate(subject: Subject) -> CheckOutcome:
    """The CRM refused at most 5 % of the operations that were sent to it."""
    card = _live_card(subject)
    sent = card["created"] + card["updated"] + card["rejected"] if card else 0
    share = card["rejected"] / sent if card and sent else 0.0
    told = (
        f"{card['rejected']} of {sent} operations were refused: sales-agent crm status." if card else NOTHING
    )
    return CheckOutcome(
        share <= MAX_REJECT_RATE, told, {"expected": f"<= {MAX_REJECT_RATE:.0%}", "actual": round(share, 4)}
    )


def crm_unknown(subject: Subject) -> CheckOutcome:
    """No operation is left whose answer was lost and could not be read back."""
    card = _live_card(subject)
    left = card["still_unknown"] if card else 0
    told = f"{left} operations have no known outcome yet: the next sync reads them back." if card else NOTHING
    return CheckOutcome(left == 0, told, {"expected": 0, "actual": left})


def crm_second_plan(subject: Subject) -> CheckOutcome:
    """After a live sync nothing of the batch is left to send: a second plan is empty."""
    card = _live_card(subject)
    left = still_due(subject.work) if card else []
    told = f"{len(left)} operations are still due. {card['stopped'] or ''}".strip() if card else NOTHING
    return CheckOutcome(not left, told, {"expected": 0, "actual": len(left), "due": left[:LISTED]})


def crm_suppression(subject: Subject) -> CheckOutcome:
    """Nothing was sent to or about anybody who was suppressed by then."""
    card = _live_card(subject)
    found = card["suppression_breaches"] if card else 0
    told = f"{found} operations were sent although somebody was suppressed." if card else NOTHING
    return CheckOutcome(found == 0, told, {"expected": 0, "actual": found})


def _live_card(subject: Subject) -> dict[str, Any] | None:
    """The report card of the run's live sync."""
    card = card_of(subject.connection, subject.work.run_id) if configured(subject.work) else None
    return card if card and card["mode"] == "live" else None
