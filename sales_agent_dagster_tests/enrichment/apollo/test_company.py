from typing import Any

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.apollo.company import SPEC, ApolloCompany, build
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found, NotFound
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.enrichment.asking import ask, lead, told
from sales_agent_dagster_tests.provider_servers.apollo import ApolloApp
from sales_agent_dagster_tests.provider_servers.serving import KEY, Reply


def provider(url: str, settings: Settings, key: str = KEY) -> ApolloCompany:
    given = {"apollo_api_key": key, "apollo_base_url": url}
    return build(Settings.model_validate(settings.model_dump() | given))


def firm(name: str) -> dict[str, Any]:
    return lead(company_name=name, website_host=f"www.{name}.example")


def test_a_company_is_found_by_its_domain(apollo: ApolloApp, apollo_url: str, settings: Settings) -> None:
    (found,) = ask(provider(apollo_url, settings), firm("acme"))
    assert told(found) == {
        "founded.apollo": "1994",
        "employees.apollo": "14",
        "industry.apollo": "construction",
        "street_address.apollo": "1 Example Street",
        "postal_code.apollo": "78701",
        "region_city.apollo": "Austin",
        "region_state.apollo": "TX",
        "description.apollo": "Acme installs things.",
        "revenue.apollo": "1500000.0",
        "company_linkedin.apollo": "https://www.linkedin.com/company/acme",
        "company_phone.apollo": "+15128675309",
        "technologies.apollo": "WordPress, Google Analytics",
    }
    assert {name.partition(".")[0] for name in told(found)} <= SPEC.offers
    assert (found.credits, apollo.charges) == (1.0, {"organization acme.example": 1})
    (question,) = apollo.asked
    assert (question.path, question.params) == ("/organizations/enrich", {"domain": "acme.example"})
    assert KEY not in str(question)


def test_several_companies_are_one_request(apollo: ApolloApp, apollo_url: str, settings: Settings) -> None:
    apollo.order_changed = True
    outcomes = ask(provider(apollo_url, settings), firm("acme"), firm("unknown"), firm("summit"))
    assert told(outcomes[0])["employees.apollo"] == "14"
    assert outcomes[1] == NotFound()
    assert told(outcomes[2])["employees.apollo"] == "16"
    assert [question.path for question in apollo.asked] == ["/organizations/bulk_enrich"]
    assert sum(outcome.credits for outcome in outcomes) == sum(apollo.charges.values()) == 2


def test_an_unknown_company_costs_nothing(apollo: ApolloApp, apollo_url: str, settings: Settings) -> None:
    assert ask(provider(apollo_url, settings), firm("unknown")) == [NotFound()]
    assert not apollo.charges


@pytest.mark.parametrize(
    "columns",
    [{}, {"website_host": "facebook.com"}, {"email": "jo@gmail.com"}],
)
def test_nobody_is_asked_about_a_shared_domain(
    apollo_url: str, settings: Settings, columns: dict[str, Any]
) -> None:
    assert provider(apollo_url, settings).key_of(lead(**columns), {}) is None


def test_an_address_names_the_domain_when_no_website_does(apollo_url: str, settings: Settings) -> None:
    asked = provider(apollo_url, settings)
    assert asked.key_of(lead(email="jo@mail.acme.example"), {}) == "acme.example"


@pytest.mark.parametrize(
    ("reply", "kind", "rests"),
    [
        (Reply(401, "Invalid API key."), FailureKind.QUOTA, True),
        (Reply(403, {"error": "no", "error_code": "API_INACCESSIBLE"}), FailureKind.QUOTA, True),
        (Reply(422, {"status": "failed", "error_code": "INVALID_REQUEST"}), FailureKind.PERMANENT, False),
        (Reply(422, {"error_message": "You have insufficient credits."}), FailureKind.QUOTA, True),
        (Reply(429, {"message": "is 600 times per hour"}), FailureKind.TRANSIENT, True),
        (Reply(429, {"message": "is 6000 times per day"}), FailureKind.QUOTA, True),
        (Reply(429, {}, {"x-minute-requests-left": "0"}), FailureKind.TRANSIENT, True),
        (Reply(429, {}), FailureKind.TRANSIENT, True),
        (Reply(503, "busy"), FailureKind.TRANSIENT, False),
    ],
)
def test_refusals_cost_nothing_and_say_what_they_are(
    apollo: ApolloApp, apollo_url: str, settings: Settings, reply: Reply, kind: FailureKind, rests: bool
) -> None:
    # The window's own headers would say otherwise.
    apollo.left = {}
    apollo.more_headers = dict  # type: ignore[method-assign]
    try:
        apollo.script.append(reply)
        (failed,) = ask(provider(apollo_url, settings), firm("acme"))
    finally:
        del apollo.more_headers
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.retry_after_s is not None, failed.credits) == (kind, rests, 0.0)
    assert not apollo.charges


def test_retry_after_and_the_window_say_how_long(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    apollo.script.append(Reply(429, {"message": "per minute"}, {"retry-after": "17"}))
    (failed,) = ask(provider(apollo_url, settings), firm("acme"))
    assert isinstance(failed, Failed)
    assert failed.retry_after_s == 17.0
    apollo.left["hourly"] = 0
    (failed,) = ask(provider(apollo_url, settings), firm("acme"))
    assert isinstance(failed, Failed)
    assert failed.reason == "its calls per hour are used up"
    assert failed.retry_after_s is not None
    assert 0 < failed.retry_after_s <= 3600


def test_a_reply_that_is_lost_may_have_cost_a_credit(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    apollo.script.append("drop")
    (failed,) = ask(provider(apollo_url, settings), firm("acme"))
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.credits) == (FailureKind.TRANSIENT, 1.0)
    assert apollo.charges == {"organization acme.example": 1}


def test_an_answer_that_cannot_be_read_may_have_cost_a_credit(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    apollo.script.append(Reply(200, "<html>"))
    (failed,) = ask(provider(apollo_url, settings), firm("acme"))
    assert failed == Failed(FailureKind.TRANSIENT, "the reply is no JSON object", credits=1.0)


def test_a_question_that_was_not_sent_costs_nothing(settings: Settings) -> None:
    (failed,) = ask(provider("http://127.0.0.1:9", settings), firm("acme"))
    assert failed == Failed(FailureKind.TRANSIENT, "no connection")


def test_a_wrong_key_is_refused_and_never_told(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    (failed,) = ask(provider(apollo_url, settings, key="other-secret"), firm("acme"))
    assert isinstance(failed, Failed)
    assert failed.reason == "the key is refused"
    assert "other-secret" not in repr(failed)
    with pytest.raises(ConfigurationError, match="SALES_AGENT_APOLLO_API_KEY"):
        build(settings)


def test_untidy_values_are_cleaned_or_left_out(
    apollo: ApolloApp, apollo_url: str, settings: Settings
) -> None:
    told_badly = {
        "primary_domain": "acme.example",
        "industry": " a\u0000b\n c ",
        "estimated_num_employees": True,
        "city": ["Austin"],
        "state": "Nowhere",
        "linkedin_url": "http://evil.example/company/x",
        "phone": "none",
        "technology_names": "WordPress",
        "short_description": "x" * 5000,
    }
    apollo.script.append(Reply(200, {"organization": told_badly}))
    (found,) = ask(provider(apollo_url, settings), firm("acme"))
    values = told(found)
    assert values.keys() == {"industry.apollo", "description.apollo"}
    assert values["industry.apollo"] == "ab c"
    assert len(values["description.apollo"]) == 500


def test_another_companys_record_is_nobodys(apollo: ApolloApp, apollo_url: str, settings: Settings) -> None:
    swapped = [{"primary_domain": "summit.example", "industry": "b"}, {"primary_domain": "x.example"}]
    apollo.script.append(Reply(200, {"organizations": swapped}))
    first, second = ask(provider(apollo_url, settings), firm("acme"), firm("summit"))
    assert first == NotFound()
    assert isinstance(second, Found)
    assert told(second) == {"industry.apollo": "b"}
    apollo.script.append(Reply(200, {"organizations": None}))
    unread = Failed(FailureKind.TRANSIENT, "the reply has no organizations", credits=1.0)
    assert ask(provider(apollo_url, settings), firm("a"), firm("b")) == [unread] * 2
