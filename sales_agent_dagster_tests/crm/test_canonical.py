from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.crm.canonical import canonical, items_of, same
from sales_agent_dagster.crm.fields import Kind


@pytest.mark.parametrize(
    ("kind", "name", "left", "right"),
    [
        (Kind.COMPANY, "company", "Ácme  Power ", "A\u0301cme Power"),
        (Kind.COMPANY, "city", "", None),
        (Kind.CONTACT, "email", "Jo@Acme.example ", "mailto:jo@acme.example"),
        (Kind.COMPANY, "phone", "(330) 555-0101", "+13305550101"),
        (Kind.COMPANY, "phone", "ask  Jo", "ask Jo"),
        (Kind.COMPANY, "website", "https://www.Acme.example/", "acme.example"),
        (Kind.COMPANY, "brands", "Generac, Kohler", "kohler,Generac, generac"),
        (Kind.COMPANY, "score", "61.250", 61.25),
        (Kind.COMPANY, "score", -0.0, 0.0),
        (Kind.COMPANY, "score", "many", "many "),
        (Kind.COMPANY, "do_not_call", "true", True),
        (Kind.COMPANY, "do_not_call", 0.0, False),
        (Kind.COMPANY, "last_enriched_at", "2026-03-02T09:30:00Z", "2026-03-02T10:30:00+01:00"),
        (Kind.COMPANY, "last_enriched_at", "2026-03-02T09:30:00", "2026-03-02T09:30:00+00:00"),
        (Kind.COMPANY, "last_enriched_at", "soon", " soon"),
        (Kind.COMPANY, "unheard_of", " a  b", "a b"),
        (Kind.COMPANY, "unheard_of", 5.0, 5.0),
    ],
)
def test_spellings_of_one_value(kind: Kind, name: str, left: Any, right: Any) -> None:
    assert same(kind, name, left, right)
    assert canonical(kind, name, left) == canonical(kind, name, right)


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("company", "Acme", "acme"),
        ("website", "https://acme.example/a", "https://acme.example/A"),
        ("brands", "Generac", "Generac, Kohler"),
        ("score", 1.0, 1.00001),
        ("city", "Akron", None),
    ],
)
def test_different_values(name: str, left: Any, right: Any) -> None:
    assert not same(Kind.COMPANY, name, left, right)


def test_items_of_a_list() -> None:
    assert items_of("a b ,  c, a b,,") == ["a b", "c"]
    assert items_of(None) == []
