"""Made-up firms as columns of ``imported_leads``: which of them are alike, and how much."""

from __future__ import annotations

from typing import Any

Columns = dict[str, Any]

ACME: Columns = {
    "company_name": "Acme Generator Service LLC",
    "phone": "+13305550101",
    "website": "https://acmegenerator.example",
    "website_host": "acmegenerator.example",
    "domain": "acmegenerator.example",
    "email": "office@acmegenerator.example",
    "street": "12 Main Street",
    "city": "Akron",
    "state": "OH",
    "zip": "44301",
}
ACME_AGAIN: Columns = {**ACME, "company_name": "ACME GENERATOR SVC", "street": None, "email": None}
"""The same firm, from another list: merged."""

ACME_MAYBE: Columns = {"company_name": "Acme Generator Service", "state": "OH"}
"""May be the same firm: reviewed."""

ZENITH: Columns = {
    "company_name": "Zenith Roofing",
    "phone": "+14195550177",
    "website": "https://zenithroofing.example",
    "website_host": "zenithroofing.example",
    "domain": "zenithroofing.example",
    "street": "9 Oak Avenue",
    "city": "Toledo",
    "state": "OH",
    "zip": "43604",
}

BRIDGE: Columns = {
    "company_name": "Acme Generator Service dba Zenith Roofing",
    "phone": ACME["phone"],
    "phone_2": ZENITH["phone"],
    "website": ZENITH["website"],
    "email": ACME["email"],
}
"""As much like one of two companies as like the other."""

ACME_TAMPA: Columns = {
    **ACME,
    "company_name": "Acme Generator Service of Tampa",
    "phone": "+18135550155",
    "email": None,
    "street": "700 Bay Road",
    "city": "Tampa",
    "state": "FL",
    "zip": "33602",
}
"""A branch."""


def firm(number: int) -> Columns:
    """A firm like no other."""
    words = [
        "Birch",
        "Cedar",
        "Dogwood",
        "Elm",
        "Fir",
        "Ginkgo",
        "Hazel",
        "Ironwood",
        "Juniper",
        "Katsura",
        "Larch",
        "Maple",
        "Nutmeg",
        "Oak",
        "Pine",
    ]
    cities = [
        "Ames",
        "Boone",
        "Clive",
        "Dyer",
        "Eldora",
        "Fonda",
        "Garner",
        "Hull",
        "Ionia",
        "Jesup",
        "Keota",
        "Lamoni",
        "Malvern",
        "Newton",
        "Orient",
    ]
    word = words[number]
    return {
        "company_name": f"{word} Electric",
        "phone": f"+1515555{1000 + 7 * number}",
        "website": f"https://{word.lower()}electric.example",
        "street": f"{100 + 13 * number} {word} Road",
        "city": cities[number],
        "state": "IA",
        "zip": f"5{number:02}{number:02}",
    }
