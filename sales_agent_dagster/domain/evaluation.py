"""Figures of one evaluation of an engine on the golden leads, and what counts as worse."""

from __future__ import annotations

from dataclasses import dataclass

HIGHER_IS_BETTER = (
    "kendall_tau",
    "spearman",
    "tier_accuracy",
    "fact_precision",
    "fact_recall",
    "grounding_rate",
)
LOWER_IS_BETTER = ("schema_failure_share", "fallback_share")
TOLERANCE = 0.03
"""How much worse a share or a correlation may be: four of 129 leads, about what chance moves."""


@dataclass(frozen=True, slots=True)
class EvaluationKey:
    """What an evaluation on given leads is of: figures of equal keys differ by chance only.

    Attributes:
        engine_version: with the engine's name, as on the rows that it writes.
        prompt_versions: of the qualification and the enrichment prompt, with a space between.
        scheme_version: hash of the profile's scoring scheme.
    """

    engine: str
    engine_version: str
    prompt_versions: str
    scheme_version: str


@dataclass(frozen=True, slots=True)
class EvaluationFigures:
    """Shares are 0-1, correlations -1 to 1; None where there is nothing to take a share of.

    Attributes:
        kendall_tau: tau-b between score and expected tier; spearman: rank correlation of the same.
        tier_accuracy: share of leads whose tier is one of the right ones.
        fact_precision: share of the facts read from words that is right; fact_recall: of the right facts
            that was read.
        grounding_rate: share of a model's claims that has valid evidence: a known fact id, or a quote that is
            in the text. Claims without are dropped before they reach a row.
        schema_failure_share: share of calls whose answer did not fit the schema, also after its repair turn.
        fallback_share: share of answers that a lesser engine gave.
        replay_share: share of answers that were bought earlier.
        cost_usd: what this evaluation cost; saved_usd: what its replayed answers had cost.
        *_p50_ms, *_p95_ms: latency per lead of the calls that answered, when they were bought.
    """

    cases: int
    kendall_tau: float
    spearman: float
    tier_accuracy: float
    fact_precision: float | None
    fact_recall: float | None
    grounding_rate: float | None
    schema_failure_share: float
    fallback_share: float
    replay_share: float
    cost_usd: float
    saved_usd: float
    qualification_p50_ms: float
    qualification_p95_ms: float
    enrichment_p50_ms: float
    enrichment_p95_ms: float


def regressions(
    current: EvaluationFigures, accepted: EvaluationFigures, tolerance: float = TOLERANCE
) -> dict[str, tuple[float, float]]:
    """Figures that are worse than accepted by more than ``tolerance``: name to (current, accepted).

    A figure that either evaluation does not have is not compared.
    """
    worse = {}
    for name in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER):
        now, then = getattr(current, name), getattr(accepted, name)
        if now is None or then is None:
            continue
        loss = then - now if name in HIGHER_IS_BETTER else now - then
        if loss > tolerance + 1e-9:
            worse[name] = (now, then)
    return worse
