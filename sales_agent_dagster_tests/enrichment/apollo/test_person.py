from typing import Any

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.apollo.person import SPEC, ApolloPerson, build
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found, NotFound
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.enrichment.asking import ask, lead, told
from sales_agent_dagster_tests.provider_servers.apollo import ApolloApp
from sales_agent_dagster_tests.provider_servers.serving import KEY, Reply


def provider(url: str, settings: Settings) -> ApolloPerson:
    given = {"apollo_api_key": KEY, "apollo_base_url": url}
    return build(Settings.model_validate(settings.model_dump() | given))


def person(first: str, last: str, host: str = "acme.example") -> dict[str, Any]:
    return lead(contact_first_name=first, contact_last_name=last, website_host=host)


def test_a_person_is_matched_by_name_and_domain(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    (found,) = ask(provider(apollo_url, settings), person("Jo", "Reed"))
    assert told(found) == {
        "contact_person.apollo": "Jo Reed, Owner",
        "contact_linkedin.apollo": "https://www.linkedin.com/in/jo-reed",
        "contact_email.apollo": "jo@acme.example",
    }
    assert {name.partition(".")[0] for name in told(found)} <= SPEC.offers
    (question,) = apollo.asked
    assert question.path == "/people/match"
    assert question.params["reveal_personal_emails"] == question.params["reveal_phone_number"] == "false"
    assert found.credits == sum(apollo.charges.values()) == 1


def test_several_people_are_one_request_and_its_cost_is_shared(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    asked = person("Jo", "Reed"), person("Al", "Unknown"), person("Kim", "Stone")
    outcomes = ask(provider(apollo_url, settings), *asked)
    assert [type(outcome) for outcome in outcomes] == [Found, NotFound, Found]
    assert [outcome.credits for outcome in outcomes] == [1.0, 0.0, 1.0]
    assert [question.path for question in apollo.asked] == ["/people/bulk_match"]
    assert apollo.asked[0].params["reveal_personal_emails"] == "false"


def test_a_name_with_a_title_behind_a_bar_fails_nobody(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    asked = [person("Jo", "Reed | MBA"), *(person("Jo", f"Reed{number}") for number in range(9))]
    outcomes = ask(provider(apollo_url, settings), *asked)
    assert [type(outcome) for outcome in outcomes] == [Found] * 10
    (question,) = apollo.asked
    assert question.body["details"][0]["last_name"] == "reed mba"
    assert provider(apollo_url, settings).key_of(person("Jo", " | "), {}) is None


def test_what_a_miss_cost_is_counted(apollo: ApolloApp, apollo_url: str, settings: Settings) -> None:
    apollo.script.append(Reply(200, {"credits_consumed": 2, "matches": [None, None]}))
    assert ask(provider(apollo_url, settings), person("Jo", "Reed"), person("Al", "Stone")) == [
        NotFound(1.0),
        NotFound(1.0),
    ]


@pytest.mark.parametrize("last", ["Private", "Hidden"])
def test_private_and_unavailable_addresses_are_not_used(
    apollo: ApolloApp, apollo_url: str, settings: Settings, last: str
) -> None:
    (found,) = ask(provider(apollo_url, settings), person("Jo", last))
    assert told(found).keys() == {"contact_person.apollo", "contact_linkedin.apollo"}


def test_an_address_that_is_not_told_is_none(apollo: ApolloApp, apollo_url: str, settings: Settings) -> None:
    locked = {"name": "Jo Reed", "email": "email_not_unlocked@acme.example", "email_status": "verified"}
    apollo.script.append(Reply(200, {"person": locked}))
    (found,) = ask(provider(apollo_url, settings), person("Jo", "Reed"))
    assert told(found).keys() == {"contact_person.apollo"}


def test_nobody_is_asked_about_without_a_whole_name(apollo_url: str, settings: Settings) -> None:
    asked = provider(apollo_url, settings)
    assert asked.key_of(lead(website_host="acme.example"), {}) is None
    assert asked.key_of(person("Jo", ""), {}) is None
    assert asked.key_of(person("Jo", "Reed", host="facebook.com"), {}) is None
    known = {"contact_person": "Kim Stone, Owner"}
    assert asked.key_of(lead(website_host="acme.example"), known) == "kim|stone|acme.example"


def test_matches_that_do_not_fit_the_question_are_none(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    apollo.script.append(Reply(200, {"matches": [None]}))
    asked = person("Jo", "Reed"), person("Al", "Stone")
    unread = Failed(FailureKind.TRANSIENT, "the reply does not match the question", credits=1.0)
    assert ask(provider(apollo_url, settings), *asked) == [unread] * 2
    apollo.script.append(Reply(200, {"credits_consumed": 2, "matches": [{"name": "Jo Reed"}]}))
    assert ask(provider(apollo_url, settings), *asked) == [unread] * 2
    apollo.script.append(Reply(401, "Invalid API key."))
    assert isinstance(ask(provider(apollo_url, settings), person("Jo", "Reed"))[0], Failed)
    apollo.script.append("drop")
    (lost,) = ask(provider(apollo_url, settings), person("Jo", "Reed"))
    assert lost.credits == 1.0
    with pytest.raises(ConfigurationError):
        build(settings)
