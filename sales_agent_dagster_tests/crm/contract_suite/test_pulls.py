"""What a pull must survive: caps, dying cursors, ends in the middle, and everything told twice and late."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Page
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm import pulling
from sales_agent_dagster.stages.crm.pulling import pull, store_page, watermark
from sales_agent_dagster.stages.crm.stored import snapshots_of
from sales_agent_dagster.warehouse.schema import crm_leads, crm_link
from sales_agent_dagster_tests.crm.contract_suite.conftest import Syncs
from sales_agent_dagster_tests.crm.contract_suite.stands import Stand, keys_of
from sales_agent_dagster_tests.stages.crm.wanting import company, want

FIRMS = 32


def stream_of(stand: Stand) -> str:
    """The stream in which the CRM's companies come."""
    names = {"salesforce_leads": "leads", "salesforce": "accounts"}
    return names.get(stand.vendor, "companies")


def stored(syncs: Syncs) -> dict[str, datetime]:
    """When what is stored was changed last, by id."""
    row = crm_leads.c
    with syncs.warehouse.reading() as connection:
        return dict(connection.execute(sa.select(row.remote_id, row.modified_at)).tuples().all())


def there(stand: Stand) -> dict[str, datetime]:
    return {record.remote_id: record.modified_at for record in stand.companies()}


def paged(syncs: Syncs, change: Callable[[int], None], only: str | None = None) -> Any:
    """A context whose pulls call ``change`` after each page, with its number."""
    context = syncs.context()
    original = context.connector.pull

    def turned(stream: str, since: datetime | None) -> Iterator[Page]:
        for number, page in enumerate(original(stream, since)):
            yield page
            if only in (None, stream):
                change(number)

    context.connector.pull = turned
    return context


@pytest.fixture
def as_it_was(stand: Stand) -> Iterator[None]:
    """Takes back what ``paged`` did."""
    yield
    vars(stand.connector).pop("pull", None)


def test_12_000_records_cross_every_cap(stand: Stand) -> None:
    stand.fill(12_000, seconds=0.01)
    stand.advance(600)
    pages = list(stand.connector.pull(stream_of(stand), None))
    seen = Counter(record.remote_id for page in pages for record in page.records)
    assert len(seen) == 12_000
    assert set(seen.values()) == {1}
    told = [page.complete_to for page in pages if page.complete_to is not None]
    assert told == sorted(told)


def test_a_pull_across_caps_is_stored_whole(
    syncs: Syncs, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.fill(FIRMS // 2)
    stand.fill(FIRMS // 2, seconds=2)
    stand.advance(600)
    stand.read_in_bits(monkeypatch)
    pull(syncs.context())
    assert stored(syncs) == there(stand)
    mark = watermark(syncs.context(), stream_of(stand))
    assert mark is not None
    assert mark <= max(stored(syncs).values())


def test_cursors_that_die_at_every_page(
    syncs: Syncs, stand: Stand, monkeypatch: pytest.MonkeyPatch, as_it_was: None
) -> None:
    stand.fill(FIRMS, seconds=2)
    stand.advance(600)
    stand.read_in_bits(monkeypatch)
    first = stand.companies()[0].remote_id

    def expire(number: int) -> None:
        stand.expire_cursors()
        if number == 2:
            stand.edit(first, company="Another name")

    pull(paged(syncs, expire, stream_of(stand)))
    assert stored(syncs).keys() == there(stand).keys()
    del stand.connector.pull  # type: ignore[method-assign]
    stand.advance(600)
    pull(syncs.context())
    assert stored(syncs) == there(stand), "what was edited meanwhile, too"


@pytest.mark.parametrize("where", ["reading", "storing"])
def test_the_watermark_never_passes_what_is_not_stored(
    syncs: Syncs, stand: Stand, monkeypatch: pytest.MonkeyPatch, as_it_was: None, where: str
) -> None:
    """Broken off at each page, by what is read or by what is written, and taken up again."""
    stand.fill(FIRMS, seconds=40)
    stand.advance(600)
    whole = there(stand)
    stand.read_in_bits(monkeypatch)
    move, left = pulling._move, 0

    def breaks(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise ConnectionResetError

    def stores(*arguments: Any) -> None:
        move(*arguments)
        breaks()

    context = syncs.context()
    if where == "reading":
        context = paged(syncs, breaks, stream_of(stand))
    else:
        monkeypatch.setattr(pulling, "_move", stores)
    broken = 0
    for left in (1, 2, 1, 3, 2, 4, 1, 99):  # noqa: B007 - ``breaks`` counts it down
        try:
            pull(context, [stream_of(stand)])
        except ConnectionResetError:
            broken += 1
        mark, known = watermark(context, stream_of(stand)), stored(syncs)
        passed = {key for key, changed in whole.items() if mark is not None and changed <= mark}
        assert passed <= known.keys()
        assert known.items() <= whole.items()
    assert broken >= 4
    assert stored(syncs) == whole


def happen(stand: Stand, syncs: Syncs) -> list[Page]:
    """People do this and that; all that was told after each step, and what webhooks told."""
    ids = {str(record.external_key): record.remote_id for record in stand.companies()}
    told: list[Page] = []

    def tell() -> None:
        stand.advance(61)
        for stream in stand.connector.capabilities.streams:
            told.extend(stand.connector.pull(stream.name, None))
        events = stand.delivered()
        told.extend(Page(events=events[at : at + 3]) for at in range(0, len(events), 3))

    tell()
    for step in (
        lambda: stand.edit(ids["E0"], city="Kent"),
        lambda: stand.edit(ids["E1"], city="Akron"),
        lambda: stand.edit(ids["E0"], city="Medina"),
        lambda: stand.delete(ids["E2"]),
        lambda: stand.merge(ids["E3"], ids["E1"]),
        lambda: stand.edit(ids["E1"], city="Canton"),
    ):
        step()
        tell()
    return told


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("first", [True, False], ids=["before the pull", "after it"])
def test_what_comes_doubled_and_in_any_order_changes_nothing(
    syncs: Syncs, stand: Stand, first: bool, seed: int
) -> None:
    want(syncs.warehouse, "batch-1", [company(f"E{n}", score=1.0) for n in range(5)])
    syncs()
    told = happen(stand, syncs) * 2
    random.Random(seed).shuffle(told)
    living = {record.remote_id: record for record in stand.companies()}
    if not first:
        syncs()
    for page in told:
        store_page(syncs.context(), page)
    cards = [syncs(), syncs()]
    assert [(card["created"], card["updated"], card["rejected"]) for card in cards] == [(0, 0, 0)] * 2
    assert keys_of(stand.companies()) == ["E0", "E1", "E4"]
    row = crm_link.c
    with syncs.warehouse.reading() as connection:
        states = dict(connection.execute(sa.select(row.external_key, row.state)).tuples().all())
        known = snapshots_of(connection, syncs.context().crm, Kind.COMPANY, living)
    assert states == {"E0": "linked", "E1": "linked", "E2": "gone", "E3": "shared", "E4": "linked"}
    assert {key: one.fields.get("city") for key, one in known.items()} == {
        key: one.fields.get("city") for key, one in living.items()
    }
    assert not any(one.archived for one in known.values())
    assert syncs.left() == []
