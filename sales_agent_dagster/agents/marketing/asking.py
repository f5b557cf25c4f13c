"""What an engine is asked for each channel.

One call a channel, side by side, rather than one for all of them: the lead waits for the slowest channel
instead of the sum of all, and a channel is revised, replayed and replaced by itself. It costs the static
prompt once a channel, about 300 tokens or $0.0001. A public post is asked for once per segment: it names no
company, so leads of one segment share it and its cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.state import Answered, Answers, Desk, Segment
from sales_agent_dagster.agents.marketing.words import FORMATS, NO_WORDS
from sales_agent_dagster.agents.runtime import AgentContext, ask
from sales_agent_dagster.agents.untrusted import redact
from sales_agent_dagster.domain.profile import Channel, Outreach, Profile, Seller
from sales_agent_dagster.inference.engine import Answer, NoAnswer, Prompt, Task

MAX_COMPLETION_TOKENS: Mapping[Channel, int] = {
    "email": 900,
    "linkedin": 700,
    "call": 800,
    "social": 700,
    "blog": 800,
}
"""The answers take 60 to 200; the rest is room for a reasoning model's thoughts at low effort."""

_SECTION = re.compile(r"^## (\w+)$", re.MULTILINE)
Faults = Mapping[Channel, Sequence[str]]


async def ask_channel(
    channel: Channel,
    desks: Sequence[Desk | NoAnswer],
    context: AgentContext,
    wrong: Sequence[tuple[Answered | None, Faults]] | None = None,
) -> Answers:
    """Answers for the leads whose plan has the channel; None for the others.

    ``wrong`` asks for a revision: per lead the first answer and its faults; only leads with faults are asked.
    """
    public = FORMATS[channel].public
    groups: dict[Any, list[int]] = {}
    for position, desk in enumerate(desks):
        if isinstance(desk, NoAnswer) or channel not in desk.plan.channels:
            continue
        if wrong is None or wrong[position][1].get(channel):
            groups.setdefault(desk.sheet.segment if public else position, []).append(position)
    prompt = prompt_for(channel, context.profile)
    tasks = [
        _task(channel, desks[leads[0]], prompt, wrong[leads[0]] if wrong else None)
        for leads in groups.values()
    ]
    # By rules there is nothing to be unsure of: the words are the templates'.
    wanted = [context.wants(lambda: False)] * len(tasks)
    answers: Answers = [None] * len(desks)
    for leads, answer in zip(groups.values(), await ask(tasks, context, wanted), strict=True):
        shared = _shared(answer, len(leads))
        for position in leads:
            answers[position] = shared
    return answers


def _shared(answer: Answer[Any] | NoAnswer, leads: int) -> Answer[Any] | NoAnswer:
    if isinstance(answer, NoAnswer) or leads == 1 or not answer.cost_usd:
        return answer
    return replace(answer, cost_usd=answer.cost_usd / leads)


def _task(
    channel: Channel, desk: Any, prompt: Prompt, wrong: tuple[Answered | None, Faults] | None
) -> Task[Any]:
    output_type = FORMATS[channel].output_type
    return Task(
        prompt,
        desk.lead.lead_id,
        partial(payload_of, channel, desk, wrong),
        output_type,
        partial(NO_WORDS.__getitem__, output_type),
        MAX_COMPLETION_TOKENS[channel],
    )


def payload_of(
    channel: Channel, desk: Desk, wrong: tuple[Answered | None, Faults] | None = None
) -> dict[str, object]:
    """What an engine is told, JSON-ready; no person, address or number of one."""
    if FORMATS[channel].public:
        payload: dict[str, object] = {"segment": _segment(desk.sheet.segment)}
    else:
        facts = desk.sheet.facts.items()
        payload = {"facts": {name: redact(text, 160) for name, text in facts if name != "contact_first_name"}}
    if wrong is not None and isinstance(wrong[0], Answer):
        payload["draft"] = wrong[0].value.model_dump()
        payload["faults"] = list(wrong[1][channel])
    return payload


def _segment(segment: Segment) -> dict[str, str]:
    known = {"brand": segment.brand, "trade": segment.trade, "state": segment.state}
    return {name: value for name, value in known.items() if value}


def prompt_for(channel: Channel, profile: Profile) -> Prompt:
    """The channel's prompt with the profile's seller, tone and brief: the same for every lead."""
    return _prompt(channel, profile.seller.model_dump_json(), profile.outreach.model_dump_json())


@lru_cache(maxsize=32)
def _prompt(channel: Channel, seller_json: str, outreach_json: str) -> Prompt:
    seller, outreach = Seller.model_validate_json(seller_json), Outreach.model_validate_json(outreach_json)
    common, *parts = _SECTION.split(PROMPT.system)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    lines = [
        f"Seller: {seller.company} offers {seller.offering}.",
        f"Its points: {'; '.join(seller.value_points)}.",
        f"Tone: {outreach.tone}. {outreach.brief}",
    ]
    system = "\n\n".join([common.strip(), sections[channel].strip(), "\n".join(lines).strip()])
    return Prompt(PROMPT.agent, f"{PROMPT.version}-{channel}", f"{system}\n")
