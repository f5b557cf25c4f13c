"""Answers follow from the payload; a prompt without it gets one that is not about the lead."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from sales_agent_dagster.agents.enrichment.state import Reading
from sales_agent_dagster.agents.growth.state import Narrative
from sales_agent_dagster.agents.marketing.words import FORMATS
from sales_agent_dagster.agents.qualification.state import Judgement
from sales_agent_dagster.inference.cerebras.schema import strict_schema
from sales_agent_dagster_tests.cerebras_server.repliers import REPLIERS, answer
from sales_agent_dagster_tests.cerebras_server.repliers.generic import conform, fill
from sales_agent_dagster_tests.cerebras_server.responses import payload_of

AGENTS = [Judgement, Reading, Narrative, *(form.output_type for form in FORMATS.values())]
CARD = {"resimercial": "50: unknown", "multi_oem": "25: brands", "mep_r": "60: trades", "o_and_m": "25: none"}


def asked(output_type: type[BaseModel], payload: dict[str, Any] | None, items: int = 1) -> Any:
    schema = strict_schema(output_type)
    return answer(schema.name, schema.schema, payload, "", items)


def test_every_agent_has_a_replier() -> None:
    assert {strict_schema(output_type).name for output_type in AGENTS} == REPLIERS.keys()


@pytest.mark.parametrize("items", [0, 1, 3])
@pytest.mark.parametrize("output_type", AGENTS)
def test_without_a_payload_an_answer_is_plausible_and_about_nothing(
    output_type: type[BaseModel], items: int
) -> None:
    for payload in (None, {}, {"other": "prompt"}):
        value = asked(output_type, payload, items)
        Draft202012Validator(strict_schema(output_type).schema).validate(value)
        output_type.model_validate(value)


def test_a_judgement_follows_from_facts_and_scorecard() -> None:
    facts = {"name": "Example", "brands": "Generac, Kohler, Cummins", "notes": "Maintenance plans for all."}
    value = asked(Judgement, {"facts": facts, "scorecard": CARD})
    found = [(rating["factor"], rating["rating"], rating["evidence"]) for rating in value["ratings"]]
    assert found == [("multi_oem", "higher", ["brands"]), ("o_and_m", "higher", ["notes"])]
    facts = {"name": "Example", "notes": "There is no service."}
    value = asked(Judgement, {"facts": facts, "scorecard": CARD})
    assert [(rating["factor"], rating["rating"]) for rating in value["ratings"]] == [
        ("o_and_m", "much_lower")
    ]
    assert value["objections"] == ["Carries no known brand."]


def test_a_reading_quotes_its_text() -> None:
    texts = {"notes": "Standby power since 1987. Residential and commercial.", "brands": "Generac"}
    value = asked(Reading, {"texts": texts})
    found = {(fact["topic"], fact["value"]) for fact in value["facts"]}
    assert found == {
        ("trade", "generator"),
        ("customers", "homes"),
        ("customers", "businesses"),
        ("brand", "Generac"),
        ("founded", "1987"),
    }
    assert all(fact["quote"] in texts[fact["source"]] for fact in value["facts"])


def test_a_narrative_cites_figures_by_their_ids() -> None:
    figures = {"territory": "Ohio", "territory_leads": "12", "gap_1": "service", "nothing": None}
    value = asked(Narrative, {"figures": figures})
    assert value["summary"] == "One of [territory_leads] companies in [territory]."
    assert [play["figure"] for play in value["plays"]] == ["gap_1"]
    assert asked(Narrative, {"figures": {"brands": "2"}})["summary"] == "Stands at [brands]."


def test_words_cite_the_facts_that_they_use() -> None:
    payload = {
        "facts": {"brands.1": "Generac", "trades.2": "standby generators"},
        "segment": {"state": "Ohio"},
    }
    for output_type in AGENTS[3:]:
        value = output_type.model_validate(asked(output_type, payload))
        words = value.model_dump_json()
        public = output_type.__name__ in ("SocialWords", "BlogWords")
        assert ("Ohio" if public else "Generac") in words
        assert public or "brands.1" in words


def test_what_a_replier_leaves_out_is_filled_in_and_what_is_not_asked_for_left_out() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "boolean"}}},
    }
    assert conform(schema, {"a": 7, "z": 1}) == {"a": 7, "b": [False]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["x", "y"]}, "x"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": "string", "minLength": 6}, "text.."),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "number", "maximum": 0.5}, 0.5),
        ({"type": "array", "minItems": 2, "items": {"type": "integer"}}, [1, 1]),
        ({"type": "boolean"}, False),
    ],
)
def test_bounds_that_are_known_are_kept(schema: dict[str, Any], value: object) -> None:
    assert fill(schema) == value


def message(role: str, content: object) -> dict[str, Any]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("messages", "payload"),
    [
        ([message("user", '{"a": 1}')], {"a": 1}),
        ([message("user", 'Data:\n```json\n{"a": 1}\n```')], {"a": 1}),
        ([message("user", [{"type": "text", "text": '{"a": 1}'}])], {"a": 1}),
        ([message("user", '{"a": 1}'), message("user", "Give it again.")], {"a": 1}),
        ([message("system", '{"a": 1}'), message("user", "[1]")], None),
        ([message("user", None)], None),
    ],
)
def test_the_payload_is_the_last_object_that_a_user_sent(
    messages: list[dict[str, Any]], payload: object
) -> None:
    assert payload_of(messages) == payload
