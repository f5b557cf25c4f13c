"""What must hold of a CRM after a history, told from what was wanted, not from what the engine knows.

Two kinds of statements. Of every write that the sync made (``illegal``): it takes nothing from a person
that the rules give them, puts nothing back that they took away, clears nothing, creates nothing twice. And
of what is there in the end (``missing``): what the rules give to us says what we want by now.

A person and the sync may write the same field within the same moment. A CRM takes the later one, and no
sync can do anything about it. So an edit that came after the last time that the sync had read the record is
no edit yet for the write that follows: such are counted as ``races``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.ownership import Rule
from sales_agent_dagster_tests.crm.histories.ledger import Ledger, Mutation, Name
from sales_agent_dagster_tests.crm.histories.worlds import held

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Wish:
    """What we wanted of a company from a moment on; people by our key."""

    at: float
    company: Values
    people: Mapping[str, Values]


@dataclass
class Wishes:
    """All that we ever wanted, by our key of the company, oldest first."""

    of: dict[str, list[Wish]] = field(default_factory=dict)

    def add(self, key: str, at: float, company: Values, people: Mapping[str, Values]) -> None:
        there = {who: held(values) for who, values in people.items()}
        self.of.setdefault(key, []).append(Wish(at, held(company), there))

    def versions(self, kind: Kind, key: str) -> list[tuple[float, Values]]:
        """What was wanted of a company or person, with the time from which on."""
        if kind is Kind.COMPANY:
            return [(wish.at, wish.company) for wish in self.of.get(key, ())]
        return [
            (wish.at, wish.people[key])
            for wishes in self.of.values()
            for wish in wishes
            if key in wish.people
        ]

    def company_of(self, person: str) -> str | None:
        return next((key for key, wishes in self.of.items() if any(person in w.people for w in wishes)), None)

    def people(self) -> set[str]:
        return {person for wishes in self.of.values() for wish in wishes for person in wish.people}


@dataclass
class Verdict:
    """What a history showed.

    Attributes:
        faults: what does not hold, one line each.
        races: edits of people that were overwritten within a moment.
    """

    faults: list[str] = field(default_factory=list)
    races: int = 0


class Model:
    """Judges a history.

    Args:
        rules: who owns which field.
        linked: by our key the record that the sync says is ours; only of companies and people whom it still
            keeps up to date.
    """

    def __init__(
        self,
        ledger: Ledger,
        wishes: Wishes,
        rules: Mapping[Kind, Mapping[str, Rule]],
        linked: Mapping[tuple[Kind, str], str],
    ) -> None:
        self._ledger = ledger
        self._wishes = wishes
        self._rules = rules
        self._linked = linked
        self._verdict = Verdict()

    def judge(self) -> Verdict:
        verdict = self._verdict
        verdict.faults += self._doubled()
        for mutation in self._ledger.mutations:
            if mutation.ours and mutation.before and mutation.after:
                verdict.faults += self._illegal(mutation)
            elif mutation.ours and mutation.after is None:
                verdict.faults.append(f"{_words(mutation.name)} was deleted by us")
        for key in self._wishes.of:
            verdict.faults += self._missing(Kind.COMPANY, key)
        for key in sorted(self._wishes.people()):
            verdict.faults += self._missing(Kind.CONTACT, key)
        return verdict

    # What we created

    def made(self, kind: Kind, key: str) -> list[Name]:
        """Records that the sync created with our key."""
        return [
            one.name
            for one in self._ledger.mutations
            if one.ours and one.name[0] is kind and one.before is None and one.after and one.after.key == key
        ]

    def _doubled(self) -> Iterator[str]:
        keys = [(Kind.COMPANY, key) for key in self._wishes.of]
        keys += [(Kind.CONTACT, key) for key in sorted(self._wishes.people())]
        for kind, key in keys:
            if (count := len(self.made(kind, key))) > 1:
                yield f"{kind.value} {key} was created {count} times"
        known = set(keys)
        for one in self._ledger.mutations:
            if not one.ours or one.before is not None or one.after is None:
                continue
            if (one.name[0], one.after.key) not in known and not self._is_persons(one):
                yield f"{_words(one.name)} was created with the key {one.after.key}, which nobody wants"

    def _is_persons(self, created: Mutation) -> bool:
        """A lead of Salesforce that we created for a further person is a company's record, too."""
        rows = (one for one in self._ledger.of((Kind.CONTACT, created.name[1])) if one.ours)
        first = next(rows, None)
        return (
            first is not None and first.before is None and created.after is not None and not created.after.key
        )

    # Each write of ours

    def _illegal(self, mutation: Mutation) -> Iterator[str]:
        kind = mutation.name[0]
        for name, rule in self._rules[kind].items():
            if mutation.changes(name):
                wrong = self._wrong(mutation, name, rule)
                if wrong is not None:
                    before, after = mutation.value_before(name), mutation.value_after(name)
                    yield f"{_words(mutation.name)}: {name} {_shown(before)} -> {_shown(after)} {wrong}"

    def _wrong(self, mutation: Mutation, name: str, rule: Rule) -> str | None:
        """What is wrong with a change of a field, if anything."""
        after = mutation.value_after(name)
        if after is None:
            return "was cleared by us"
        if rule is Rule.PIPELINE:
            return None
        if rule is Rule.APPEND_ONLY:
            return self._wrongly_appended(mutation, name)
        last = self._last_edit(mutation, name)
        if last is None:
            return None
        if self._merged_unread(mutation):
            self._verdict.races += 1
            return None
        if rule is Rule.NEWEST and last.at < self._wished_at(mutation, name, after):
            return None
        if rule is Rule.FILL_IF_EMPTY and last.value_after(name) is None and not self._was_ours(last):
            return None  # nobody knew yet that it was taken away
        if last.number > mutation.read:
            self._verdict.races += 1
            return None
        return f"against a person's edit ({rule.value})"

    def _wrongly_appended(self, mutation: Mutation, name: str) -> str | None:
        before, after = mutation.value_before(name) or frozenset(), mutation.value_after(name)
        lost = before - after
        back = {
            item
            for item in after - before
            if any(
                item in (one.value_before(name) or ()) and item not in (one.value_after(name) or ())
                for one in self._earlier(mutation)
                if not one.ours and one.number <= mutation.read and self._knew(one, name, item)
            )
        }
        unread = [one for one in self._earlier(mutation) if not one.ours and one.number > mutation.read]
        if lost and any(one.changes(name) or one.merging for one in unread):
            self._verdict.races += 1
            return None
        if lost:
            return f"took away {_shown(lost)}"
        return f"put back {_shown(back)}" if back else None

    def _knew(self, taken: Mutation, name: str, item: str) -> bool:
        """Whether we knew that the item had come, when a person took it away.

        The answer to our write may have been lost, and the item been gone when it was read back.
        """
        came = [
            one.number
            for one in self._earlier(taken)
            if item in (one.value_after(name) or ()) and item not in (one.value_before(name) or ())
        ]
        return max(taken.read, taken.known) >= max(came, default=0)

    def _earlier(self, mutation: Mutation) -> Sequence[Mutation]:
        return [one for one in self._ledger.of(mutation.name) if one.number < mutation.number]

    def _merged_unread(self, mutation: Mutation) -> bool:
        """Another record, to which we meant to write, became part of this one a moment ago."""
        return any(one.merging and one.number > mutation.read for one in self._earlier(mutation))

    def _last_edit(self, mutation: Mutation, name: str) -> Mutation | None:
        """The change of the field before, when it was a person's."""
        changed = [one for one in self._earlier(mutation) if one.changes(name)]
        return changed[-1] if changed and self._is_edit(changed[-1], name) else None

    def _is_edit(self, mutation: Mutation, name: str, keys: Collection[str] | None = None) -> bool:
        """Whether a person changed the field.

        A merge may bring along what was ours, of any or of some keys.
        """
        if mutation.ours or not mutation.changes(name):
            return False
        kind, value = mutation.name[0], mutation.value_after(name)
        return not mutation.merging or not (value is None or self._is_ours(kind, name, value, keys))

    def _is_ours(self, kind: Kind, name: str, value: Any, keys: Collection[str] | None) -> bool:
        """Whether we ever wanted the value; of a list, all of its items."""
        if keys is None:
            keys = self._wishes.of if kind is Kind.COMPANY else self._wishes.people()
        values = [told.get(name) for key in keys for _, told in self._wishes.versions(kind, key)]
        if isinstance(value, frozenset):
            return value <= frozenset().union(*(held or () for held in values))
        return value in values

    def _was_ours(self, mutation: Mutation) -> bool:
        return any(one.ours for one in self._earlier(mutation))

    def _wished_at(self, mutation: Mutation, name: str, value: Any) -> float:
        """When what we wrote was wanted."""
        kind = mutation.name[0]
        keys = self._wishes.of if kind is Kind.COMPANY else self._wishes.people()
        told = (one for key in keys for one in self._wishes.versions(kind, key))
        return max((at for at, values in told if values.get(name) == value), default=float("-inf"))

    # What is there in the end

    def _missing(self, kind: Kind, key: str) -> Iterator[str]:
        made = self.made(kind, key)
        linked = self._linked.get((kind, key))
        if not made and linked is None:
            if self._due(kind, key):
                yield f"{kind.value} {key} is not there"
            return
        name = self._ledger.heir(made[0]) if made else (kind, str(linked))
        if name not in self._ledger.rows:
            if linked is not None and linked != name[1] and (kind, linked) not in self._ledger.rows:
                yield f"{kind.value} {key} is gone, and its link does not say so"
            return
        if linked == name[1] and self._kept(kind, key):
            yield from self._outdated(name, key)
            yield from self._astray(name, key)
        elif linked is None and self._kept(kind, key) and not self._has_other(name):
            yield f"{kind.value} {key} is {name[1]}, which nobody keeps up to date"

    def _astray(self, name: Name, key: str) -> Iterator[str]:
        """A person whom nobody moved is not with the company."""
        company = self._linked.get((Kind.COMPANY, str(self._wishes.company_of(key))))
        if name[0] is not Kind.CONTACT or any(not one.ours for one in self._lineage(name, key)):
            return
        at = str(self._ledger.rows[name].values["belongs_to"]).split(",")
        if company not in at and name[1] not in at:
            yield f"{_words(name)} ({key}) does not belong to its company"

    def _due(self, kind: Kind, key: str) -> bool:
        """A person is due only while the company is there."""
        if kind is Kind.COMPANY:
            return True
        return self._kept(kind, key)

    def _kept(self, kind: Kind, key: str) -> bool:
        if kind is Kind.COMPANY:
            return True
        company = self._wishes.company_of(key)
        linked = self._linked.get((Kind.COMPANY, str(company)))
        return linked is not None and (Kind.COMPANY, linked) in self._ledger.rows

    def _has_other(self, name: Name) -> bool:
        return any(kind is name[0] and remote_id == name[1] for (kind, _), remote_id in self._linked.items())

    def _outdated(self, name: Name, key: str) -> Iterator[str]:
        kind = name[0]
        at, wanted = self._wishes.versions(kind, key)[-1]
        for field_name, rule in self._rules[kind].items():
            value = wanted.get(field_name)
            if value is None or field_name not in self._ledger.rows[name].values:
                continue
            there = self._ledger.rows[name].values[field_name]
            if there != value and self._is_due(name, key, field_name, rule, at):
                yield f"{_words(name)} ({key}): {field_name} is {_shown(there)}, not {_shown(value)}"

    def _is_due(self, name: Name, key: str, field_name: str, rule: Rule, at: float) -> bool:
        """Whether what we want of a field has to be there."""
        if rule is Rule.PIPELINE:
            return True
        if self._was_made_for_another(name, key):
            return False  # it says what we wanted of that one, and nobody can tell us from people there
        people = [one for one in self._lineage(name, key) if not one.ours and one.after is not None]
        edits = [one for one in people if self._is_edit(one, field_name, [key])]
        if rule is Rule.FILL_IF_EMPTY:
            return not edits
        if rule is Rule.NEWEST:
            return not edits or all(one.at < at for one in self._touched(people))
        if rule is Rule.APPEND_ONLY:
            merged = any(one.merging for one in people)
            return not (merged and edits) and self._lacks(name, key, field_name)
        return False

    def _was_made_for_another(self, name: Name, key: str) -> bool:
        first = self._ledger.of(name)[0]
        return first.ours and first.after is not None and first.after.key not in (None, key)

    def _lineage(self, name: Name, key: str) -> list[Mutation]:
        """What happened to a record and, before that, to those of ours that became part of it."""
        made = self.made(name[0], key)
        chain = self._ledger.chain(made[0]) if made else [name]
        return [one for one in self._ledger.mutations if one.name in chain]

    def _touched(self, people: Sequence[Mutation]) -> Iterator[Mutation]:
        """These and what people did to other records under the same ids: a CRM tells one time for all."""
        ids = {one.name[1] for one in people}
        return (one for one in self._ledger.mutations if not one.ours and one.name[1] in ids)

    def _lacks(self, name: Name, key: str, field_name: str) -> bool:
        """Whether a list lacks an item of ours that nobody took away, not even we in a race."""
        taken: set[str] = set()
        for one in self._lineage(name, key):
            taken |= (one.value_before(field_name) or frozenset()) - (
                one.value_after(field_name) or frozenset()
            )
        _, wanted = self._wishes.versions(name[0], key)[-1]
        there = self._ledger.rows[name].values[field_name] or frozenset()
        return bool(wanted[field_name] - there - taken)


def _words(name: Name) -> str:
    return f"{name[0].value} {name[1][:16]}"


def _shown(value: Any) -> str:
    return "{" + ", ".join(sorted(value)) + "}" if isinstance(value, frozenset | set) else repr(value)
