from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.merge import NEARNESS, merged, settle, surest

FACTS = st.lists(
    st.builds(
        fact,
        st.sampled_from(["founded", "employees", "trades"]),
        st.sampled_from(["1", "2", "a", "A"]),
        st.sampled_from(NEARNESS),
        st.sampled_from([0.4, 0.6, 0.8]),
    ),
    max_size=6,
    unique_by=lambda item: item.id,
)


@given(FACTS)
def test_nothing_is_lost_and_no_loser_is_surer(facts: list[Fact]) -> None:
    settled = settle(facts)
    assert sorted(item.id for one in settled.values() for item in (one.winner, *one.losers)) == sorted(
        item.id for item in facts
    )
    for field, one in settled.items():
        assert all(item.field == field and item.confidence <= one.winner.confidence for item in one.losers)
    after = merged(facts)
    assert [(item.id, item.value, item.confidence) for item in after] == [
        (item.id, item.value, item.confidence) for item in facts
    ]
    assert merged(after) == after
    noted = {item.id for item in after if item.note}
    assert noted == {
        item.id
        for field, one in settled.items()
        if field != "trades"
        for item in one.losers
        if item.value.casefold() != one.winner.value.casefold()
    }


def test_of_equals_the_source_nearer_to_the_company_counts() -> None:
    page, apollo = fact("founded", "1990", "web page", 0.7), fact("founded", "1987", "apollo", 0.7)
    assert surest([apollo, page])["founded"] is page
    assert merged([apollo, page])[0].note == "web page says 1990"
    first = fact("founded", "1991", "web page", 0.7, number=1)
    assert surest([first, page])["founded"] is first
    assert surest([page, first])["founded"] is page


def test_a_note_that_is_there_stays() -> None:
    doubted = Fact("founded.apollo", "founded", "1987", "apollo", 0.5, note="address says 1980")
    assert merged([fact("founded", "1990", "web page", 0.7), doubted])[1] is doubted
