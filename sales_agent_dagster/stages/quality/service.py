"""Rules on how an agent served its leads: latency, lesser engines, quality of its answers."""

from __future__ import annotations

from dataclasses import asdict

from sales_agent_dagster.agents.evaluated import evaluation_key
from sales_agent_dagster.domain.evaluation import TOLERANCE, regressions
from sales_agent_dagster.settings import Sla
from sales_agent_dagster.stages.quality.base import CheckOutcome, Subject
from sales_agent_dagster.warehouse.evaluations import accepted_evaluation, latest_evaluation
from sales_agent_dagster.warehouse.latencies import AgentService, agent_service


def latency_sla(subject: Subject) -> CheckOutcome:
    """p50 and p95 of the leads' latency are within the agent's limits (``settings.sla``), milliseconds.

    Measured on the leads whose answers were bought when their row was computed; an answer from the ledger
    took no time now. Where no call was bought, as with the scorecard, all finished rows count.
    """
    agent = str(subject.agent)
    limits: Sla = getattr(subject.settings.sla, agent)
    service = agent_service(subject.connection, subject.table, subject.batch_id, agent)
    leads = service.leads
    measured = {"p50_ms": round(leads.p50_ms, 3), "p95_ms": round(leads.p95_ms, 3)}
    expected = {name: limit for name in measured if (limit := getattr(limits, name)) is not None}
    late = [name for name, limit in expected.items() if measured[name] > limit]
    told = f"p50 {leads.p50_ms:.1f} ms, p95 {leads.p95_ms:.1f} ms"
    description = f"{told} per lead."
    if late:
        description += (
            f" Over the limit: {', '.join(late)}. Use a faster engine, raise SALES_AGENT_SLA__"
            f"{agent.upper()}__{late[0].upper()}, or set SALES_AGENT_CHECKS__LATENCY_SLA=warn."
        )
    limits_told = ", ".join(f"{name[:3]} <= {limit:g} ms" for name, limit in expected.items())
    figures = {**measured, **_service_figures(service, limits)}
    return CheckOutcome(not late, description, {"expected": limits_told, "actual": told, **figures})


def _service_figures(service: AgentService, limits: Sla) -> dict[str, float | int | str]:
    figures: dict[str, float | int | str] = {
        "p99_ms": round(service.leads.p99_ms, 3),
        "leads_measured": len(service.measured),
        "measured_on": "bought answers" if service.bought else "rows",
        "cost_per_lead_usd": round(service.cost_per_lead_usd, 8),
        "fallback_share": round(service.fallback_share, 4),
        "replay_share": round(service.replay_share, 4),
    }
    limit = limits.p95_ms or limits.p50_ms
    if limit is not None:
        figures["share_over_sla"] = round(service.share_over(limit), 4)
    if service.calls is not None:
        figures |= {f"call_{name}": round(value, 3) for name, value in asdict(service.calls).items()}
    return figures


def fallback_share(subject: Subject) -> CheckOutcome:
    """At most ``settings.max_fallback_share`` of the finished leads were answered by a lesser engine.

    That is the next model or the rules, because the one asked was away, too slow, over budget or unusable;
    such rows are ``degraded`` and say why.
    """
    limit = subject.settings.max_fallback_share
    service = agent_service(subject.connection, subject.table, subject.batch_id, str(subject.agent))
    share = round(service.fallback_share, 4)
    description = f"{service.fallbacks} of {service.done} leads answered by a lesser engine."
    if share > limit:
        description += (
            " Their rows say why (status degraded). The limit is SALES_AGENT_MAX_FALLBACK_SHARE; "
            "sales-agent run --retry-degraded asks for them again."
        )
    metadata = {"expected": f"<= {limit:g}", "actual": share, "fallbacks": service.fallbacks}
    return CheckOutcome(share <= limit, description, metadata)


def answer_quality(subject: Subject) -> CheckOutcome:
    """The engine with its present prompts does as well on the golden leads as when it was last accepted.

    ``sales-agent eval`` measures, ``--accept`` accepts. Passes while nothing was accepted.
    """
    work = subject.work
    key = evaluation_key(work.engine, work.profile)
    accepted = accepted_evaluation(subject.connection, key.engine)
    if accepted is None:
        told = f"No figures of {key.engine} are accepted: sales-agent eval --accept."
        return CheckOutcome(True, told, {"expected": "none", "actual": "none"})
    then = asdict(accepted.figures)
    current = latest_evaluation(subject.connection, key, accepted.golden_version)
    if current is None:
        told = f"{key.engine} was not evaluated with its present prompts and scoring: sales-agent eval."
        return CheckOutcome(False, told, {"expected": then, "actual": "none"})
    worse = regressions(current.figures, accepted.figures)
    told = f"Evaluated {current.created_at:%Y-%m-%d}: as good as accepted."
    if worse:
        listed = (f"{name} {now:.3f}, accepted {before:.3f}" for name, (now, before) in worse.items())
        told = f"Worse than accepted: {'; '.join(listed)}."
    return CheckOutcome(
        not worse, told, {"expected": then, "actual": asdict(current.figures), "tolerance": TOLERANCE}
    )
