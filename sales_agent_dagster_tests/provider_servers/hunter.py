"""Hunter: addresses at ``*.example`` firms that are made up from their names."""

from __future__ import annotations

from typing import Any

from sales_agent_dagster_tests.provider_servers.serving import ProviderApp, Question, Reply


class HunterApp(ProviderApp):
    """Domain search, finder and verifier of API v2.

    Attributes:
        working: how often a verification answers 202 before its result.
        opted_out: addresses and last names whose owner asked not to be processed.
    """

    prefix = "/v2"

    def reset(self) -> None:
        super().reset()
        self.working = 0
        self.opted_out: set[str] = set()

    def refuse_key(self) -> Reply:
        return error(401, "authentication_failed")

    def answer(self, question: Question) -> Reply:
        return _ANSWERS[question.path](self, question.params)

    def domain_search(self, params: dict[str, str]) -> Reply:
        domain = params["domain"]
        name = domain.partition(".")[0]
        self.charge(f"domain {domain}")
        data: dict[str, Any] = {"domain": domain, "disposable": False, "webmail": False, "emails": []}
        if "unknown" not in name:
            data |= {"pattern": "{first}", "organization": name.title(), "headcount": "11-50"}
            data["emails"] = [
                _address(f"info@{domain}", "generic", 80),
                _address(f"jo@{domain}", "personal", 70, "Jo", "Reed"),
                _address(f"al@{domain}", "personal", 95, "Al", "Stone", "Owner"),
                _address("al.stone@gmail.com", "personal", 99, "Al", "Stone"),
            ]
        return Reply(200, {"data": data, "meta": {"results": len(data["emails"]), "limit": 10}})

    def email_finder(self, params: dict[str, str]) -> Reply:
        first, last, domain = params["first_name"], params["last_name"], params["domain"]
        if last in self.opted_out:
            return error(451, "claimed_email")
        data: dict[str, Any] = {"first_name": first.title(), "last_name": last.title(), "email": None}
        data |= {"score": None, "domain": domain}
        if "unknown" not in last:
            self.charge(f"finder {first} {last}")
            host = "gmail.com" if last == "private" else domain
            data |= {"email": f"{first}@{host}", "score": 96, "position": "Owner", "linkedin_url": None}
            data["verification"] = {"date": "2026-01-02", "status": "valid"}
        return Reply(200, {"data": data, "meta": {"params": params}})

    def email_verifier(self, params: dict[str, str]) -> Reply:
        email = params["email"]
        if email in self.opted_out:
            return error(451, "claimed_email")
        if self.working > 0:
            self.working -= 1
            return Reply(202, {"data": {"email": email, "status": None}})
        if email.startswith("silent"):
            return Reply(222, {"data": {"email": email, "status": None}})
        self.charge(f"verifier {email}")
        status = "invalid" if email.startswith("gone") else "valid"
        return Reply(200, {"data": {"email": email, "status": status, "score": 91, "mx_records": True}})


def error(status: int, name: str, headers: dict[str, str] | None = None) -> Reply:
    """Hunter's form of an error."""
    return Reply(status, {"errors": [{"id": name, "code": status, "details": "told"}]}, headers or {})


def _address(
    email: str, kind: str, confidence: int, first: str | None = None, last: str | None = None, *more: str
) -> dict[str, Any]:
    return {
        "value": email,
        "type": kind,
        "confidence": confidence,
        "first_name": first,
        "last_name": last,
        "position": more[0] if more else None,
        "linkedin": f"https://www.linkedin.com/in/{first}-{last}".lower() if first else None,
        "sources": [],
    }


_ANSWERS = {
    "/domain-search": HunterApp.domain_search,
    "/email-finder": HunterApp.email_finder,
    "/email-verifier": HunterApp.email_verifier,
}
