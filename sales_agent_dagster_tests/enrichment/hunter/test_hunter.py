import asyncio
from typing import Any

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.hunter import domain, finder, verifier
from sales_agent_dagster.enrichment.hunter.client import hunter_client
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found, NotFound, Provider
from sales_agent_dagster.enrichment.subjects import opted_out
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.enrichment.asking import ask, lead, told
from sales_agent_dagster_tests.provider_servers.hunter import HunterApp, error
from sales_agent_dagster_tests.provider_servers.serving import KEY, Reply

MODULES = (domain, finder, verifier)


def configured(url: str, settings: Settings) -> Settings:
    return Settings.model_validate(settings.model_dump() | {"hunter_api_key": KEY, "hunter_base_url": url})


def person(first: str, last: str, **more: Any) -> dict[str, Any]:
    return lead(contact_first_name=first, contact_last_name=last, website_host="acme.example", **more)


def test_a_domain_gives_pattern_people_and_the_companys_address(
    hunter: HunterApp, hunter_url: str, settings: Settings
) -> None:
    (found,) = ask(domain.build(configured(hunter_url, settings)), lead(website_host="acme.example"))
    assert told(found) == {
        "email_pattern.hunter": "{first}",
        "employees.hunter": "11-50",
        "company_email.hunter": "info@acme.example",
        "contact_email.hunter.1": "al@acme.example",
        "contact_person.hunter.1": "Al Stone, Owner",
        "contact_linkedin.hunter.1": "https://www.linkedin.com/in/al-stone",
        "contact_email.hunter.2": "jo@acme.example",
        "contact_person.hunter.2": "Jo Reed",
        "contact_linkedin.hunter.2": "https://www.linkedin.com/in/jo-reed",
    }
    assert {name.partition(".")[0] for name in told(found)} <= domain.SPEC.offers
    assert found.credits == sum(hunter.charges.values()) == 1
    assert KEY not in str(hunter.asked)


def test_a_domain_without_addresses_is_not_found(
    hunter: HunterApp, hunter_url: str, settings: Settings
) -> None:
    asked = domain.build(configured(hunter_url, settings))
    assert ask(asked, lead(website_host="unknown.example")) == [NotFound(1.0)]
    assert asked.key_of(lead(), {}) is None


def test_a_persons_address_is_found(hunter: HunterApp, hunter_url: str, settings: Settings) -> None:
    (found,) = ask(finder.build(configured(hunter_url, settings)), person("Jo", "Reed"))
    assert told(found) == {
        "contact_email.hunter": "jo@acme.example",
        "contact_person.hunter": "Jo Reed, Owner",
        "email_status.hunter": "valid",
    }
    assert isinstance(found, Found)
    assert found.facts[0].confidence == 0.864
    assert {name.partition(".")[0] for name in told(found)} <= finder.SPEC.offers
    assert hunter.asked[0].params == {"domain": "acme.example", "first_name": "jo", "last_name": "reed"}


def test_a_name_with_a_title_behind_a_bar_is_asked_about(
    hunter: HunterApp, hunter_url: str, settings: Settings
) -> None:
    ask(finder.build(configured(hunter_url, settings)), person("Jo | CEO", "Reed | MBA"))
    assert hunter.asked[0].params == {
        "domain": "acme.example",
        "first_name": "jo ceo",
        "last_name": "reed mba",
    }


def test_a_person_without_address_costs_nothing_and_a_private_address_is_not_used(
    hunter: HunterApp, hunter_url: str, settings: Settings
) -> None:
    asked = finder.build(configured(hunter_url, settings))
    assert ask(asked, person("Jo", "Unknown"), person("Jo", "Private")) == [NotFound(), NotFound(1.0)]
    assert sum(hunter.charges.values()) == 1
    hunter.script.append(error(404, "not_found"))
    assert ask(asked, person("Jo", "Reed")) == [NotFound()]


def test_an_address_is_verified(hunter: HunterApp, hunter_url: str, settings: Settings) -> None:
    asked = verifier.build(configured(hunter_url, settings))
    (found,) = ask(asked, lead(email="gone@acme.example"))
    assert told(found) == {"email_status.hunter": "invalid"}
    assert isinstance(found, Found)
    assert found.facts[0].quote == "gone@acme.example"
    assert asked.key_of(lead(email="a@acme.example"), {"contact_email": "B@acme.example"}) == "b@acme.example"
    assert asked.key_of(lead(email="jo@gmail.com"), {}) is None
    hunter.script.append(Reply(200, {"data": {"status": "surely"}}))
    assert ask(asked, lead(email="a@acme.example")) == [NotFound(1.0)]


def test_a_verification_still_at_work_is_asked_for_again_and_paid_once(
    hunter: HunterApp, hunter_url: str, settings: Settings
) -> None:
    hunter.working = 2
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    client = hunter_client(configured(hunter_url, settings))
    (found,) = ask(verifier.HunterVerifier(client, sleep), lead(email="a@acme.example"))
    assert told(found) == {"email_status.hunter": "valid"}
    assert (len(waits), len(hunter.asked), sum(hunter.charges.values())) == (2, 3, 1)


def test_a_verification_that_is_not_done_in_time_is_late(
    hunter: HunterApp, hunter_url: str, settings: Settings
) -> None:
    hunter.working = 1
    asked = verifier.build(configured(hunter_url, settings))
    (late,) = ask(asked, lead(email="a@acme.example"), wait_s=0.5)
    assert isinstance(late, Failed)
    assert (late.kind, late.credits) == (FailureKind.LATE, 0.0)
    (silent,) = ask(asked, lead(email="silent@acme.example"))
    assert isinstance(silent, Failed)
    assert silent.kind is FailureKind.TRANSIENT


def test_who_asked_not_to_be_processed_is_told_of(
    hunter: HunterApp, hunter_url: str, settings: Settings
) -> None:
    hunter.opted_out = {"jo@acme.example", "reed"}
    given = configured(hunter_url, settings)
    (one,) = ask(verifier.build(given), lead(email="jo@acme.example"))
    (other,) = ask(finder.build(given), person("Jo", "Reed", email="jo@acme.example"))
    for failed in (one, other):
        assert isinstance(failed, Failed)
        assert failed.kind is FailureKind.SUPPRESSED


@pytest.mark.parametrize(
    ("module", "given", "known", "suppressed"),
    [
        (verifier, lead(email="Jo@acme.example"), {}, ("jo@acme.example",)),
        (
            verifier,
            lead(email="sam@acme.example"),
            {"contact_email": "jo@acme.example"},
            ("jo@acme.example",),
        ),
        (domain, lead(website_host="www.acme.example"), {}, ("acme.example",)),
        (finder, person("Jo", "Reed", email="Jo@acme.example"), {}, ("jo@acme.example",)),
        # A function's address is not the person's; nor is the lead's that of somebody whom a website names.
        (finder, person("Jo", "Reed", email="info@acme.example"), {}, ()),
        (finder, lead(email="sam@acme.example"), {"contact_person": "Jo Reed"}, ()),
        (finder, person("Jo", "Reed"), {}, ()),
    ],
)
def test_whose_addresses_an_opt_out_is_about(
    module: Any,
    given: dict[str, Any],
    known: dict[str, str],
    suppressed: tuple[str, ...],
    hunter_url: str,
    settings: Settings,
) -> None:
    provider = module.build(configured(hunter_url, settings))
    key = provider.key_of(given, known)
    assert opted_out(provider.key_of, key, given) == suppressed


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    ("reply", "kind", "rest_s"),
    [
        (error(403, "too_many_requests", {"retry-after": "9"}), FailureKind.TRANSIENT, 9.0),
        (error(429, "too_many_requests"), FailureKind.TRANSIENT, 60.0),
        (error(429, "usage_limit_reached"), FailureKind.QUOTA, 3600.0),
        (error(403, "usage_limit_reached"), FailureKind.QUOTA, 3600.0),
        (Reply(429, {}), FailureKind.TRANSIENT, 60.0),
        (error(401, "authentication_failed"), FailureKind.QUOTA, 3600.0),
        (error(400, "wrong_params"), FailureKind.PERMANENT, None),
        (error(500, "server_error"), FailureKind.TRANSIENT, None),
    ],
)
def test_refusals_are_told_apart_by_their_id(
    hunter: HunterApp,
    hunter_url: str,
    settings: Settings,
    module: Any,
    reply: Reply,
    kind: FailureKind,
    rest_s: float | None,
) -> None:
    hunter.script.append(reply)
    asked: Provider = module.build(configured(hunter_url, settings))
    (failed,) = ask(asked, person("Jo", "Reed", email="jo@acme.example"))
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.retry_after_s, failed.credits) == (kind, rest_s, 0.0)
    assert not hunter.charges


@pytest.mark.parametrize("module", MODULES)
def test_a_lost_reply_may_have_cost_a_credit(
    hunter: HunterApp, hunter_url: str, settings: Settings, module: Any
) -> None:
    hunter.script.append("drop")
    (failed,) = ask(
        module.build(configured(hunter_url, settings)), person("Jo", "Reed", email="j@acme.example")
    )
    assert isinstance(failed, Failed)
    assert failed.credits == 1.0
    with pytest.raises(ConfigurationError, match="SALES_AGENT_HUNTER_API_KEY"):
        module.build(settings)


@pytest.mark.parametrize("module", MODULES)
def test_an_answer_that_cannot_be_read_may_have_cost_a_credit(
    hunter: HunterApp, hunter_url: str, settings: Settings, module: Any
) -> None:
    hunter.script.append(Reply(200, "<html>"))
    asked: Provider = module.build(configured(hunter_url, settings))
    (failed,) = ask(asked, person("Jo", "Reed", email="j@acme.example"))
    assert failed == Failed(FailureKind.TRANSIENT, "the reply is no JSON object", credits=1.0)


def test_an_endless_reply_is_cut(
    hunter: HunterApp, hunter_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_agent_dagster.enrichment.api_client.MAX_REPLY_BYTES", 10)
    (failed,) = ask(domain.build(configured(hunter_url, settings)), lead(website_host="acme.example"))
    assert failed == Failed(FailureKind.PERMANENT, "the reply is too long", credits=1.0)


def test_a_provider_can_be_used_again_after_it_was_closed(
    hunter: HunterApp, hunter_url: str, settings: Settings
) -> None:
    asked = domain.build(configured(hunter_url, settings))
    for _ in range(2):
        assert isinstance(ask(asked, lead(website_host="acme.example"))[0], Found)
    asyncio.run(asked.close())
