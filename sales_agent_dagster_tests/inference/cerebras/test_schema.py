from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, RootModel

from sales_agent_dagster.agents.enrichment.state import Reading
from sales_agent_dagster.agents.growth.state import Narrative
from sales_agent_dagster.agents.marketing.words import FORMATS
from sales_agent_dagster.agents.qualification.state import Judgement
from sales_agent_dagster.inference.cerebras.errors import UnsupportedSchema
from sales_agent_dagster.inference.cerebras.schema import strict_schema
from sales_agent_dagster_tests.cerebras_server.checking import check_strict

AGENTS = [Judgement, Reading, Narrative, *(form.output_type for form in FORMATS.values())]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part:
    name: Annotated[str, Field(max_length=5)]
    size: int = 3


class Whole(BaseModel):
    """For readers of the code."""

    colour: Colour
    kind: Literal["only"]
    first: Part = Field(description="The first part.")
    parts: list[Part] = Field(min_length=1, max_length=4)
    ratio: float = Field(default=0.5, ge=0, lt=1, multiple_of=0.25)
    code: str | None = Field(default=None, pattern="^[a-z]+$", min_length=2)
    either: int | str


PART = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["name", "size"],
    "additionalProperties": False,
}


def test_a_model_becomes_one_flat_strict_schema() -> None:
    found = strict_schema(Whole)
    assert found.name == "whole"
    assert found.schema == {
        "type": "object",
        "properties": {
            "colour": {"type": "string", "enum": ["red", "blue"]},
            "kind": {"type": "string", "enum": ["only"]},
            "first": {**PART, "description": "The first part."},
            "parts": {"type": "array", "items": PART},
            "ratio": {"type": "number"},
            "code": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        },
        "required": ["colour", "kind", "first", "parts", "ratio", "code", "either"],
        "additionalProperties": False,
    }


def test_what_strict_mode_cannot_say_is_said_in_words() -> None:
    assert strict_schema(Whole).notes.splitlines() == [
        "- first.name: at most 5 characters",
        "- parts: at least 1 items, at most 4 items",
        "- parts[].name: at most 5 characters",
        "- ratio: at least 0, less than 1, a multiple of 0.25",
        "- code: at least 2 characters, must match ^[a-z]+$",
    ]


@pytest.mark.parametrize("output_type", AGENTS)
def test_every_agents_schema_is_strict(output_type: type[BaseModel]) -> None:
    found = strict_schema(output_type)
    check_strict(found.schema, "schema")
    Draft202012Validator.check_schema(found.schema)


def test_names_are_snake_case_without_what_a_name_may_not_hold() -> None:
    class ABigHTTPAnswer(BaseModel):
        text: str

    class Generic2(BaseModel):
        text: str

    Generic2.__name__ = "Generic[int, str]" + "x" * 80
    assert strict_schema(ABigHTTPAnswer).name == "abig_httpanswer"
    assert strict_schema(Generic2).name.startswith("generic_int_str_xxx")
    assert len(strict_schema(Generic2).name) == 64


def test_it_is_made_once_per_model() -> None:
    assert strict_schema(Whole) is strict_schema(Whole)
    assert hash(strict_schema(Whole)) == hash(strict_schema(Whole))


def test_a_changed_bound_or_shape_changes_the_hash() -> None:
    def hash_of(field: Any) -> str:
        class Answer(BaseModel):
            score: float = field

        return strict_schema(Answer).hash

    hashes = [hash_of(Field()), hash_of(Field(ge=0)), hash_of(Field(ge=1)), hash_of(Field(description="x"))]
    assert len(set(hashes)) == 4
    assert hash_of(Field(ge=0)) == hashes[1]


class Chain(BaseModel):
    rest: Chain | None = None


class Mapped(BaseModel):
    values: dict[str, int]


class Anything(BaseModel):
    value: Any


class Pair(BaseModel):
    pair: tuple[int, str]


class Loose(BaseModel):
    values: list


class Nothing(BaseModel):
    nothing: tuple[()]


class Numbers(RootModel[list[int]]):
    pass


class Listed(BaseModel):
    inner: list[Chain]


@pytest.mark.parametrize(
    ("output_type", "fault"),
    [
        (Chain, "Chain refers to itself"),
        (Listed, r"inner\[\]\.rest: Chain refers to itself"),
        (Mapped, "values: an object without fixed properties"),
        (Anything, "value: a value of any type"),
        (Pair, "pair: strict mode has no prefixItems"),
        (Loose, r"values\[\]: a value of any type"),
        (Nothing, "nothing: a list without a type of its items"),
        (Numbers, "Numbers is not an object"),
    ],
)
def test_what_has_no_fixed_shape_is_refused_with_its_place(output_type: type[BaseModel], fault: str) -> None:
    with pytest.raises(UnsupportedSchema, match=fault):
        strict_schema(output_type)
