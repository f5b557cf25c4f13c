"""From answers to a campaign: an engine's words are read for faults, revised once, and else replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import TemplateError

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.angles import PLAIN
from sales_agent_dagster.agents.marketing.drafts import Frames, note_limit
from sales_agent_dagster.agents.marketing.lint import House, faults
from sales_agent_dagster.agents.marketing.sketches import Drafter, Letters, Linted
from sales_agent_dagster.agents.marketing.state import (
    Answered,
    Campaign,
    Desk,
    Draft,
    Variant,
    Words,
    Written,
)
from sales_agent_dagster.agents.marketing.words import FORMATS, cited_by, words_of
from sales_agent_dagster.domain.profile import Channel, Profile
from sales_agent_dagster.inference.engine import SCORECARD, SCORECARD_VERSION, Answer

EMPTY = "empty"
MISSING = "no answer"


@dataclass(frozen=True, slots=True)
class Tools:
    """What drafts of one profile are written and checked with; all remember what leads share."""

    frames: Frames
    drafter: Drafter
    house: House


_tools: dict[str, Tools] = {}


def tools_for(profile: Profile) -> Tools:
    """The tools of a profile, kept while the profile stays the same."""
    version = profile.version
    if version not in _tools:
        frames, house = Frames(profile), House(profile)
        _tools.clear()
        _tools[version] = Tools(frames, Drafter(profile, frames, house), house)
    return _tools[version]


def drafts_of(answer: Answered | None, channel: Channel, desk: Desk, tools: Tools) -> Iterator[Linted]:
    """The drafts that an engine's words make, each with its faults; none for an answer by rules.

    Citations of facts that there are none of are left out here and counted by ``dropped_citations``.
    """
    if not isinstance(answer, Answer) or answer.engine == SCORECARD:
        return
    angles = PLAIN if FORMATS[channel].public else desk.angles
    for words, angle in zip(words_of(answer.value), angles, strict=False):
        body = tools.frames.filled(channel, channel, words, desk.sheet, angle)
        if channel == "linkedin" and len(body) > note_limit(tools.frames.profile):
            body = tools.frames.filled(channel, channel, words, desk.sheet, angle, short=True)
        draft = _draft(channel, words, body, desk)
        found = [EMPTY] if _is_empty(words) else faults(draft, desk.sheet, tools.house)
        yield Linted(draft, tuple(found))


def faults_of_answers(
    desk: Desk, answers: Mapping[Channel, Answered | None], tools: Tools
) -> dict[Channel, tuple[str, ...]]:
    """Per channel, the faults of an engine's words, for channels that have some."""
    found: dict[Channel, tuple[str, ...]] = {}
    for channel, answer in answers.items():
        wrong = [
            f"{linted.draft.variant.lower()}: {fault}" if channel == "email" else fault
            for linted in drafts_of(answer, channel, desk, tools)
            for fault in linted.faults
        ]
        if wrong:
            found[channel] = tuple(wrong)
    return found


def review(
    desk: Desk,
    answers: Mapping[Channel, Answered | None],
    revised: Mapping[Channel, Answered],
    tools: Tools,
) -> Campaign:
    """The campaign of one lead.

    Of each variant the first draft without fault is kept: the engine's, its revision, the template's, the
    plain template's. What has none is left out, and the campaign names its faults.
    """
    drafts: list[Draft] = []
    left_out: list[str] = []
    notes = list(desk.sheet.notes)
    letters = tools.drafter.letters(desk)
    by_rules = {channel for channel, answer in answers.items() if _by_rules(answer)}
    for step in desk.plan.steps:
        channel = step.channel
        if channel in by_rules and (written := _faultless(letters, channel)):
            drafts += written
            continue
        tries = _tries(channel, answers[channel], revised.get(channel), letters, tools)
        good, faulty = _first_good(channel, tries)
        drafts += good
        for variant, (found, replaced) in faulty.items():
            text = f"{channel} {variant}: {', '.join(found)}"
            if replaced:
                notes.append(f"{text}; {replaced}")
            else:
                left_out.append(text)
    given = [answers[step.channel] for step in desk.plan.steps]
    return _campaign(desk, drafts, left_out, notes, given, revised)


def _by_rules(answer: Answered | None) -> bool:
    return isinstance(answer, Answer) and answer.engine == SCORECARD


def _faultless(letters: Letters, channel: Channel) -> list[Draft]:
    """The template's drafts when none has a fault, as is nearly always the case; else none."""
    try:
        written = list(letters.write(channel))
    except TemplateError:
        return []
    return [] if any(found for _, found in written) else [draft for draft, _ in written]


Tried = tuple[str, Iterable[Linted]]
Faulty = dict[Variant, tuple[tuple[str, ...], str | None]]


def _tries(
    channel: Channel, answer: Answered | None, revision: Answered | None, letters: Letters, tools: Tools
) -> Iterator[Tried]:
    """Drafts to choose from in order, each with what choosing them means."""
    if isinstance(answer, Answer) and answer.engine != SCORECARD:
        yield "as written", _kinds(drafts_of(answer, channel, letters.desk, tools))
        if revision is not None:
            yield "revised", _kinds(drafts_of(revision, channel, letters.desk, tools))
        yield "template used", letters.write(channel)
    elif isinstance(answer, Answer):
        yield "as written", letters.write(channel)
    yield "plainer wording used", letters.write(channel, plain=True)


def _kinds(drafts: Iterable[Linted]) -> Iterator[Linted]:
    """The kinds of faults only: their texts are an engine's words, and reasons are kept in the tables."""
    for draft, found in drafts:
        yield Linted(draft, tuple(dict.fromkeys(fault.partition(":")[0] for fault in found)))


def _first_good(channel: Channel, tries: Iterable[Tried]) -> tuple[list[Draft], Faulty]:
    good: dict[Variant, Draft] = {}
    wrong: dict[Variant, tuple[str, ...]] = {}
    how: dict[Variant, str] = {}
    variants = FORMATS[channel].variants
    for meaning, linted in tries:
        written, reason = _written(linted)
        for variant in variants:
            if variant in good:
                continue
            draft, found = written.get(variant, (None, (reason,)))
            if draft and not found:
                good[variant], how[variant] = draft, meaning
            else:
                wrong.setdefault(variant, found)
        if len(good) == len(variants):
            break
    return [good[variant] for variant in variants if variant in good], {
        variant: (found, how.get(variant))
        for variant, found in wrong.items()
        if how.get(variant) != "revised"
    }


def _written(linted: Iterable[Linted]) -> tuple[dict[Variant, Linted], str]:
    try:
        return {item.draft.variant: item for item in linted}, MISSING
    except TemplateError as error:
        return {}, f"template {type(error).__name__}"


def _campaign(
    desk: Desk,
    drafts: list[Draft],
    left_out: list[str],
    notes: list[str],
    given: list[Answered | None],
    revised: Mapping[Channel, Answered],
) -> Campaign:
    everything = [answer for answer in (*given, *revised.values()) if answer is not None]
    answers = [answer for answer in everything if isinstance(answer, Answer)]
    reasons = [one.degraded_reason if isinstance(one, Answer) else one.reason for one in everything]
    notes += dict.fromkeys(reason for reason in reasons if reason)
    by_model = [answer for answer in answers if answer.engine != SCORECARD]
    second = {channel: answer.latency_ms for channel, answer in revised.items()}
    paths = [
        answer.latency_ms + second.get(step.channel, 0.0)
        for step, answer in zip(desk.plan.steps, given, strict=True)
        if answer is not None
    ]
    return Campaign(
        desk.lead,
        desk.plan,
        tuple(drafts),
        tuple(left_out),
        tuple(notes),
        by_model[0].engine if by_model else SCORECARD,
        by_model[0].engine_version if by_model else SCORECARD_VERSION,
        max(paths, default=0.0),
        sum(answer.cost_usd for answer in answers),
        _dropped_citations(desk, answers) if by_model else (),
    )


def _dropped_citations(desk: Desk, answers: Iterable[Answer[Written]]) -> tuple[str, ...]:
    return tuple(
        "citation of no fact"
        for answer in answers
        for words in words_of(answer.value)
        for cited in words.fact_ids
        if cited not in desk.sheet.facts
    )


def _draft(channel: Channel, words: Words, body: str, desk: Desk) -> Draft:
    cited = cited_by(channel, desk.sheet, ()) if FORMATS[channel].public else words.fact_ids
    cited = tuple(dict.fromkeys(name for name in cited if name in desk.sheet.facts))
    return Draft(channel, words.variant, words.subject, body, cited, f"prompt-{PROMPT.version}")


def _is_empty(words: Words) -> bool:
    return words.subject == "" or any(not text for _, text in words.parts)
