"""From answers to a campaign: drafts are linted, and those with faults get one plainer try."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import TemplateError

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.drafts import Writer
from sales_agent_dagster.agents.marketing.lint import House, faults
from sales_agent_dagster.agents.marketing.state import Campaign, Desk, Draft, Drafts, Variant
from sales_agent_dagster.domain.profile import Channel, Profile
from sales_agent_dagster.inference.engine import Answer, NoAnswer, ScorecardEngine

VARIANTS: dict[Channel, tuple[Variant, ...]] = {"email": ("A", "B"), "linkedin": ("A",), "call": ("A",)}


@dataclass(frozen=True, slots=True)
class Tools:
    """What drafts of one profile are written and checked with; both remember what leads share."""

    writer: Writer
    house: House


_tools: dict[str, Tools] = {}


def tools_for(profile: Profile) -> Tools:
    """The tools of a profile, kept while the profile stays the same."""
    version = profile.version
    if version not in _tools:
        _tools.clear()
        _tools[version] = Tools(Writer(profile), House(profile))
    return _tools[version]


def review(
    desk: Desk,
    answers: Mapping[Channel, Answer[Drafts] | NoAnswer | None],
    tools: Tools,
) -> Campaign:
    """The campaign of one lead.

    Every draft of an answer is linted. One with faults is replaced: an engine's by the template's, that
    by the plainer template's. What still has faults is left out, and the campaign names them.
    """
    drafts: list[Draft] = []
    left_out: list[str] = []
    notes = list(desk.sheet.notes)
    for step in desk.plan.steps:
        good, faulty = _reviewed(step.channel, answers[step.channel], desk, tools)
        drafts += good
        for variant, (found, replaced) in faulty.items():
            text = f"{step.channel} {variant}: {', '.join(found)}"
            if replaced:
                notes.append(f"{text}; plainer wording used")
            else:
                left_out.append(text)
    given = tuple(answer for answer in answers.values() if isinstance(answer, Answer))
    notes += dict.fromkeys(answer.degraded_reason for answer in given if answer.degraded_reason)
    return Campaign(desk.lead, desk.plan, tuple(drafts), tuple(left_out), tuple(notes), given)


Faulty = dict[Variant, tuple[list[str], bool]]


def _reviewed(
    channel: Channel,
    answer: Answer[Drafts] | NoAnswer | None,
    desk: Desk,
    tools: Tools,
) -> tuple[list[Draft], Faulty]:
    good: dict[Variant, Draft] = {}
    found: dict[Variant, list[str]] = {}
    for attempt in _attempts(channel, answer, desk, tools.writer):
        missing = [variant for variant in VARIANTS[channel] if variant not in good]
        if not missing:
            break
        try:
            written = {draft.variant: draft for draft in attempt() if draft.channel == channel}
        except TemplateError as error:
            written, reason = {}, f"template: {error}"[:120]
        else:
            reason = "missing_draft"
        for variant in missing:
            draft = written.get(variant)
            wrong = faults(draft, desk.sheet, tools.house, desk.lead.domain) if draft else [reason]
            if draft and not wrong:
                good[variant] = draft
            else:
                found.setdefault(variant, wrong)
    return [good[variant] for variant in VARIANTS[channel] if variant in good], {
        variant: (wrong, variant in good) for variant, wrong in found.items()
    }


def _attempts(
    channel: Channel, answer: Answer[Drafts] | NoAnswer | None, desk: Desk, writer: Writer
) -> Iterator[Callable[[], list[Draft]]]:
    if isinstance(answer, Answer) and answer.engine != ScorecardEngine.name:
        yield lambda: [_signed(draft) for draft in answer.value.drafts]
        yield lambda: writer.write(desk, channel).drafts
    elif isinstance(answer, Answer):
        yield lambda: answer.value.drafts
    yield lambda: writer.write(desk, channel, plain=True).drafts


def _signed(draft: Draft) -> Draft:
    """An engine's own words carry the prompt's version in place of a template's."""
    return Draft(
        draft.channel, draft.variant, draft.subject, draft.body, draft.fact_ids, f"prompt-{PROMPT.version}"
    )
