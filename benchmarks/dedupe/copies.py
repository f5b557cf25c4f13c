"""Rows of a list: every entity once, some more often, each as its source writes it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.dedupe import field_noise, listing_noise, name_noise
from benchmarks.dedupe.places import us_places
from benchmarks.dedupe.population import Population, platform_pages, random_phones, slug
from benchmarks.dedupe.styles import Source, Style
from benchmarks.dedupe.vocabulary import (
    FIRST_NAMES,
    FREE_MAIL,
    LEGAL_SPELLINGS,
    STREET_TYPES,
    STREETS,
    SURNAMES,
)
from benchmarks.dedupe.words import Column, column, heavy_tailed, uniform

FIELDS = ("name", "phone", "website", "email", "linkedin", "contact", "street", "city", "state", "zip")
_ABROAD = (
    ("Toronto", "ON", "M5V 2T6"),
    ("Vancouver", "BC", "V6B 1A1"),
    ("London", "", "EC1A 1BB"),
    ("Calgary", "AB", "T2P 1J9"),
)


class Rows:
    """The rows under construction: one column per field, and for each row its entity, copy and source.

    Args:
        rng: source of randomness.
        style: the world's style.
        population: the firms.
        entity: per row, index into the population.
        copy: per row, 0 for the clean original.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        style: Style,
        population: Population,
        entity: NDArray[np.int64],
        copy: NDArray[np.int64],
    ) -> None:
        self._rng = rng
        self._random = Random(int(rng.integers(0, 2**62)))
        self._style = style
        self._population = population
        self.entity = entity
        self.copy = copy
        weights = np.array([source.weight for source in style.sources])
        self.source = rng.choice(len(weights), len(entity), p=weights / weights.sum())

    def build(self) -> dict[str, Column]:
        """All fields, corrupted and written as the sources write them."""
        fields = {"linkedin": self._take("linkedin")}
        fields["city"], fields["state"], fields["zip"] = self._towns()
        fields["phone"] = self._phone_numbers()
        fields["website"] = self._websites()
        fields["email"] = self._mailboxes()
        fields["contact"] = self._contacts()
        fields["street"] = self._streets()
        fields["name"] = self._names(fields["city"], fields["state"])
        self._write_places(fields)
        fields["phone"] = self._write_phones(fields["phone"])
        fields["linkedin"] = column(
            [field_noise.linkedin_text(page, self._random) for page in fields["linkedin"]]
        )
        self._drop(fields)
        self._disorder(fields)
        return {name: fields[name] for name in FIELDS}

    def _take(self, name: str) -> Column:
        return np.asarray(getattr(self._population, name)[self.entity])

    def _habit(self, get: Callable[[Source], object]) -> Column:
        habits = np.empty(len(self._style.sources), dtype=object)
        habits[:] = [get(source) for source in self._style.sources]
        return habits[self.source]

    def _hit(self, kind: str) -> NDArray[np.int64]:
        """Rows that suffer this corruption: copies only, more often in sources that are bad at it."""
        factor = np.array([source.factors[kind] for source in self._style.sources])[self.source]
        chance = np.minimum(self._style.rates[kind] * factor, 0.95)
        return np.flatnonzero((self.copy > 0) & (self._rng.random(len(self.entity)) < chance))

    def _apply(self, kind: str, values: Column, change: Callable[[str, int], str]) -> None:
        """Change the hit rows that have a value, in place."""
        for row in self._hit(kind):
            if values[row]:
                values[row] = change(values[row], row)

    def _towns(self) -> tuple[Column, Column, Column]:
        places = us_places()
        place = self._take("place").copy()
        moved = self._hit("moved_far")
        place[moved] = self._rng.integers(places.state_start[place[moved]], places.state_end[place[moved]])
        city, state, zip_code = places.city[place], places.state[place], places.zip[place]
        alias = self._hit("city_alias")
        city[alias] = places.alias[place[alias]]
        wrong = self._hit("wrong_zip")
        zip_code[wrong] = places.zip[np.minimum(place[wrong] + 1, len(places) - 1)]
        self._apply("city_typo", city, lambda text, _: field_noise.city_text(text, self._random))
        for row in np.flatnonzero(self._take("abroad")):
            city[row], state[row], zip_code[row] = _ABROAD[self.entity[row] % len(_ABROAD)]
        return city, state, zip_code

    def _phone_numbers(self) -> Column:
        phone = self._take("phone").copy()
        other = self._hit("other_phone")
        phone[other] = self._take("phone2")[other]
        tracking = self._hit("tracking_phone")
        phone[tracking] = random_phones(self._rng, column([number[:3] for number in phone[tracking]]))
        self._apply("wrong_digit", phone, lambda text, _: field_noise.wrong_digit(text, self._random))
        return phone

    def _write_phones(self, phone: Column) -> Column:
        form = self._habit(lambda source: source.phone)
        texts = column(
            [
                field_noise.phone_text(number, form, self._random)
                for number, form in zip(phone, form, strict=True)
            ]
        )
        second = self._take("phone2")
        joiners = (" / ", ", ", " or ", "; ")
        self._apply("extension", texts, lambda text, _: f"{text} x{self._random.randrange(1, 999)}")
        self._apply("two_phones", texts, lambda text, row: text + self._random.choice(joiners) + second[row])
        return texts

    def _websites(self) -> Column:
        host = self._take("host").copy()
        self._apply("other_tld", host, lambda text, _: field_noise.other_tld(text, self._random))
        self._apply("misspelt_host", host, lambda text, _: field_noise.misspelt_host(text, self._random))
        form = self._habit(lambda source: source.url)
        texts = column(
            [field_noise.url_text(text, how, self._random) for text, how in zip(host, form, strict=True)]
        )
        texts = np.where(texts == "", self._take("platform"), texts)
        hit = self._hit("platform")
        digits = column([str(number) for number in self._rng.integers(1, 999, len(hit))])
        texts[hit] = platform_pages(self._rng, self._take("core")[hit], digits)
        brand = np.flatnonzero(
            (self._take("kind") == "franchise") & (self._rng.random(len(host)) < 0.4) & (host != "")
        )
        towns = us_places().city[self._take("place")]
        for row in brand:
            texts[row] = f"https://www.{host[row]}/{slug(towns[row], '-')}"
        return texts

    def _mailboxes(self) -> Column:
        email = self._take("email").copy()
        roles = self._style.vocabulary.roles
        first = self._take("first")

        def other(text: str, _row: int) -> str:
            _mailbox, _, host = text.partition("@")
            if host in FREE_MAIL:
                return text
            person = self._random.choice(FIRST_NAMES).lower()
            return f"{self._random.choice((self._random.choice(roles), person))}@{host}"

        self._apply("other_mailbox", email, other)
        self._apply(
            "free_mailbox",
            email,
            lambda _, row: (
                f"{first[row].lower()}{self._random.randrange(9999)}@{self._random.choice(FREE_MAIL[:6])}"
            ),
        )
        upper = np.flatnonzero(self._rng.random(len(email)) < 0.04)
        for row in upper:
            email[row] = email[row].upper() if row % 2 else email[row].capitalize()
        return email

    def _contacts(self) -> Column:
        contact = self._take("first") + " " + self._take("last")
        first = heavy_tailed(self._rng, FIRST_NAMES, len(contact), 0.6)
        last = heavy_tailed(self._rng, SURNAMES, len(contact), 0.8)
        hit = self._hit("other_contact")
        contact[hit] = (first + " " + last)[hit]
        return contact

    def _streets(self) -> Column:
        long = self._habit(lambda source: source.long_streets).astype(bool) ^ (
            self._rng.random(len(self.entity)) < 0.1
        )
        kinds = self._take("road_type")
        types = np.where(
            long,
            column([pair[0] for pair in STREET_TYPES])[kinds],
            column([pair[1] for pair in STREET_TYPES])[kinds],
        )
        house, road, direction = (
            self._take("house").copy(),
            self._take("road").copy(),
            self._take("direction"),
        )
        moved = self._hit("moved")
        house[moved] = column([str(number) for number in self._rng.integers(1, 9999, len(moved))])
        road[moved] = uniform(self._rng, STREETS, len(moved))
        street = house + np.where(direction == "", " ", " " + direction + " ") + road + " " + types
        unit = self._take("unit").copy()
        unit[self._hit("unit")] = ""
        street = np.where(unit == "", street, street + np.where(self.source % 2 == 0, ", ", " ") + unit)
        boxes = self._hit("po_box")
        street[boxes] = column([f"PO Box {number}" for number in self._rng.integers(1, 9999, len(boxes))])
        self._apply("street_typo", street, lambda text, _: field_noise.typo_street(text, self._random))
        self._apply("residue", street, lambda text, _: field_noise.residue(text, self._random))
        return street

    def _names(self, city: Column, state: Column) -> Column:
        random, style = self._random, self._style
        name = self._take("core").copy()
        first, last = self._take("first"), self._take("last")
        steps: tuple[tuple[str, Callable[[str, int], str]], ...] = (
            (
                "rename",
                lambda text, row: name_noise.rename(
                    text, random, (first[row], last[row]), style.vocabulary.trades
                ),
            ),
            ("drop_word", lambda text, _: name_noise.drop_word(text, random)),
            ("swap_words", lambda text, _: name_noise.swap_words(text, random)),
            ("plural", lambda text, _: name_noise.numerals(name_noise.plural(text, random), random)),
            ("initials", lambda text, _: name_noise.initials(text, random)),
            ("abbreviate", lambda text, _: name_noise.abbreviate(text, random, style.short)),
            ("ampersand", lambda text, _: name_noise.ampersand(text, random)),
            ("join_words", lambda text, _: name_noise.join_words(text, random)),
            ("the", lambda text, _: name_noise.the(text, random)),
            ("typo", lambda text, _: name_noise.typo(text, random)),
            ("synonym", lambda text, _: listing_noise.synonym(text, random)),
            ("sounded", lambda text, _: listing_noise.sounded(text, random)),
            ("scanned", lambda text, _: listing_noise.scanned(text, random)),
            ("clipped", lambda text, _: listing_noise.clipped(text, random)),
            ("disemvowelled", lambda text, _: listing_noise.disemvowelled(text, random)),
            ("accented", lambda text, _: listing_noise.accented(text, random)),
        )
        for kind, change in steps:
            self._apply(kind, name, change)
        name = self._with_legal_forms(name)
        self._apply("dba", name, lambda text, row: name_noise.dba(text, random, (first[row], last[row])))
        self._apply(
            "append_city", name, lambda text, row: name_noise.append_city(text, random, city[row], state[row])
        )
        trades = style.vocabulary.trades
        self._apply(
            "advertised",
            name,
            lambda text, row: listing_noise.advertised(text, random, (city[row], state[row]), trades),
        )
        self._apply(
            "parented",
            name,
            lambda text, row: listing_noise.parented(text, random, (first[row], last[row]), trades),
        )
        self._apply("numbered", name, lambda text, _: listing_noise.numbered(text, random))
        self._apply("person", name, lambda _, row: f"{first[row]} {last[row]}")
        self._apply("entities", name, lambda text, _: name_noise.entities(text, random))
        self._apply("mojibake", name, lambda text, _: name_noise.mojibake(text, random))
        self._apply("cut", name, lambda text, _: text[: random.randrange(14, 30)].rstrip())
        case = self._habit(lambda source: source.case)
        width = self._habit(lambda source: source.width or 200)
        written = [
            name_noise.as_case(text, how)[:most].rstrip()
            for text, how, most in zip(name, case, width, strict=True)
        ]
        return column(written)

    def _with_legal_forms(self, name: Column) -> Column:
        """Originals show the registered form as their source spells it; copies may lose or change it."""
        legal = self._take("legal").copy()
        changed = self._hit("legal")
        kinds = [form for form, _ in self._style.vocabulary.legal if form]
        for row in changed:
            legal[row] = "" if legal[row] and self._random.random() < 0.75 else self._random.choice(kinds[:3])
        texts = name.copy()
        for row in np.flatnonzero(legal != ""):
            spellings = LEGAL_SPELLINGS[legal[row]]
            usual = spellings[self.source[row] % len(spellings)]
            spelling = usual if self._random.random() < 0.6 else self._random.choice(spellings)
            texts[row] = texts[row] + spelling if spelling.startswith(",") else f"{texts[row]} {spelling}"
        return texts

    def _write_places(self, fields: dict[str, Column]) -> None:
        from sales_agent_dagster.domain.us_places import STATE_NAMES

        city, state, street = fields["city"], fields["state"], fields["street"]
        full = self._habit(lambda source: source.full_state).astype(bool)
        fields["state"] = np.where(full, column([STATE_NAMES.get(code, code) for code in state]), state)
        forms = self._habit(lambda source: source.zip_form)
        fields["zip"] = column(
            [
                field_noise.zip_text(text, how, self._random)
                for text, how in zip(fields["zip"], forms, strict=True)
            ]
        )
        for row in self._hit("split_city"):
            first, _, rest = city[row].partition(" ")
            if rest:
                street[row], city[row] = f"{street[row]} {first}", rest

    def _drop(self, fields: dict[str, Column]) -> None:
        """Empty the fields that the source leaves out; placeholders stand in for some of them."""
        stand_ins = {
            "phone": "000-000-0000",
            "email": "noreply@example.com",
            "website": "n/a",
            "contact": "N/A",
        }
        for name in FIELDS[1:]:
            share = np.array([source.missing[name] for source in self._style.sources])[self.source]
            missing = self._rng.random(len(share)) < share
            filler = np.where(
                self._rng.random(len(share)) < self._style.rates["placeholder"], stand_ins.get(name, ""), ""
            )
            fields[name] = np.where(missing, filler, fields[name])

    def _disorder(self, fields: dict[str, Column]) -> None:
        """Now and then two columns change places."""
        for row in self._hit("swap_columns"):
            one, other = self._random.choice((("name", "contact"), ("city", "state"), ("street", "city")))
            if fields[one][row] and fields[other][row]:
                fields[one][row], fields[other][row] = fields[other][row], fields[one][row]
