from __future__ import annotations

import string

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.matching import columns
from sales_agent_dagster.matching.address_keys import read_city, read_state, read_street, read_zip
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.lead import NORM_FIELDS, NormLead, RawLead
from sales_agent_dagster.matching.name_words import read_name
from sales_agent_dagster.matching.normalise import normalise
from sales_agent_dagster.matching.web_keys import (
    read_linkedin,
    read_mail,
    read_person,
    read_phone,
    read_site,
)

CELLS = st.text(
    st.sampled_from(string.ascii_letters + string.digits + " .,&'/-()@#|+\u00e9\u2013"), max_size=40
)
NAMES = st.lists(
    st.sampled_from(
        [
            *(
                "The",
                "Quill",
                "Oak",
                "&",
                "and",
                "n",
                "Sons",
                "LLC",
                "L.L.C.",
                "Inc.",
                "Htg",
                "A/C",
                "HVAC",
                "Svcs",
            ),
            *("dba", "d/b/a", "-", "Springfield", "(IL)", "1st", "O'Dell", "Co", "A", "B"),
        ]
    ),
    min_size=1,
    max_size=7,
).map(" ".join)


@pytest.mark.parametrize(
    ("text", "core"),
    [
        ("The Quill &amp; Sons Htg. & A/C, L.L.C.", "quill son heating air conditioning"),
        ("QUILL AND SONS HEATING & AIR CONDITIONING INC", "quill son heating air conditioning"),
        ("Quill + Sons Plbg", "quill son plumbing"),
        ("Quill 'n' Sons Plumbers", "quill son plumbing"),
        ("LLC Quill Electrical", "quill electric"),
        ("Q. R. Quill Co.", "qr quill"),
        ("A & B Electric", "ab electric"),
        ("Quill Electric - Springfield", "quill electric"),
        ("Quill Electric (Springfield office)", "quill electric"),
        ("Quill - Heating", "quill heating"),
        ("Quíll Eléctric", "quill electric"),
        ("QuÃ\u00adll Electric", "quill electric"),
        ("The Company, Inc.", "company inc"),
        ("Limited Liability Company", "liability"),
        ("!!!", ""),
        ("N/A", ""),
        ("", ""),
    ],
)
def test_core_of_a_name(text: str, core: str) -> None:
    assert read_name(text).core == core


@pytest.mark.parametrize("sign", ["dba", "d/b/a", "D.B.A.", "T/A", "doing business as", "aka", "DBA:"])
def test_trade_name_is_the_core_and_the_other_name_the_alias(sign: str) -> None:
    assert read_name(f"Ada Quill LLC {sign} Comfort Oak") == ("comfort oak", "comfort oak", "ada quill")


@pytest.mark.parametrize("text", ["Comfort Oak dba N/A", "none dba Comfort Oak", "Comfort Oak d/b/a"])
def test_a_trade_name_that_is_missing_leaves_the_other(text: str) -> None:
    assert read_name(text) == ("comfort oak", "comfort oak", "")


@given(NAMES | CELLS)
def test_a_normalised_name_stays_as_it_is(text: str) -> None:
    found = read_name(text)
    assert read_name(found.name).name == found.name
    assert read_name(found.core).core == found.core


@given(NAMES)
def test_case_and_outer_punctuation_do_not_matter(text: str) -> None:
    assert read_name(text.upper()) == read_name(text) == read_name(f"  {text.lower()} ,")


@given(
    st.lists(
        st.sampled_from(["The", "of", "n", "LLC", "Inc", "Co", "dba", "-", "(IL)", "&", "Services", "A"]),
        min_size=1,
    ).map(" ".join)
)
def test_stripping_words_never_empties_a_name(text: str) -> None:
    assert bool(read_name(text).core) == any(map(str.isalnum, text))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("(312) 555-0142", ("3125550142", "")),
        ("+1 312.555.0142 x12", ("3125550142", "")),
        ("1-312-555-0142", ("3125550142", "")),
        ("312-555-0142 / 312-555-0199", ("3125550142", "3125550199")),
        ("312-555-FIXA", ("3125553492", "")),
        ("+44 20 8366 1177", ("02083661177", "")),
        ("020 8366 1177", ("02083661177", "")),
        ("+4532123456", ("032123456", "")),
        ("tel:+4532123456", ("032123456", "")),
        ("0045 32 12 34 56", ("032123456", "")),
        ("+39 06 1234 5678", ("0612345678", "")),
        ("+376 712 345", ("0712345", "")),
        ("+49 231 7254809 / +49 231 7254810", ("02317254809", "02317254810")),
        ("+999 12345678", ("", "")),
        ("+1 (312) 555-0142", ("3125550142", "")),
        ("+49 (0)231 725 4809", ("02317254809", "")),
        ("0231/7254809", ("02317254809", "")),
        ("(0117) 496 0000", ("01174960000", "")),
        ("00 12", ("", "")),
        ("000-000-0000", ("", "")),
        ("123-456-7890", ("", "")),
        ("none", ("", "")),
    ],
)
def test_phones(text: str, numbers: tuple[str, str]) -> None:
    assert read_phone(text) == numbers


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("HTTP://WWW.Quill.example/?utm_source=x", ("quill.example", "")),
        ("quill.example", ("quill.example", "")),
        ("https://shop.quill.co.uk/x/", ("quill.co.uk", "shop.quill.co.uk/x")),
        ("https://quill.example/springfield", ("quill.example", "quill.example/springfield")),
        ("https://www.facebook.com/quillelectric/", ("", "facebook.com/quillelectric")),
        ("https://www.facebook.com", ("", "")),
        ("quill.business.site", ("quill.business.site", "quill.business.site")),
        ("quill.example, other.example", ("quill.example", "")),
        ("not a site", ("", "")),
        ("n/a", ("", "")),
        ("-.com", ("", "")),
    ],
)
def test_sites(text: str, site: tuple[str, str]) -> None:
    assert read_site(text) == site


@given(
    st.sampled_from(["", "http://", "https://", "HTTPS://"]),
    st.sampled_from(["", "www.", "WWW."]),
    st.sampled_from(["", "/", "/?gclid=1", "#top", "/index.html"]),
)
def test_the_form_of_a_url_does_not_matter(scheme: str, www: str, end: str) -> None:
    assert read_site(f"{scheme}{www}quill.example{end}") == ("quill.example", "")


@pytest.mark.parametrize(
    ("text", "mail"),
    [
        ("Ada@Quill.example", ("ada@quill.example", "quill.example")),
        ("mailto:ada@mail.quill.com.au", ("ada@mail.quill.com.au", "quill.com.au")),
        ("Ada <ada@quill.example>", ("ada@quill.example", "quill.example")),
        ("ada.quill@gmail.com", ("ada.quill@gmail.com", "")),
        ("info@gmail.com", ("", "")),
        ("noreply@quill.example", ("", "quill.example")),
        ("ada@quill.business.site", ("ada@quill.business.site", "")),
        ("-", ("", "")),
    ],
)
def test_mail(text: str, mail: tuple[str, str]) -> None:
    assert read_mail(text) == mail


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("https://www.linkedin.com/company/Quill-Electric/?x=1", "quill-electric"),
        ("linkedin.com/company/quill-electric-12345", "quill-electric"),
        ("quill-electric", "quill-electric"),
        ("https://quill.example", ""),
    ],
)
def test_linkedin(text: str, slug: str) -> None:
    assert read_linkedin(text) == slug


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Mr. Ada QUILL", "ada quill"),
        ("Quill, Ada", "ada quill"),
        ("n/a", ""),
        ("QUILL, ADA B", "ada quill"),
        ("Ada B. Quill, MD", "ada quill"),
        ("A. B. Quill", "a b quill"),
        ("A Quill", "a quill"),
    ],
)
def test_person(text: str, person: str) -> None:
    assert read_person(text) == person


@pytest.mark.parametrize(
    ("text", "street"),
    [
        ("12 N. Oak Street", ("12", "oak", "")),
        ("12 North Oak St, Suite 200", ("12", "oak", "200")),
        ("0012 oak st #5", ("12", "oak", "5")),
        ("12-14 Oak Ave", ("12", "oak", "")),
        ("12 Fifth Avenue", ("12", "5", "")),
        ("12 5th Ave", ("12", "5", "")),
        ("2.3 mi 4.5 out of 5 stars 12 Oak St", ("12", "oak", "")),
        ("4.8 (31) 12 Oak St", ("12", "oak", "")),
        ("17. 12 Oak St", ("12", "oak", "")),
        ("P.O. Box 77", ("po 77", "po box", "")),
        ("12 North St", ("12", "north", "")),
        ("12 E Ridge Pkwy", ("12", "ridge", "")),
        ("12 ridge", ("12", "ridge", "")),
        ("12 Ct St.", ("12", "court", "")),
        ("12 St. Charles Ave", ("12", "charles", "")),
        ("12 US Hwy 1", ("12", "1", "")),
        ("Suite 200, 12 Oak St", ("12", "oak", "200")),
        ("Unit 4 12 Oak St", ("12", "oak", "4")),
        ("Suite 200", ("", "200", "")),
        ("Hauptstra\u00dfe 12a", ("12", "hauptstr", "")),
        ("Stra\u00dfe des 17. Juni 135", ("135", "des 17 juni", "")),
        ("Pol\u00edgono Sur, nave 9", ("9", "poligono sur", "")),
        ("Hauptstr. 12-14", ("12", "hauptstr", "")),
        ("Berliner Str. 7/9", ("7", "berliner", "")),
        ("Calle Mayor, 12", ("12", "calle mayor", "")),
        ("C/ Mayor n.\u00ba 12, 2.\u00ba A", ("12", "c mayor", "")),
        ("Via Roma 5/A", ("5", "via roma", "")),
        ("County Road 12", ("", "county 12", "")),
        ("Highway 51", ("", "51", "")),
        ("Oak Plaza", ("", "oak", "")),
        ("unknown", ("", "", "")),
    ],
)
def test_streets(text: str, street: tuple[str, str, str]) -> None:
    assert read_street(text) == street


@given(st.integers(1, 9999), st.sampled_from(["Oak", "Cedar Hill", "5th", "Mt Vernon"]))
def test_a_street_is_the_same_however_it_is_written(number: int, word: str) -> None:
    forms = {f"{number} {word} Street", f"{number} N {word} st.", f"{number} {word.upper()} ST, Unit 4"}
    assert len({read_street(form)[:2] for form in forms}) == 1


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("St. Louis", "saint louis"),
        ("SPRINGFIELD, IL", "springfield"),
        ("City of Oakton", "oakton"),
        ("-", ""),
    ],
)
def test_cities(text: str, city: str) -> None:
    assert read_city(text) == city


@pytest.mark.parametrize(
    ("text", "state"), [("il", "IL"), ("Illinois", "IL"), ("Ill.", "IL"), ("Ontario", "ONTARIO"), ("n/a", "")]
)
def test_states(text: str, state: str) -> None:
    assert read_state(text) == state


@pytest.mark.parametrize(
    ("text", "code"),
    [("62701", "62701"), ("62701-1234", "62701"), ("2134", "02134"), ("2134.0", "02134"),
     ("K1A 0B1", "K1A0B1"), ("00000", ""), ("000", ""), ("n/a", "")],
)  # fmt: skip
def test_zips(text: str, code: str) -> None:
    assert read_zip(text) == code


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"website": "ada@quill.example"}, {"email": "ada@quill.example", "host": "quill.example"}),
        ({"website": "linkedin.com/company/quill"}, {"linkedin": "quill", "host": ""}),
        ({"email": "312-555-0142"}, {"phone": "3125550142", "email": ""}),
        ({"email": "www.quill.example"}, {"host": "quill.example"}),
        ({"email": "ask Ada"}, {"host": "", "email": ""}),
        ({"phone": "ada@quill.example"}, {"phone": "", "email": "ada@quill.example"}),
        ({"linkedin": "https://quill.example"}, {"host": "quill.example", "linkedin": ""}),
        ({"phone": "n/a", "phone_2": "312-555-0142"}, {"phone": "3125550142", "phone_2": ""}),
        ({"phone": "312-555-0142", "phone_2": "312 555 0142"}, {"phone_2": ""}),
        ({"phone": "312-555-0142", "phone_2": "312 555 0143"}, {"phone_2": "3125550143"}),
        ({"email": "ada@quill.example", "website": "oak.example"}, {"host": "oak.example"}),
        (
            {"street": "12 Oak St Springfield IL 62701-1234"},
            {"street": "oak", "city": "springfield", "state": "IL", "zip5": "62701"},
        ),
        (
            {"street": "Springfield, Illinois, United States"},
            {"street": "", "city": "springfield", "state": "IL"},
        ),
        (
            {"street": "12 Oak St, Springfield, IL 62701"},
            {"street": "oak", "city": "springfield", "state": "IL", "zip5": "62701"},
        ),
        ({"city": "Springfield, IL 62701"}, {"city": "springfield", "state": "IL", "zip5": "62701"}),
        ({"city": "62701", "zip": "Springfield"}, {"city": "springfield", "zip5": "62701"}),
        ({"city": "62701", "zip": "62701"}, {"city": "", "zip5": "62701"}),
        ({"city": "IL", "state": "Springfield"}, {"city": "springfield", "state": "IL"}),
        ({"city": "San", "state": "Antonio TX"}, {"city": "san antonio", "state": "TX"}),
    ],
)
def test_cells_in_the_wrong_column(cells: dict[str, str], expected: dict[str, str]) -> None:
    found = normalise(RawLead("L1", name="Quill", **cells))
    assert {name: getattr(found, name) for name in expected} == expected


RAW = st.builds(
    RawLead,
    st.just("L"),
    NAMES | CELLS,
    st.sampled_from(["", "312-555-0142", "312-555-0142/312-555-0143", "n/a", "a@b.example"]),
    st.sampled_from(["", "312-555-0199", "(312) 555-0142"]),
    st.sampled_from(["", "quill.example/x", "facebook.com/q", "x@y.example", "linkedin.com/company/q"]),
    st.sampled_from(["", "Ada@quill.example", "info@gmail.com", "quill.example", "312-555-0177"]),
    st.sampled_from(["", "linkedin.com/company/q-1", "quill.example"]),
    CELLS,
    CELLS | st.just("12 Oak St, Springfield, IL 62701"),
    st.sampled_from(["", "Springfield", "Springfield, IL", "62701", "IL"]),
    st.sampled_from(["", "IL", "Illinois", "Springfield", "field IL"]),
    st.sampled_from(["", "62701", "2134", "Springfield"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(RAW, max_size=6))
def test_a_table_is_normalised_as_its_rows_are(rows: list[RawLead]) -> None:
    raw = {name: pa.array([getattr(row, name) for row in rows], pa.string()) for name in columns.RAW_FIELDS}
    table = normalise_columns(raw)
    assert [table.lead(row, "L") for row in range(len(rows))] == [normalise(row) for row in rows]


def test_two_processes_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {
        "name": pa.array([f"Quill {number % 7} Electric" for number in range(40)]),
        "phone": pa.array([f"312-555-{number:04}" for number in range(40)]),
    }
    monkeypatch.setattr(columns, "AT_ONCE", 7)
    alone = normalise_columns(raw)
    monkeypatch.setattr(columns, "PARALLEL_FROM", 10)
    together = normalise_columns(raw, emptying=True)
    assert raw == {}
    assert [together.lead(row, "") for row in range(40)] == [alone.lead(row, "") for row in range(40)]


def test_fields_are_texts_and_unknown_is_empty() -> None:
    assert normalise(RawLead("L1")) == NormLead("L1")
    assert len(NORM_FIELDS) == 16


@pytest.mark.parametrize(
    "text",
    [
        *("Quill Bau UG (haftungsbeschränkt)", "Quill Bau e.K.", "Quill Bau SAS", "Quill Bau Pvt. Ltd."),
        *("Quill Bau N V", "Quill Bau S.A.", "QUILL BAU PA"),
    ],
)
def test_legal_forms_of_other_countries_are_no_part_of_the_name(text: str) -> None:
    assert read_name(text).core == "quill bau"
    assert read_name("SAS Quill").core == "sas quill"
    assert read_name("PA Quill").core == "pa quill"
