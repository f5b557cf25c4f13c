from collections.abc import Callable
from dataclasses import replace

import pytest
from jinja2 import UndefinedError

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.drafts import Writer
from sales_agent_dagster.agents.marketing.lint import House
from sales_agent_dagster.agents.marketing.review import Tools, review, tools_for
from sales_agent_dagster.agents.marketing.state import Campaign, Draft, Drafts
from sales_agent_dagster.domain.profile import Channel, Profile
from sales_agent_dagster.inference.engine import Answer, NoAnswer
from sales_agent_dagster_tests.agents.marketing.desks import desk, with_outreach, with_seller
from sales_agent_dagster_tests.agents.marketing.leads import lead

CHANNELS: tuple[Channel, ...] = ("email", "linkedin", "call")
Change = Callable[[Draft], Draft]


def reviewed(profile: Profile, engine: str = "scorecard", **changes: Change | NoAnswer) -> Campaign:
    """A review of the templates' drafts, changed per channel, as if an engine had given them."""
    this, tools = desk(lead(), profile), tools_for(profile)
    answers: dict[Channel, Answer[Drafts] | NoAnswer | None] = {}
    for channel in CHANNELS:
        change = changes.get(channel, lambda draft: draft)
        if isinstance(change, NoAnswer):
            answers[channel] = change
        else:
            drafts = [change(draft) for draft in tools.writer.write(this, channel).drafts]
            answers[channel] = Answer(Drafts(drafts=drafts), engine, "1", 0.5, 0.001)
    return review(this, answers, tools)


def spoil(draft: Draft) -> Draft:
    return replace(draft, body=f"[Name] {draft.body}")


def templates(found: Campaign) -> list[str]:
    return [f"{draft.channel} {draft.variant} {draft.template.rpartition('-')[0]}" for draft in found.drafts]


ALL_GOOD = ["email A email", "email B email", "call A call", "linkedin A linkedin"]


def test_good_drafts_are_kept_in_the_order_of_the_plan(profile: Profile) -> None:
    found = reviewed(profile)
    assert (templates(found), found.faults, found.notes) == (ALL_GOOD, (), ())
    assert [answer.engine for answer in found.answers] == ["scorecard"] * 3


def test_a_faulty_draft_gets_one_plainer_try_and_the_others_stay(profile: Profile) -> None:
    found = reviewed(profile, email=lambda draft: spoil(draft) if draft.variant == "B" else draft)
    assert templates(found) == ["email A email", "email B email_plain", *ALL_GOOD[2:]]
    assert found.notes == ("email B: placeholder: brackets; plainer wording used",)
    assert found.faults == ()


def test_an_engines_faulty_words_are_replaced_by_the_template(profile: Profile) -> None:
    found = reviewed(profile, engine="model", call=spoil)
    assert templates(found) == ["email A prompt", "email B prompt", "call A call", "linkedin A prompt"]
    assert found.drafts[0].template == f"prompt-{PROMPT.version}"
    assert found.notes == ("call A: placeholder: brackets; plainer wording used",)


@pytest.mark.parametrize(
    "change",
    [
        lambda draft: replace(draft, channel="call"),
        lambda draft: replace(draft, variant="A"),
    ],
)
def test_an_engine_must_answer_for_the_channel_and_both_variants(profile: Profile, change: Change) -> None:
    found = reviewed(profile, engine="model", email=change)
    assert [name.split()[:2] for name in templates(found)] == [name.split()[:2] for name in ALL_GOOD]
    assert "email B: missing_draft; plainer wording used" in found.notes


def test_what_stays_faulty_is_left_out_and_named(profile: Profile) -> None:
    unfilled = with_seller(profile, offering="one place for {everything} you install")
    found = reviewed(unfilled)
    assert templates(found) == ["call A call", "linkedin A linkedin"]
    assert found.faults == ("email A: placeholder: brackets", "email B: placeholder: brackets")


def test_limits_that_no_wording_keeps_leave_nothing(profile: Profile) -> None:
    narrow = with_outreach(profile, email_max_words=40, linkedin_max_chars=100, call_max_words=40)
    found = reviewed(narrow)
    assert found.drafts == ()
    assert [fault.split(":")[1] for fault in found.faults] == [" too_long"] * 4


def test_no_answer_leaves_the_plain_template(profile: Profile) -> None:
    found = reviewed(profile, call=NoAnswer("gone", 1.0))
    assert templates(found) == ["email A email", "email B email", "call A call_plain", "linkedin A linkedin"]
    assert len(found.answers) == 2


def test_the_notes_of_the_sheet_and_the_engines_trouble_are_passed_on(profile: Profile) -> None:
    this, tools = desk(lead(company_name="{{x}}"), profile), tools_for(profile)
    answers = {
        channel: Answer(
            tools.writer.write(this, channel), "scorecard", "1", 0.5, 0.0, "ConnectionError: away"
        )
        for channel in CHANNELS
    }
    found = review(this, answers, tools)
    assert found.notes == (
        "company name not used: template or markup characters",
        "ConnectionError: away",
    )


class BrokenWriter(Writer):
    def write(self, *_: object, **__: object) -> Drafts:
        raise UndefinedError("'rivals' is undefined")


def test_a_template_that_breaks_is_a_fault(profile: Profile) -> None:
    this = desk(lead(), profile)
    tools = Tools(BrokenWriter(profile), House(profile))
    found = review(this, {channel: NoAnswer("broken", 0.1) for channel in CHANNELS}, tools)
    assert found.drafts == ()
    assert found.faults[0] == "email A: template: 'rivals' is undefined"


def test_tools_are_kept_while_the_profile_is_the_same(profile: Profile) -> None:
    assert tools_for(profile) is tools_for(profile.model_copy())
    other = with_seller(profile, company="Example Apps")
    assert tools_for(other).writer.payload(desk(lead(), other), "call")["seller"]["company"] == "Example Apps"
