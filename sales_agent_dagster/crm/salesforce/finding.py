"""Reading records: by id, by key, and what took the place of those that went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.record import Record
from sales_agent_dagster.crm.salesforce.client import Client, Row
from sales_agent_dagster.crm.salesforce.layout import HOLDERS, Layout, SObject, sobject_of
from sales_agent_dagster.crm.salesforce.records import record_of, records_of
from sales_agent_dagster.crm.salesforce.soql import moment, one_of

MAX_STEPS = 10
"""Most merges after one another that are followed."""

_LOOKED_FOR = (Kind.COMPANY, Kind.CONTACT)


class Finder:
    """Reads records of one organisation."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    def columns(self, sobject: SObject) -> list[str]:
        """Columns to read: those of the layout that the organisation has."""
        return [name for name in self._layout.selected(sobject) if self._client.has(sobject, name)]

    def among(self, sobject: SObject, column: str, values: Iterable[str]) -> Iterator[str]:
        """Conditions that a column is one of the values; none where the user may not see the column."""
        return one_of(column, values) if self._client.has(sobject, column) else iter(())

    def has(self, sobject: SObject, column: str) -> bool:
        """Whether the user may see a column."""
        return self._client.has(sobject, column)

    def select(self, sobject: SObject, condition: str, *, deleted: bool = False) -> list[Row]:
        """All rows of an object that fulfil a condition; none of one that the user may not see."""
        columns = ", ".join(self.columns(sobject))
        if not columns:
            return []
        return self._client.rows(f"SELECT {columns} FROM {sobject} WHERE {condition}", deleted=deleted)

    def record(self, kind: Kind, sobject: SObject, row: Row) -> Record | None:
        """A row as a record of a kind."""
        return record_of(self._layout, kind, sobject, row, self._client.url)

    def appeared(self, sobject: SObject, since: datetime | None) -> Iterator[Record]:
        """Companies and people of an object that were created at or after ``since`` without our key."""
        if not any(sobject in HOLDERS[kind] for kind in _LOOKED_FOR) or not self.columns(sobject):
            return
        conditions = [f"CreatedDate >= {moment(since)}"] if since else []
        keys = {self._layout.key(kind, sobject) for kind in _LOOKED_FOR if sobject in HOLDERS[kind]}
        conditions += [f"{key} = null" for key in sorted(keys) if self._client.has(sobject, key)]
        if sobject is SObject.LEAD:
            conditions.append("IsConverted = false")
        columns = ", ".join(self.columns(sobject))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        for page in self._client.pages(f"SELECT {columns} FROM {sobject}{where}"):
            for row in page:
                yield from records_of(self._layout, sobject, row, self._client.url)

    def read(self, kind: Kind, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id; deleted ones only when something took their place."""
        found: dict[str, Record] = {}
        for sobject, some in _by_object(kind, ids).items():
            for row in self._any(sobject, one_of("Id", some), deleted=True):
                record = self.record(kind, sobject, row)
                if record is not None and (record.merged_into or not record.archived):
                    found[record.remote_id] = record
        return found

    def survivors(self, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
        """For records that went, the live record in their place, where there is one."""
        heads = {one: one for one in ids}
        ended: dict[str, str] = {}
        for _ in range(MAX_STEPS):
            if not heads:
                break
            records = self.read(kind, list(heads.values()))
            following = {}
            for start, at in heads.items():
                record = records.get(at)
                if record is not None and record.merged_into:
                    following[start] = record.merged_into
                elif record is not None and start != at:
                    ended[start] = at
            heads = following
        return ended

    def by_key(self, kind: Kind, keys: Iterable[str], *, deleted: bool = False) -> dict[str, Record]:
        """Records by our external key in them; also a converted lead's, and what is in the recycle bin."""
        found: dict[str, Record] = {}
        wanted = list(dict.fromkeys(keys))
        folded = {key.casefold(): key for key in wanted}
        for sobject in HOLDERS[kind]:
            conditions = self.among(sobject, self._layout.key(kind, sobject), wanted)
            for row in self._any(sobject, conditions, deleted=deleted):
                record = self.record(kind, sobject, row)
                key = folded.get((record.external_key or "").casefold()) if record else None
                if record is None or key is None:
                    continue
                # Two records with one key: the live one counts, a converted lead's is in its account.
                if key not in found or found[key].archived:
                    found[key] = record
        return found

    def by_email(self, addresses: Iterable[str]) -> dict[str, str]:
        """Ids of leads and contacts by e-mail address, lower case."""
        found: dict[str, str] = {}
        wanted = list(addresses)
        for sobject, live in ((SObject.LEAD, " AND IsConverted = false"), (SObject.CONTACT, "")):
            conditions = (f"{condition}{live}" for condition in self.among(sobject, "Email", wanted))
            for row in self._any(sobject, conditions):
                found[str(row["Email"]).lower()] = row["Id"]
        return found

    def _any(self, sobject: SObject, conditions: Iterable[str], *, deleted: bool = False) -> Iterator[Row]:
        """Rows that fulfil any of the conditions, which are asked for side by side."""
        select = partial(self.select, sobject, deleted=deleted)
        for rows in self._client.transport.each(select, list(conditions)):
            yield from rows


def _by_object(kind: Kind, ids: Iterable[str]) -> dict[SObject, list[str]]:
    """Ids by their object; those of other objects cannot be of the kind."""
    grouped: dict[SObject, list[str]] = {}
    for one in ids:
        sobject = sobject_of(one)
        if sobject in HOLDERS[kind]:
            grouped.setdefault(sobject, []).append(one)
    return grouped
