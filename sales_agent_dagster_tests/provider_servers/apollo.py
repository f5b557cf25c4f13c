"""Apollo: organizations and people of ``*.example`` firms that are made up from their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sales_agent_dagster_tests.provider_servers.serving import ProviderApp, Question, Reply

UNKNOWN = "unknown"
"""A firm or person with this in the name is not known."""

BULK = 10
LIMITS = {"minute": 200, "hourly": 6_000, "daily": 20_000}


class ApolloApp(ProviderApp):
    """The endpoints for enrichment, with fixed windows counted in headers."""

    prefix = "/api/v1"

    def reset(self) -> None:
        super().reset()
        self.left = dict(LIMITS)
        self.order_changed = False

    def refuse_key(self) -> Reply:
        return Reply(401, "Invalid API key. Please check your credentials.")

    def more_headers(self) -> Mapping[str, str]:
        headers = {}
        for name, limit in LIMITS.items():
            headers[f"x-rate-limit-{name}"] = str(limit)
            headers[f"x-{name}-requests-left"] = str(self.left[name])
            headers[f"x-{name}-usage"] = str(limit - self.left[name])
        return headers

    def answer(self, question: Question) -> Reply:
        for name in self.left:
            if self.left[name] == 0:
                words = {"minute": "minute", "hourly": "hour", "daily": "day"}[name]
                told = f"The maximum number of api calls allowed is {LIMITS[name]} times per {words}."
                return Reply(429, {"message": told})
            self.left[name] -= 1
        if self.balance <= 0:
            told = {"status": "failed", "error_message": "You have insufficient credits."}
            return Reply(422, told)
        return _ANSWERS[question.method, question.path](self, question)

    def enrich(self, question: Question) -> Reply:
        return Reply(200, {"organization": self._organization(question.params["domain"])})

    def bulk_enrich(self, question: Question) -> Reply:
        details = question.body["details"]
        if len(details) > BULK:
            return _too_many()
        found = [self._organization(detail["domain"]) for detail in details]
        if self.order_changed:
            found.reverse()
        known = [item for item in found if item]
        return Reply(
            200,
            {
                "status": "success",
                "error_code": None,
                "total_requested_domains": len(details),
                "unique_domains": len({detail["domain"] for detail in details}),
                "unique_enriched_records": len(known),
                "missing_records": len(details) - len(known),
                "organizations": found,
            },
        )

    def match(self, question: Question) -> Reply:
        return Reply(200, {"person": self._person(question.params, question.params)})

    def bulk_match(self, question: Question) -> Reply:
        details = question.body["details"]
        if len(details) > BULK:
            return _too_many()
        found = [self._person(detail, question.params) for detail in details]
        known = sum(person is not None for person in found)
        return Reply(
            200,
            {
                "status": "success",
                "total_requested_enrichments": len(details),
                "unique_enriched_records": known,
                "missing_records": len(details) - known,
                "credits_consumed": known,
                "matches": found,
            },
        )

    def _organization(self, domain: str) -> dict[str, Any] | None:
        name = domain.partition(".")[0]
        if UNKNOWN in name:
            return None
        self.charge(f"organization {domain}")
        return {
            "id": f"org-{name}",
            "name": name.title(),
            "website_url": f"http://www.{domain}",
            "linkedin_url": f"http://www.linkedin.com/company/{name}",
            "primary_domain": domain,
            "industry": "construction",
            "estimated_num_employees": 10 + len(name),
            "founded_year": 1990 + len(name),
            "street_address": "1 Example Street",
            "city": "Austin",
            "state": "Texas",
            "postal_code": "78701",
            "country": "United States",
            "primary_phone": {"number": "+1 512-867-5309", "source": "Owler"},
            "annual_revenue": 1_500_000.0,
            "annual_revenue_printed": "1.5M",
            "technology_names": ["WordPress", "Google Analytics"],
            "short_description": f"{name.title()} installs things.",
            "owned_by_organization": None,
        }

    def _person(self, asked: Mapping[str, str], reveal: Mapping[str, str]) -> dict[str, Any] | None:
        first, last = asked["first_name"], asked["last_name"]
        if UNKNOWN in last:
            return None
        self.charge(f"person {first} {last}")
        private = reveal.get("reveal_personal_emails") == "true" or last == "private"
        domain = "gmail.com" if private else asked["domain"]
        return {
            "id": f"person-{first}-{last}",
            "first_name": first.title(),
            "last_name": last.title(),
            "name": f"{first.title()} {last.title()}",
            "title": "Owner",
            "linkedin_url": f"http://www.linkedin.com/in/{first}-{last}",
            "email": f"{first}@{domain}",
            "email_status": "unavailable" if last == "hidden" else "verified",
        }


def _too_many() -> Reply:
    told = {"status": "failed", "error_code": "RECORD_LIMIT_EXCEEDED", "error_message": "At most 10."}
    return Reply(422, told)


_ANSWERS = {
    ("GET", "/organizations/enrich"): ApolloApp.enrich,
    ("POST", "/organizations/bulk_enrich"): ApolloApp.bulk_enrich,
    ("POST", "/people/match"): ApolloApp.match,
    ("POST", "/people/bulk_match"): ApolloApp.bulk_match,
}
