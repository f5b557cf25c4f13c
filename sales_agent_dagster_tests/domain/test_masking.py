import pytest

from sales_agent_dagster.crm.errors import InvalidRequest
from sales_agent_dagster.crm.operations import Failed, FailureClass
from sales_agent_dagster.domain.masking import masked


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("jo@acme.example is taken", "*** is taken"),
        ("Contact <jo.reed@acme.example> exists", "Contact <***> exists"),
        ("invalid phone: +1 (212) 555-0100.", "invalid phone: ***."),
        ("2125550100", "***"),
        ("400 of 1000 rows in 3.5 s", "400 of 1000 rows in 3.5 s"),
        ("lead_eTeBLvYhrP7ilHOEhmCJ2npQ differs", "lead_eTeBLvYhrP7ilHOEhmCJ2npQ differs"),
    ],
)
def test_addresses_and_numbers_are_masked_and_nothing_else(text: str, left: str) -> None:
    assert masked(text) == left
    assert masked(left) == left


def test_what_a_crm_says_is_masked_wherever_it_is_told() -> None:
    assert str(InvalidRequest("jo@acme.example is no good")) == "*** is no good"
    failed = Failed("op", FailureClass.VALIDATION, "jo@acme.example is no good", "Mend it.")
    assert failed.message == "*** is no good"
