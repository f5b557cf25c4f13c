from __future__ import annotations

import pytest
import zipcodes

from sales_agent_dagster.domain.zip_states import state_of_zip


def test_states_are_those_of_the_zip_data() -> None:
    crossing = {"063", "205", "726", "739", "834", "967", "969"}
    told = [(entry["zip_code"], entry["state"]) for entry in zipcodes.list_all()]
    told = [(code, state) for code, state in told if state not in ("AA", "AE", "AP")]
    near = [(code, state) for code, state in told if code[:3] not in crossing]
    wrong = [(code, state) for code, state in near if state_of_zip(code) not in ("", state)]
    assert wrong == []
    known = [bool(state_of_zip(code)) for code, _ in told]
    assert sum(known) / len(known) > 0.999


@pytest.mark.parametrize("text", ["", "12", "M5V2T6", "000", "abcde"])
def test_what_is_no_zip_has_no_state(text: str) -> None:
    assert state_of_zip(text) == ""
