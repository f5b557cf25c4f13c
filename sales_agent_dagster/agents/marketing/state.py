"""What the marketing agent takes in and gives out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from sales_agent_dagster.agents.untrusted import Name, Phrase, Sentence, at_most
from sales_agent_dagster.domain.profile import Channel
from sales_agent_dagster.inference.engine import SCORECARD, SCORECARD_VERSION, Answer, NoAnswer

MAX_BRANDS = 3
"""Brands named in a sentence; more would read as a list."""

MAX_SUBJECT = 60
"""Characters of a subject line; more is cut off on a phone."""

Variant = Literal["A", "B"]


@dataclass(frozen=True, slots=True)
class CampaignLead:
    """One lead as campaigns see it. Addresses and numbers stay in the tables: only their kinds come here.

    Attributes:
        company_name: display name; untrusted text.
        email_kind: personal, role or free_mail; None without an address.
        email_source: of an address that is not the list's: who found it, as facts name their sources.
        phone_kind: geographic, toll_free or international; None without a number.
        facts: stored facts of the enrichment: id, field, value, source, confidence.
        growth: columns of its growth analysis.
    """

    lead_id: str
    company_name: str
    contact_first_name: str | None = None
    contact_name: str | None = None
    email_kind: str | None = None
    email_source: str | None = None
    phone_kind: str | None = None
    has_linkedin_url: bool = False
    domain: str | None = None
    timezone: str | None = None
    facts: Sequence[dict[str, Any]] = ()
    growth: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """One message.

    Attributes:
        subject: subject line of an e-mail, title of a blog outline; None elsewhere.
        fact_ids: facts it cites.
        template: template file and content hash; the prompt's version for an engine's own words.
    """

    channel: Channel
    variant: Variant
    subject: str | None
    body: str
    fact_ids: tuple[str, ...]
    template: str = ""


FactIds = Annotated[list[Name], at_most(8)]


class _Written(BaseModel):
    """Words of an engine; everything around them (greeting, offer, signature, footer) is added by code."""

    model_config = ConfigDict(frozen=True)


class EmailVariant(_Written):
    """Subject and first sentences of one e-mail."""

    subject: Name
    text: Sentence
    fact_ids: FactIds


class EmailWords(_Written):
    """Both variants of an e-mail."""

    a: EmailVariant
    b: EmailVariant


class LinkedinWords(_Written):
    """The middle of a connection note."""

    text: Phrase
    fact_ids: FactIds


class CallWords(_Written):
    """What a call is about, and what to ask."""

    topic: Name
    first_question: Phrase
    second_question: Phrase
    fact_ids: FactIds


class SocialWords(_Written):
    """The beginning of a public post to a segment."""

    text: Phrase


class BlogWords(_Written):
    """Title and points of an article for a segment."""

    title: Name
    points: Annotated[list[Phrase], at_most(4)]


Written = EmailWords | LinkedinWords | CallWords | SocialWords | BlogWords


@dataclass(frozen=True, slots=True)
class Words:
    """What is put into a draft's frame.

    Attributes:
        parts: text by the name of its place in the frame.
    """

    variant: Variant
    subject: str | None
    parts: tuple[tuple[str, str], ...]
    fact_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a lead's channel plan.

    Attributes:
        day: business days after the first step.
        address: kind of address used, such as "role e-mail" or "search: company name".
    """

    channel: Channel
    order: int
    day: int
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How and when to reach one lead.

    Attributes:
        unreachable: why no channel can reach it; None when one can.
    """

    steps: tuple[Step, ...]
    send_day: str
    send_hour: int
    timezone: str | None
    unreachable: str | None

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Channels of the steps, in their order."""
        return tuple([step.channel for step in self.steps])


@dataclass(frozen=True, slots=True)
class Segment:
    """Companies that one public post speaks to: a brand's dealers or a trade, in a state. None is any."""

    brand: str | None
    trade: str | None
    state: str | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """The outcome for one lead.

    Attributes:
        drafts: those without fault, in order of the plan.
        faults: named faults of drafts that are left out.
        notes: what was done differently and why; makes the outcome a degraded one.
        engine, engine_version: the model if one answered for any channel, else the rules.
        latency_ms: of the slowest channel, its revision included; channels are asked side by side.
        cost_usd: of all calls; a post's call is shared by the leads of its segment.
        dropped: citations of facts that there are none of.
    """

    lead: CampaignLead
    plan: Plan
    drafts: tuple[Draft, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    engine: str = SCORECARD
    engine_version: str = SCORECARD_VERSION
    latency_ms: float = 0.0
    cost_usd: float = 0.0
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A capability, in words, that ``have`` of ``peers`` companies of a territory or brand show."""

    capability: str
    have: int
    peers: int
    basis: str
    group: str


@dataclass(slots=True)
class FactSheet:
    """What drafts of one lead can use; None and empty where nothing is known.

    Attributes:
        company: display name; short: its first part, for the middle of a sentence.
        brands: at most ``MAX_BRANDS`` of them, the best known first; brand_total: how many there are.
        trades, operations: in words.
        state: name of the state.
        rivals: other companies there with one of its brands, out of ``territory_leads`` companies.
        gap: the widest gap to peers.
        ids: what is known to the id of its fact; facts: fact id to text, for all facts of the sheet.
        notes: what was left out, and why.
    """

    company: str | None = None
    short: str | None = None
    first_name: str | None = None
    brands: tuple[str, ...] = ()
    brand_total: int = 0
    trades: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    state: str | None = None
    rivals: int | None = None
    territory_leads: int | None = None
    gap: Gap | None = None
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def segment(self) -> Segment:
        """Whom a public post that suits the lead speaks to."""
        brand = self.brands[0] if self.brands else None
        trade = self.trades[0] if self.trades and not brand else None
        return Segment(brand, trade, self.state)

    def learn(self, key: str, facts: Mapping[str, str]) -> None:
        """Remember the facts, id to text, behind ``key``."""
        self.facts.update(facts)
        self.ids[key] = tuple(facts)


@dataclass(frozen=True, slots=True)
class Angle:
    """One thing to talk about; its wording is in ``templates/angles.j2`` under its name.

    Attributes:
        needs: what it cites of the fact sheet, besides the company's name.
        reads: attributes of the sheet that its wording depends on, besides the company's name.
        keywords: words of the seller's value points that go with it.
    """

    name: str
    applies: Callable[[FactSheet], bool]
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """All that is needed to write to one lead.

    Attributes:
        angles: what variant A and the other channels, and what variant B are about.
    """

    lead: CampaignLead
    sheet: FactSheet
    angles: tuple[Angle, Angle]
    plan: Plan


Answered = Answer[Written] | NoAnswer
Answers = list[Answered | None]
"""Per lead, the engine's answer for one channel; None where the channel is not planned."""


class CampaignState(TypedDict, total=False):
    """State of a run over a chunk; the lists run parallel to ``leads``.

    Attributes:
        faults: per lead, what the engine's words for a channel did wrong, for channels with faults.
        revised: per lead, the engine's second answer for those channels.
    """

    leads: Sequence[CampaignLead]
    desks: list[Desk | NoAnswer]
    email: Answers
    linkedin: Answers
    call: Answers
    social: Answers
    blog: Answers
    faults: list[dict[Channel, tuple[str, ...]]]
    revised: list[dict[Channel, Answered]]
    campaigns: list[Campaign | NoAnswer]
