import asyncio
from dataclasses import dataclass, make_dataclass, replace
from enum import Enum
from functools import partial
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.types import Interrupt
from pydantic import BaseModel

from sales_agent_dagster.agents.enrichment.state import EnrichmentState
from sales_agent_dagster.agents.growth.state import GrowthState
from sales_agent_dagster.agents.marketing.graph import compiled_graph, resumption
from sales_agent_dagster.agents.marketing.state import CampaignState
from sales_agent_dagster.agents.qualification.state import QualificationState
from sales_agent_dagster.agents.runtime import AgentContext
from sales_agent_dagster.agents.serialization import StateSerializer, UnreadableState, record_types
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster_tests.agents.engines import SCOPE
from sales_agent_dagster_tests.agents.marketing.leads import bare, lead

ModelT = TypeVar("ModelT", bound=BaseModel)


class Words(BaseModel):
    said: list[str]
    pairs: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Answered(Generic[ModelT]):
    value: ModelT
    kind: Literal["a", "b"]


@dataclass(frozen=True)
class Unlisted:
    value: int


class Color(Enum):
    RED = 1


class Loudness(Enum):
    HIGH = 1


class State(TypedDict, total=False):
    answers: list[Answered[Words] | None]
    tier: Annotated[Tier, "known"]
    colors: dict[str, tuple[Color, ...]]
    anything: Any


SERIALIZER = StateSerializer(State)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)
VALUES = (
    PLAIN
    | st.sampled_from([*Tier, *Color])
    | st.builds(
        Answered,
        st.builds(Words, said=st.lists(st.text()), pairs=st.just(((1, "x"),))),
        st.sampled_from(["a", "b"]),
    )
)


def again(value: object, serializer: StateSerializer = SERIALIZER) -> object:
    return serializer.loads_typed(serializer.dumps_typed(value))


def same(one: object, other: object) -> bool:
    """Equal, and of the same types at every depth."""
    return one == other and repr(one) == repr(other)


@given(st.lists(VALUES))
def test_every_value_comes_back_as_it_was(values: list[object]) -> None:
    state = {"answers": values, "anything": tuple(values)}
    assert same(again(state), state)


def test_the_types_are_those_that_the_state_names() -> None:
    assert record_types(State) == {Answered, Words, Tier, Color}


@pytest.mark.parametrize("state", [QualificationState, EnrichmentState, GrowthState, CampaignState])
def test_the_agents_states_name_their_types(state: type) -> None:
    names = {kind.__name__ for kind in record_types(state)}
    assert names > {"Answer", "NoAnswer"}
    assert StateSerializer(state).version == StateSerializer(state).version


@pytest.mark.parametrize(
    "value",
    [lambda: 1, partial(print, 1), Tier.GOLD.reaches, Unlisted, Unlisted(3), Loudness.HIGH],
    ids=["function", "partial", "method", "class", "undeclared record", "undeclared enum"],
)
def test_what_could_not_be_read_back_is_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        SERIALIZER.dumps_typed({"anything": value})


def test_only_declared_types_are_rebuilt() -> None:
    stored = SERIALIZER.dumps_typed({"answers": [Answered(Words(said=[]), "a")]})
    with pytest.raises(UnreadableState):
        StateSerializer(TypedDict("Less", {"a": int})).loads_typed(stored)


def test_marks_of_langgraph_and_its_safe_types_pass() -> None:
    marks = {"anything": [Interrupt("wait", id="1"), UUID(int=5), frozenset({1})]}
    assert again(marks) == marks


@pytest.mark.parametrize(
    "stored",
    [
        ("pickle", b""),
        ("state", b"\xc1"),
        ("state", b"\xc7\x01\x09\xc0"),
        ("state", b""),
        ("state", b"\xc7\x00\x02"),
    ],
)
def test_anything_else_is_an_error(stored: tuple[str, bytes]) -> None:
    with pytest.raises(UnreadableState):
        SERIALIZER.loads_typed(stored)


def test_values_that_their_type_refuses_are_an_error() -> None:
    name, blob = SERIALIZER.dumps_typed(Words(said=["x"]))
    with pytest.raises(UnreadableState):
        SERIALIZER.loads_typed((name, blob.replace(b"said", b"sang")))
    with pytest.raises(UnreadableState):
        SERIALIZER.loads_typed(("state", SERIALIZER.dumps_typed(Color.RED)[1].replace(b"\x01", b"\x02")))


def test_constants_are_stored_by_name_and_come_back_themselves() -> None:
    rule = Unlisted(1)
    serializer = StateSerializer(State, {"one": rule})
    assert again({"anything": [rule]}, serializer)["anything"][0] is rule  # type: ignore[index]
    with pytest.raises(UnreadableState):
        StateSerializer(State, {"two": rule}).loads_typed(serializer.dumps_typed(rule))


def test_the_version_follows_the_shape_of_the_types() -> None:
    fields = {"A": [("x", int)], "B": [("x", int), ("y", int)], "C": [("x", str)]}
    versions = {SERIALIZER.version, StateSerializer(State, {"one": 1}).version}
    for shape in fields.values():
        kind = make_dataclass("Shape", shape)
        versions.add(StateSerializer(TypedDict("Holding", {"a": kind})).version)
    assert len(versions) == 5


def test_the_marketing_agents_whole_state_comes_back(profile: Profile) -> None:
    leads = [
        lead(lead_id="a"),
        bare(lead_id="b", phone_kind="geographic"),
        replace(lead(), facts=[{"id": 1}]),
    ]
    context = AgentContext(ScorecardEngine(), profile, SCOPE)
    state = asyncio.run(compiled_graph().ainvoke({"leads": leads}, context=context))
    assert {type(campaign).__name__ for campaign in state["campaigns"]} == {"Campaign", "NoAnswer"}
    assert same(again(state, resumption().serializer), state)
