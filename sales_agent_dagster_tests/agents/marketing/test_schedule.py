import pytest

from sales_agent_dagster.agents.marketing.schedule import next_step, plan_for
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster_tests.agents.marketing.desks import with_outreach
from sales_agent_dagster_tests.agents.marketing.leads import bare


def planned(profile: Profile, *, known: bool = True, **values: object) -> list[tuple[str, int, int, str]]:
    plan = plan_for(bare(**values), known, profile.outreach)
    return [
        (step.channel, step.order, step.day, step.address) for step in plan.steps if step.channel in REACHING
    ]


REACHING = ("email", "linkedin", "call")


def test_channels_with_an_address_come_before_those_to_be_searched(profile: Profile) -> None:
    assert planned(profile, email_kind="role", phone_kind="toll_free") == [
        ("email", 1, 0, "shared mailbox"),
        ("call", 2, 2, "toll-free number"),
        ("linkedin", 3, 5, "search: company name"),
    ]
    assert planned(profile, email_kind="personal", has_linkedin_url=True, phone_kind="international") == [
        ("email", 1, 0, "personal e-mail"),
        ("linkedin", 2, 2, "LinkedIn page"),
        ("call", 3, 5, "phone abroad"),
    ]
    assert planned(profile, phone_kind="geographic", contact_name="Maria Example") == [
        ("call", 1, 0, "phone"),
        ("linkedin", 2, 2, "search: contact and company name"),
    ]
    assert planned(profile, email_kind="free_mail", known=False) == [("email", 1, 0, "free mailbox")]


def test_reasons_say_why_a_channel_is_planned(profile: Profile) -> None:
    plan = plan_for(bare(email_kind="role", phone_kind="geographic"), True, profile.outreach)
    assert [step.reason for step in plan.steps] == [
        "has an e-mail address",
        "has a phone number",
        "no LinkedIn page known, has to be searched",
        "one post for all leads of its segment",
        "one post for all leads of its segment",
    ]
    step = plan_for(bare(has_linkedin_url=True), True, profile.outreach).steps[0]
    assert step.reason == "has a LinkedIn page"


def test_posts_come_after_what_reaches_the_lead_and_never_alone(profile: Profile) -> None:
    posts_first = with_outreach(profile, channels=["blog", "social", "call"]).outreach
    plan = plan_for(bare(phone_kind="geographic"), True, posts_first)
    assert [(step.channel, step.order, step.day, step.address) for step in plan.steps] == [
        ("call", 1, 0, "phone"),
        ("blog", 2, 3, "the seller's own page"),
        ("social", 3, 1, "the seller's own page"),
    ]
    alone = plan_for(bare(), True, posts_first)
    assert (alone.steps, alone.unreachable) == ((), "no way to reach it: no phone number")


def test_only_the_profiles_channels_are_planned_in_its_order(profile: Profile) -> None:
    calls_first = with_outreach(profile, channels=["call", "email"])
    assert [step[0] for step in planned(calls_first, email_kind="role", phone_kind="geographic")] == [
        "call",
        "email",
    ]


@pytest.mark.parametrize(
    ("channels", "reason"),
    [
        (
            ["email", "linkedin", "call"],
            "no way to reach it: no e-mail address, no LinkedIn page and no name to search for, "
            "no phone number",
        ),
        (["email"], "no way to reach it: no e-mail address"),
    ],
)
def test_a_lead_without_any_way_says_what_is_missing(
    profile: Profile, channels: list[str], reason: str
) -> None:
    plan = plan_for(bare(), False, with_outreach(profile, channels=channels).outreach)
    assert (plan.steps, plan.unreachable) == ((), reason)


def test_send_times_are_the_profiles_fixed_per_lead_and_spread_evenly(profile: Profile) -> None:
    plans = [plan_for(bare(lead_id=f"lead-{number}"), True, profile.outreach) for number in range(600)]
    slots = [(plan.send_day, plan.send_hour) for plan in plans]
    wanted = {(day, hour) for day in ("Tuesday", "Wednesday", "Thursday") for hour in (10, 14)}
    assert set(slots) == wanted
    assert min(slots.count(slot) for slot in wanted) > 70
    assert slots == [
        (plan.send_day, plan.send_hour)
        for plan in (plan_for(bare(lead_id=f"lead-{n}"), True, profile.outreach) for n in range(600))
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"email_kind": "role", "timezone": "America/Chicago"},
            "(America/Chicago): send e-mail A or B (shared mailbox).",
        ),
        (
            {"phone_kind": "geographic"},
            "(the lead's local time; its time zone is not known): call (phone), script at hand.",
        ),
        (
            {"timezone": "America/Denver"},
            "(America/Denver): send the LinkedIn note (search: company name).",
        ),
    ],
)
def test_the_next_step_is_the_first_of_the_plan(
    profile: Profile, values: dict[str, object], words: str
) -> None:
    one_slot = with_outreach(profile, preferred_days=["Monday"], preferred_hours=[9])
    assert next_step(plan_for(bare(**values), True, one_slot.outreach)) == f"Monday 09:00 {words}"
