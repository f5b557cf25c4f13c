"""``sales-agent eval``: an engine on the golden leads, its figures stored and shown."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import LEAST_SHOWN_MS, gap, money, print_json, print_table, say
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.evaluation import EvaluationFigures, regressions
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.evaluation.golden import load_golden
from sales_agent_dagster.evaluation.recording import RecordedEngine, RecordingCalls, header_of
from sales_agent_dagster.evaluation.run import Evaluation, evaluate
from sales_agent_dagster.inference.build import build_engine
from sales_agent_dagster.inference.engine import SCORECARD, Engine
from sales_agent_dagster.matching.judged import LinkageFigures, judge, load_judged
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.evaluations import (
    StoredEvaluation,
    accept_evaluation,
    accepted_evaluation,
    call_figures,
    store_evaluation,
)

MISSES_SHOWN = 20


@dataclass(frozen=True)
class Request:
    """What is wanted: where answers come from and go to, and what happens to the figures."""

    replay: Path | None = None
    record: Path | None = None
    accept: bool = False
    as_json: bool = False


def run_evaluation(settings: Settings, request: Request) -> ExitCode:
    """Evaluate the settings' engine, or a recording; store, compare and print the figures.

    Returns:
        FAILED when a figure is worse than the accepted ones allow, and they are not accepted now.

    Raises:
        ConfigurationError: the golden leads, the profile, the recording or a setting is wrong.
        TransientError: the database is locked or does not answer.
    """
    profile, cases = load_profile(settings.profile_path), load_golden()
    evaluation_id = f"eval-{uuid4().hex[:12]}"
    with open_warehouse(settings) as warehouse:
        store = RecordingCalls(warehouse)
        engine: Engine = RecordedEngine(request.replay) if request.replay else build_engine(settings, store)
        try:
            scope = CallScope(evaluation_id, evaluation_id)
            evaluation = asyncio.run(evaluate(engine, profile, cases, scope))
        finally:
            engine.close()
        with warehouse.reading() as connection:
            figures = evaluation.figures(call_figures(connection, evaluation_id))
            accepted = accepted_evaluation(connection, engine.name, evaluation.golden_version)
        _store(warehouse, evaluation_id, evaluation, figures, request, engine)
    if request.record:
        store.write(request.record, header_of(engine.name, engine.version, settings.cerebras))
    worse = regressions(figures, accepted.figures) if accepted else {}
    linkage = judge(load_judged(), load_model(settings.linkage_model_path))
    if request.as_json:
        _print_document(evaluation_id, evaluation, figures, accepted, worse, linkage)
    else:
        _print_report(evaluation, figures, accepted, worse)
        _print_linkage(linkage)
        gap()
        if request.accept:
            say("Accepted: later evaluations of this engine are compared with these figures.")
        elif worse:
            say(f"Worse than accepted: {', '.join(_TOLD[name] for name in worse)}.")
        elif accepted is None:
            say(
                "No figures of this engine are accepted: --accept makes later evaluations compare with these."
            )
    return ExitCode.FAILED if worse and not request.accept else ExitCode.OK


def _store(
    warehouse: Warehouse,
    evaluation_id: str,
    evaluation: Evaluation,
    figures: EvaluationFigures,
    request: Request,
    engine: Engine,
) -> None:
    source = "recorded" if request.replay else "rules" if engine.name == SCORECARD else "live"
    run = {
        **asdict(evaluation.key),
        **asdict(figures),
        "evaluation_id": evaluation_id,
        "golden_version": evaluation.golden_version,
        "models": ", ".join(evaluation.models) or "none",
        "source": source,
        "confusion": evaluation.confusion(),
        "accepted": False,
        "created_at": datetime.now(UTC),
    }
    store_evaluation(warehouse, run, [result.row() for result in evaluation.results])
    if request.accept:
        accept_evaluation(warehouse, evaluation_id)


def _print_document(
    evaluation_id: str,
    evaluation: Evaluation,
    figures: EvaluationFigures,
    accepted: StoredEvaluation | None,
    worse: Mapping[str, tuple[float, float]],
    linkage: LinkageFigures,
) -> None:
    print_json(
        {
            "evaluation_id": evaluation_id,
            **asdict(evaluation.key),
            "golden_version": evaluation.golden_version,
            "models": evaluation.models,
            "figures": asdict(figures),
            "confusion": evaluation.confusion(),
            "accepted": asdict(accepted.figures) if accepted else None,
            "worse": sorted(worse),
            "linkage": {**asdict(linkage), "block_recall": linkage.block.share},
            "cases": [result.row() for result in evaluation.results],
        }
    )


_SHARES = (
    ("kendall_tau", "Kendall's tau-b, score to expected tier"),
    ("spearman", "Spearman's rho, the same"),
    ("tier_accuracy", "Tier is one of the right ones"),
    ("fact_precision", "Facts read that are right"),
    ("fact_recall", "Right facts that were read"),
    ("grounding_rate", "Claims of a model with valid evidence"),
    ("schema_failure_share", "Calls whose answer did not fit"),
    ("fallback_share", "Answers of a lesser engine"),
    ("replay_share", "Answers bought earlier"),
)


_TOLD = dict(_SHARES)


def _print_report(
    evaluation: Evaluation,
    figures: EvaluationFigures,
    accepted: StoredEvaluation | None,
    worse: Mapping[str, tuple[float, float]],
) -> None:
    key = evaluation.key
    say((f"{key.engine} {key.engine_version}", "bold"), f" on {figures.cases} golden leads")
    say(
        f"Answered by {', '.join(evaluation.models) or 'nobody'}; prompts {key.prompt_versions}, "
        f"golden leads {evaluation.golden_version}."
    )
    gap()
    rows = [
        (
            told,
            _figure(getattr(figures, name)),
            _figure(getattr(accepted.figures, name)) if accepted else "",
            "worse" if name in worse else "",
        )
        for name, told in _SHARES
    ]
    columns = ["Measure", "Now", "Accepted", ""] if accepted else ["Measure", "Now"]
    print_table(columns, [row[: len(columns)] for row in rows], right=["Now", "Accepted"])
    gap()
    say(f"Cost {money(figures.cost_usd)}; replayed answers had cost {money(figures.saved_usd)}.")
    if max(figures.qualification_p95_ms, figures.enrichment_p95_ms) >= LEAST_SHOWN_MS:
        say(
            "Latency p50 and p95: judged in "
            f"{figures.qualification_p50_ms:.3g} and {figures.qualification_p95_ms:.3g} ms, "
            f"read in {figures.enrichment_p50_ms:.3g} and {figures.enrichment_p95_ms:.3g} ms."
        )
    gap()
    _print_confusion(evaluation)
    _print_misses(evaluation)


def _print_linkage(linkage: LinkageFigures) -> None:
    gap()
    block = linkage.block
    say(("Linkage", "bold"), f" on {block.rows:,} leads with {block.true_pairs:,} pairs that are one company")
    rows = [
        ("Pairs that share a key (block recall)", block.share),
        ("Pairs linked: F1", linkage.f1),
        ("Pairs linked: precision", linkage.precision),
        ("Pairs linked: recall", linkage.recall),
        ("Merges without a person that are right", linkage.merge_precision),
        ("Leads that wait for a person", linkage.review_share),
    ]
    print_table(["Measure", "Now"], [(told, _figure(value)) for told, value in rows], right=["Now"])


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _print_confusion(evaluation: Evaluation) -> None:
    confusion = evaluation.confusion()
    given = [tier.value for tier in Tier]
    given += ["none"] if any("none" in row for row in confusion.values()) else []
    rows = [(expected, *(row.get(tier, 0) for tier in given)) for expected, row in confusion.items()]
    print_table(["Expected / given", *given], rows, right=given)


def _print_misses(evaluation: Evaluation) -> None:
    missed = [result for result in evaluation.results if not result.tier_right]
    if not missed:
        return
    gap()
    kinds = Counter(result.case.kind for result in missed)
    listed = ", ".join(f"{kind} {number}" for kind, number in kinds.items())
    say(f"{count(len(missed), 'lead')} with a wrong tier: {listed}.")
    rows = [
        (result.case.id, result.case.tiers[0], result.tier or "none", result.score, result.case.why)
        for result in missed[:MISSES_SHOWN]
    ]
    print_table(["Lead", "Expected", "Given", "Score", "Why"], rows, right=["Score"])
    if len(missed) > MISSES_SHOWN:
        say((f"{len(missed) - MISSES_SHOWN:,} more: --json has all.", "dim"))
