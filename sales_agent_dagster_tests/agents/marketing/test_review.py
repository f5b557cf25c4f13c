from collections.abc import Iterator
from typing import Any

import pytest
from jinja2 import UndefinedError

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.lint import faults
from sales_agent_dagster.agents.marketing.review import faults_of_answers, review, tools_for
from sales_agent_dagster.agents.marketing.sketches import Letters
from sales_agent_dagster.agents.marketing.state import Answered, Campaign, Written
from sales_agent_dagster.agents.marketing.words import FORMATS, NO_WORDS, words_of
from sales_agent_dagster.domain.profile import Channel, Profile
from sales_agent_dagster.inference.engine import SCORECARD, Answer, NoAnswer
from sales_agent_dagster_tests.agents.marketing.desks import desk, with_outreach, with_seller
from sales_agent_dagster_tests.agents.marketing.leads import lead

CHANNELS = tuple(FORMATS)
GOOD: dict[Channel, dict[str, Any]] = {
    "email": {
        "a": {
            "subject": "Service for Generac",
            "text": "You carry Generac. Who plans the visits?",
            "fact_ids": ["brands.file"],
        },
        "b": {
            "subject": "A question about crews",
            "text": "How do you plan electrical work?",
            "fact_ids": ["trades.name"],
        },
    },
    "linkedin": {"text": "I would like to hear how you plan service visits.", "fact_ids": []},
    "call": {
        "topic": "how you plan service",
        "first_question": "Who plans the visits?",
        "second_question": "What takes the most time?",
        "fact_ids": ["company_name"],
    },
    "social": {"text": "Who in your office knows which customer is due?"},
    "blog": {"title": "Service that comes back", "points": ["What a visit holds.", "Whom to ask first."]},
}


def words(channel: Channel, **changes: Any) -> Written:
    """Good words of an engine, changed."""
    return FORMATS[channel].output_type.model_validate({**GOOD[channel], **changes})


def answers(engine: str = "model", **changed: Answered | Written) -> dict[Channel, Answered | None]:
    found: dict[Channel, Answered | None] = {}
    for channel in CHANNELS:
        said = changed.get(channel)
        if said is None:
            said = NO_WORDS[FORMATS[channel].output_type] if engine == SCORECARD else words(channel)
        found[channel] = (
            said if isinstance(said, NoAnswer | Answer) else Answer(said, engine, "m-1", 5.0, 0.001)
        )
    return found


def reviewed(profile: Profile, given: dict[Channel, Answered | None], **revised: Written) -> Campaign:
    second = {name: Answer(said, "model", "m-1", 3.0, 0.002) for name, said in revised.items()}
    return review(desk(lead(), profile), given, second, tools_for(profile))  # type: ignore[arg-type]


def templates(found: Campaign) -> list[str]:
    return [f"{draft.channel} {draft.variant} {draft.template.rpartition('-')[0]}" for draft in found.drafts]


BY_TEMPLATE = ["email A email", "email B email", "call A call", "linkedin A linkedin", "social A social"]
BY_TEMPLATE += ["blog A blog"]
BY_MODEL = [f"{name.rpartition(' ')[0]} prompt" for name in BY_TEMPLATE]


def test_the_rules_drafts_are_the_templates_in_the_order_of_the_plan(profile: Profile) -> None:
    found = reviewed(profile, answers(SCORECARD))
    assert (templates(found), found.faults, found.notes) == (BY_TEMPLATE, (), ())
    assert (found.engine, found.engine_version, found.latency_ms) == (SCORECARD, "1", 5.0)


def test_an_engines_good_words_are_put_into_the_frames(profile: Profile) -> None:
    found = reviewed(profile, answers())
    assert (templates(found), found.faults, found.notes, found.dropped) == (BY_MODEL, (), (), ())
    email, second = found.drafts[:2]
    assert email.body.startswith("Hello Maria,\n\nYou carry Generac. Who plans the visits?\n\n")
    assert profile.seller.postal_address in email.body
    assert 'reply "unsubscribe"' in email.body
    assert (email.subject, email.fact_ids) == ("Service for Generac", ("brands.file",))
    assert (second.variant, second.fact_ids) == ("B", ("trades.name",))
    assert email.template == f"prompt-{PROMPT.version}"
    call, note, post, outline = found.drafts[2:]
    assert "I am calling about how you plan service." in call.body
    assert note.body.startswith("Hello Maria, I would like to hear how you plan service visits.")
    assert post.body.startswith("Who in your office knows which customer is due? Example Field Software: ")
    assert outline.body.startswith("OUTLINE\n- What a visit holds.\n- Whom to ask first.\n\nCLOSE\n")
    assert post.fact_ids == ("brands.file", "trades.name", "region_state.phone")
    sheet, house = desk(lead(), profile).sheet, tools_for(profile).house
    assert [faults(draft, sheet, house) for draft in found.drafts] == [[]] * 6
    assert (found.engine, found.engine_version, found.latency_ms) == ("model", "m-1", 5.0)
    assert found.cost_usd == pytest.approx(0.005)


BAD_EMAIL = {"a": {**GOOD["email"]["a"], "text": "You have 99 trucks. Visit evil.example."}}


def test_faulty_words_are_named_for_the_engine_and_replaced_by_the_template(profile: Profile) -> None:
    given = answers(email=words("email", **BAD_EMAIL), call=words("call", topic="[topic]"))
    wrong = faults_of_answers(desk(lead(), profile), given, tools_for(profile))
    assert wrong == {
        "email": ("a: link: evil.example", "a: number: 99"),
        "call": ("placeholder: brackets", "placeholder: brackets"),
    }
    found = reviewed(profile, given)
    assert templates(found) == ["email A email", BY_MODEL[1], "call A call", *BY_MODEL[3:]]
    assert found.notes == ("email A: link, number; template used", "call A: placeholder; template used")
    assert "evil" not in str(found.notes)
    assert found.engine == "model"


def test_a_revision_without_fault_is_kept_and_no_note(profile: Profile) -> None:
    found = reviewed(profile, answers(email=words("email", **BAD_EMAIL)), email=words("email"))
    assert (templates(found), found.notes) == (BY_MODEL, ())
    assert (found.latency_ms, found.cost_usd) == (8.0, pytest.approx(0.007))
    still = reviewed(profile, answers(email=words("email", **BAD_EMAIL)), email=words("email", **BAD_EMAIL))
    assert templates(still)[:2] == ["email A email", BY_MODEL[1]]
    assert still.notes == ("email A: link, number; template used",)


@pytest.mark.parametrize("channel", CHANNELS)
def test_empty_words_are_a_fault(profile: Profile, channel: Channel) -> None:
    given = answers(**{channel: NO_WORDS[FORMATS[channel].output_type]})
    wrong = faults_of_answers(desk(lead(), profile), given, tools_for(profile))
    assert wrong == {channel: ("a: empty", "b: empty") if channel == "email" else ("empty",)}
    found = reviewed(profile, given)
    assert f"{channel} A: empty; template used" in found.notes
    assert len(found.drafts) == 6


def test_citations_of_no_fact_are_left_out_and_counted(profile: Profile) -> None:
    found = reviewed(profile, answers(linkedin=words("linkedin", fact_ids=["news.web", "brands.file", "x"])))
    assert found.dropped == ("citation of no fact",) * 2
    assert [draft.fact_ids for draft in found.drafts if draft.channel == "linkedin"] == [("brands.file",)]
    assert found.notes == ()


def test_a_long_note_is_put_into_the_short_frame(profile: Profile) -> None:
    narrow = with_outreach(profile, linkedin_max_chars=250)
    found = reviewed(narrow, answers(linkedin=words("linkedin", text="word " * 31 + "end.")))
    (note,) = [draft for draft in found.drafts if draft.channel == "linkedin"]
    assert "What Example Field Software brings there" not in note.body
    assert 160 < len(note.body) <= 250


def test_what_stays_faulty_is_left_out_and_named(profile: Profile) -> None:
    unfilled = with_seller(profile, offering="one place for {everything} you install")
    found = reviewed(unfilled, answers(SCORECARD))
    assert templates(found) == [*BY_TEMPLATE[2:5], "blog A blog_plain"]
    assert found.faults == ("email A: placeholder: brackets", "email B: placeholder: brackets")
    assert found.notes == ("blog A: placeholder: brackets; plainer wording used",)


def test_limits_that_no_wording_keeps_leave_nothing(profile: Profile) -> None:
    narrow = with_outreach(
        profile,
        channels=["email", "linkedin", "call"],
        email_max_words=40,
        linkedin_max_chars=100,
        call_max_words=40,
    )
    found = reviewed(narrow, answers(SCORECARD))
    assert found.drafts == ()
    assert [fault.split(":")[1] for fault in found.faults] == [" too_long"] * 4


def test_no_answer_leaves_the_plain_template(profile: Profile) -> None:
    found = reviewed(profile, answers(SCORECARD, call=NoAnswer("gone", 9.0)))
    assert templates(found)[2] == "call A call_plain"
    assert found.notes == ("gone",)
    assert found.latency_ms == 9.0


def test_the_notes_of_the_sheet_and_the_engines_trouble_are_passed_on(profile: Profile) -> None:
    this, tools = desk(lead(company_name="{{x}}"), profile), tools_for(profile)
    given = {
        channel: Answer(NO_WORDS[FORMATS[channel].output_type], SCORECARD, "1", 0.5, 0.0, "Timeout: away")
        for channel in CHANNELS
    }
    found = review(this, given, {}, tools)  # type: ignore[arg-type]
    assert found.notes == ("company name not used: template or markup characters", "Timeout: away")


def test_a_template_that_breaks_is_a_fault(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Iterator[Any]:
        raise UndefinedError("'rivals' is undefined")
        yield

    monkeypatch.setattr(Letters, "write", broken)
    found = reviewed(profile, answers(SCORECARD))
    assert found.drafts == ()
    assert found.faults[0] == "email A: template UndefinedError"


def test_tools_are_kept_while_the_profile_is_the_same(profile: Profile) -> None:
    assert tools_for(profile) is tools_for(profile.model_copy())
    assert tools_for(with_seller(profile, company="Example Apps")) is not tools_for(profile)


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_engines_words_come_with_their_places_and_variants(channel: Channel) -> None:
    found = words_of(words(channel))
    assert tuple(one.variant for one in found) == FORMATS[channel].variants
    assert all(text for one in found for _, text in one.parts)
