"""What becomes of a lookup that did not go as asked, and what an outcome says."""

from __future__ import annotations

from sales_agent_dagster.domain.lookups import CachedAnswer, LookupOutcome, Refusal, RefusalKind
from sales_agent_dagster.enrichment.answers import outcome_of
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found, NotFound, Outcome

_REFUSED = {
    RefusalKind.CAP: FailureKind.QUOTA,
    RefusalKind.IN_FLIGHT: FailureKind.HELD,
    RefusalKind.CUT_OFF: FailureKind.PERMANENT,
}


def not_granted(verdict: Refusal | CachedAnswer) -> Outcome:
    """What a lookup comes to that was not made."""
    if isinstance(verdict, Refusal):
        return Failed(_REFUSED[verdict.kind], verdict.reason, verdict.retry_after_s)
    return outcome_of(verdict)


def forbids(outcome: Outcome) -> bool:
    """True when the owner of what was asked about asked not to be processed."""
    return isinstance(outcome, Failed) and outcome.kind is FailureKind.SUPPRESSED


def leaves_open(found: Found) -> bool:
    """True for an answer beside which what was found before still stands."""
    return found.passing or not found.complete


def late() -> Failed:
    """No answer by the deadline."""
    return Failed(FailureKind.LATE, "no answer in time")


def ended(outcome: Outcome) -> LookupOutcome:
    """As the ledger has it."""
    if isinstance(outcome, Found):
        return LookupOutcome.FOUND
    if isinstance(outcome, NotFound):
        return LookupOutcome.NOT_FOUND
    return LookupOutcome.SUPPRESSED if outcome.kind is FailureKind.SUPPRESSED else LookupOutcome.FAILED


def raised(error: Exception, cost: float = 0.0) -> Failed:
    """What an unforeseen error comes to; its text may hold addresses, so its type must do."""
    return Failed(FailureKind.TRANSIENT, type(error).__name__, credits=cost)
