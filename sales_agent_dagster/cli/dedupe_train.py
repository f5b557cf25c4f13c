"""``sales-agent dedupe train``: weights from a file, or from the warehouse and people's answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sales_agent_dagster.cli.dedupe import WAREHOUSE, Steps, normalised
from sales_agent_dagster.cli.dedupe_files import LeadFile, read_leads, require_place
from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.terminal import say
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.matching.answers import Answered, AnswersReport, fit_answers
from sales_agent_dagster.matching.calibrate import MIN_LABELS
from sales_agent_dagster.matching.dedupe import LEARN_FROM, learn_from
from sales_agent_dagster.matching.model import LinkageModel, load_model
from sales_agent_dagster.matching.table import LeadTable


def train_model(source: str, out: Path, model_file: Path | None) -> ExitCode:
    """Learn weights and write them to ``out``.

    Args:
        source: a file, or ``warehouse``: its resolved leads, and what people answered about them.
        out: JSON file.
        model_file: weights that learning starts from; default: the shipped ones.

    Raises:
        ConfigurationError: the source cannot be used or is too small to learn from, or ``out`` cannot be
            written.
    """
    require_place(out, [] if source == WAREHOUSE else [Path(source)])
    if source == WAREHOUSE:
        return _train_on_warehouse(out, model_file)
    file = Path(source)
    with Steps() as step:
        step("reading")
        leads = read_leads(file)
        if len(leads) < LEARN_FROM:
            raise ConfigurationError(
                f"{file} has {count(len(leads), 'row')}: at least {LEARN_FROM:,} are needed to learn from. "
                "Use the shipped weights: leave out --model."
            )
        table = _normalised(leads, step)
        given = load_model(model_file, by_name=table.is_unplaced)
        model, report = learn_from(table, given, progress=step)
    _write_model(model, out)
    _tell_learnt(out, len(leads), report)
    return ExitCode.OK


def _train_on_warehouse(out: Path, model_file: Path | None) -> ExitCode:
    """Without labels where there are leads enough, then by people's answers where these are enough."""
    from sales_agent_dagster.cli.dedupe_warehouse import read_answers, read_warehouse

    report: Mapping[str, Any] | None = None
    fitted: AnswersReport | None = None
    with Steps() as step:
        step("reading")
        leads = read_warehouse()
        answered = read_answers(leads)
        _require_enough(len(leads), len(answered))
        table = _normalised(leads, step)
        model = load_model(model_file)
        if len(leads) >= LEARN_FROM:
            model, report = learn_from(table, model, progress=step)
        if len(answered) >= MIN_LABELS:
            step("fitting to answers")
            model, fitted = fit_answers(table, model, answered)
    _write_model(model, out)
    if report is not None:
        _tell_learnt(out, len(leads), report)
    _tell_fitted(out, answered, fitted)
    say(f"Use it for all decisions: SALES_AGENT_LINKAGE_MODEL_PATH={out}")
    return ExitCode.OK


def _require_enough(leads: int, answers: int) -> None:
    if leads < LEARN_FROM and answers < MIN_LABELS:
        raise ConfigurationError(
            f"The warehouse has {count(leads, 'resolved lead')} and {count(answers, 'answer')} of people: at "
            f"least {LEARN_FROM:,} leads or {MIN_LABELS} answers are needed to learn from. Answer more "
            "questions with `sales-agent review`, or keep the shipped weights."
        )


def _normalised(leads: LeadFile, step: Any) -> LeadTable:
    step("normalising")
    return normalised(leads)


def _write_model(model: LinkageModel, out: Path) -> None:
    try:
        out.write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error.strerror or error}.") from None


def _tell_learnt(out: Path, rows: int, report: Mapping[str, Any]) -> None:
    if not report["used"]:
        say(f"{out}: the given weights, as they are. So many of the {rows:,} rows are namesakes that it is "
            "strangers that they would teach.")  # fmt: skip
        return
    state = "converged" if report["converged"] else "NOT converged"
    say(f"{out}: {state} after {count(report['iterations'], 'iteration')}; "
        f"about {report['matches']:,.0f} matching pairs among {rows:,} rows.")  # fmt: skip
    if report["untrained"]:
        say(f"Kept from the given weights, seen too rarely: {', '.join(report['untrained'])}.")


def _tell_fitted(out: Path, answered: Answered, fitted: AnswersReport | None) -> None:
    if fitted is None:
        say(
            f"Answers of people: {len(answered):,}. From {MIN_LABELS} on the weights are fitted to them as "
            "well: sales-agent review."
        )
        return
    told = (
        f"{fitted.right_before:.1%} told right before and {fitted.right_after:.1%} by weights fitted without "
        f"the answer (log loss {fitted.loss_before:.3f} and {fitted.loss_after:.3f} bits)"
    )
    if fitted.used:
        say(f"{out}: fitted to {fitted.answers:,} answers of people: {told}.")
    else:
        say(f"{out}: not fitted to the {fitted.answers:,} answers of people, it does not pay: {told}.")
