"""``sales-agent review``: a person decides which leads are one company; ``unmerge`` undoes a merge."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import gap, print_table, say
from sales_agent_dagster.cli.waterfall import print_waterfall
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.identity.answers import Effect, answer_review, unmerge
from sales_agent_dagster.stages.identity.companies import FIELDS
from sales_agent_dagster.stages.identity.queue import Question, open_count, open_questions
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_batches, lead_files

LISTED = 100
RUN_ID = "command line"
"""Stands as ``run_id`` in rows that an answer changed: no Dagster run did."""


class _Key(Enum):
    """What a person may press."""

    ACCEPT = "a"
    REJECT = "r"
    SKIP = "s"
    QUIT = "q"


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers given as arguments: ids of reviews."""

    accepted: Sequence[str] = ()
    rejected: Sequence[str] = ()


def run_review(settings: Settings, answers: Answers, *, list_only: bool) -> ExitCode:
    """Store the answers given; without any, list the queue or ask question by question on a terminal.

    Raises:
        UnknownRecord: an id that is not in the queue; answers before it are stored.
    """
    given = [(review_id, True) for review_id in answers.accepted]
    given += [(review_id, False) for review_id in answers.rejected]
    with open_warehouse(settings) as warehouse:
        if not given and (list_only or not sys.stdin.isatty()):
            _print_queue(warehouse)
            return ExitCode.OK
        context = _context(settings, warehouse)
        if given:
            effects = [answer_review(context, review_id, same=same) for review_id, same in given]
        else:
            effects = _ask(context)
        _print_effects(warehouse, effects)
    return ExitCode.OK


def run_unmerge(settings: Settings, lead_id: str) -> ExitCode:
    """Take a lead out of its company.

    Raises:
        UnknownRecord: no such lead.
        PermanentError: it is the first of its company.
    """
    with open_warehouse(settings) as warehouse:
        _print_effects(warehouse, [unmerge(_context(settings, warehouse), lead_id)])
    return ExitCode.OK


def _context(settings: Settings, warehouse: Warehouse) -> StageContext:
    profile = load_profile(settings.profile_path)
    return StageContext(warehouse, settings, profile, ScorecardEngine(), batch_id="", run_id=RUN_ID)


def _print_queue(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        questions, total = open_questions(connection, LISTED), open_count(connection)
    if not total:
        say("Nothing to review.")
        return
    rows = [
        (
            question.review["review_id"],
            f"{question.review['bits']:+.1f}",
            _named(question.lead),
            _named(question.other),
            question.review["reason"],
        )
        for question in questions
    ]
    print_table(["Review", "Bits", "Lead", "Same company as?", "Why"], rows, right=["Bits"])
    shown = f", {len(questions)} shown" if total > len(questions) else ""
    told = f"{count(total, 'open review')}{shown}."
    say(f"{told} `sales-agent review` asks; --accept ID and --reject ID answer.")


def _named(lead: Any) -> str:
    place = ", ".join(filter(None, (lead["city"], lead["state"])))
    return f"{lead['company_name']}{f' ({place})' if place else ''} {lead['lead_id']}"


def _ask(context: StageContext) -> list[Effect]:
    """Ask until the queue is done, its end is reached by skipping, or the person has enough."""
    effects: list[Effect] = []
    skipped: set[str] = set()
    while True:
        with context.warehouse.reading() as connection:
            found = open_questions(connection, LISTED + len(skipped))
        question = next((item for item in found if item.review["review_id"] not in skipped), None)
        if question is None:
            say("Nothing more to review." if effects or skipped else "Nothing to review.")
            return effects
        _print_question(question)
        key = _read_key()
        if key is _Key.QUIT:
            return effects
        if key is _Key.SKIP:
            skipped.add(question.review["review_id"])
        else:
            same = key is _Key.ACCEPT
            effects.append(answer_review(context, question.review["review_id"], same=same))


def _print_question(question: Question) -> None:
    gap()
    review = question.review
    say((f"Review {review['review_id']}", "bold"), f": are these one company? {review['bits']:+.1f} bits.")
    rows = [
        (name, question.lead[name], question.other[name])
        for name in ("lead_id", *FIELDS)
        if question.lead[name] or question.other[name]
    ]
    print_table(["", "Lead", "Other lead"], rows)
    print_waterfall(review["explanation"])
    gap()


def _read_key() -> _Key:
    while True:
        say("[a]ccept: one company   [r]eject: different   [s]kip   [q]uit")
        line = sys.stdin.readline()
        if not line:
            return _Key.QUIT
        try:
            return _Key(line.strip().lower()[:1])
        except ValueError:
            continue


def _print_effects(warehouse: Warehouse, effects: Sequence[Effect]) -> None:
    for effect in effects:
        row = effect.row
        say(f"{effect.lead_id}: {row['decision']}, company {row['entity_id']}. {row['reason'] or ''}")
    batch_ids = {batch_id for effect in effects for batch_id in effect.batch_ids}
    if not batch_ids:
        return
    with warehouse.reading() as connection:
        query = (
            sa.select(lead_files.c.file_name)
            .join(lead_batches, lead_batches.c.file_id == lead_files.c.file_id)
            .where(lead_batches.c.batch_id.in_(batch_ids))
            .distinct()
            .order_by(lead_files.c.file_name)
        )
        names = list(connection.scalars(query))
    say(f"Scores, drafts and CRM plans of these files are outdated, run them again: {', '.join(names)}.")
