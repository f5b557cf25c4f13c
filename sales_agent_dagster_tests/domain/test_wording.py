import pytest

from sales_agent_dagster.domain.wording import Wording, affirmed, read_wording


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("Example Home & Commercial Services", Wording("commercial", "home", None, None, ("service",))),
        ("EXAMPLE INDUSTRIAL DIESEL REPAIR", Wording("industrial", None, None, None, ("repair",))),
        ("Total Example Solutions", Wording(None, None, "solutions", "total", ())),
        ("Example Emergency Serv. 24/7", Wording(None, None, None, None, ("service", "emergency", "24/7"))),
        ("Example Maint & Support", Wording(None, None, None, None, ("maintenance", "support"))),
        ("Exampleserve Homestead Totally Careful", Wording(None, None, None, None, ())),
    ],
)
def test_words_about_customers_and_service(text: str, wording: Wording) -> None:
    assert read_wording(text) == wording


@pytest.mark.parametrize(
    ("notes", "left"),
    [
        ("Does repairs. No maintenance; 24/7", "Does repairs;  24/7"),
        ("They don't do commercial work", ""),
        ("Knows nothing of it", "Knows nothing of it"),
    ],
)
def test_denials_are_not_evidence(notes: str, left: str) -> None:
    assert affirmed(notes).split() == left.split()
