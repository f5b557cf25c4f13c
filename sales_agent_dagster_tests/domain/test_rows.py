from __future__ import annotations

import pytest

from sales_agent_dagster.domain.headers import map_header
from sales_agent_dagster.domain.rows import LEAD_COLUMNS, RowFault, RowReader
from sales_agent_dagster.warehouse.schema import imported_leads
from sales_agent_dagster_tests.domain.test_headers import (
    APOLLO_PEOPLE,
    DEALER_SCRAPER,
    IMPORT_9,
    SALESFORCE_ACCOUNTS,
    SALESFORCE_LEADS,
)

NOTES = "ICP Score: 72.8 | Tier: GOLD | Domain: northwind.example | OEMs: Briggs & Stratton, Generac"


def read(header: str, **cells: str):
    """The row in which the named columns hold the given cells; ``_`` stands for a space."""
    names = header.split(",")
    values = {name.replace("__", " "): cell for name, cell in cells.items()}
    assert values.keys() <= set(names)
    return RowReader(map_header(names)).read([values.get(name, "") for name in names])


def lead(header: str, **cells: str) -> dict[str, object]:
    """What ``read`` gives, without the columns that hold nothing."""
    row = read(header, **cells)
    assert not isinstance(row, RowFault), row
    return {name: value for name, value in row.items() if value not in (None, False, 0)}


def scraped(**cells: str) -> dict[str, object]:
    return lead(DEALER_SCRAPER, **{"name": "Northwind Electric", **cells})


def repairs(row: dict[str, object]) -> list[str]:
    return str(row["repairs"]).split(", ") if row.get("repairs") else []


def test_a_row_gives_every_column_the_table_takes_from_it():
    given_by_the_import = {
        *("batch_id", "lead_id", "status", "reason", "file_id", "record_no", "line_no", "input_hash"),
        *("run_id", "created_at"),
    }
    assert set(LEAD_COLUMNS) == set(imported_leads.columns.keys()) - given_by_the_import
    assert list(read(IMPORT_9, company_name="Northwind")) == list(LEAD_COLUMNS)


def test_the_nine_columns():
    row = read(
        IMPORT_9,
        company_name="NORTHWIND POWER INC.",
        company_website="https://www.northwind.example/",
        industry="Generator/Electrical Services",
        contact_phone="(866) 555-0100",
        contact_email="Info@Northwind.Example",
        notes=NOTES,
    )
    assert {name: value for name, value in row.items() if value is not None and name != "raw"} == {
        "company_name": "Northwind Power",
        "legal_suffix": "Inc",
        "email": "info@northwind.example",
        "phone": "+18665550100",
        "phone_kind": "toll_free",
        "website": "https://www.northwind.example/",
        "website_host": "northwind.example",
        "domain": "northwind.example",
        "industry": "Generator/Electrical Services",
        "oems": "Briggs & Stratton, Generac",
        "oem_count": 2,
        "source_icp_score": 72.8,
        "source_icp_tier": "GOLD",
        "do_not_contact": False,
        "existing_customer": False,
        "repairs": "notes_parsed, name_case",
    }
    assert row["raw"] == {
        "company_name": "NORTHWIND POWER INC.",
        "company_website": "https://www.northwind.example/",
        "industry": "Generator/Electrical Services",
        "contact_phone": "(866) 555-0100",
        "contact_email": "Info@Northwind.Example",
        "notes": NOTES,
    }


class TestQuirksOfDealerLists:
    """One test per quirk that real dealer lists have."""

    def test_missing_values(self):
        row = scraped(email="NaN", street="nan", website="None", rating="", city="N/A", zip="-", phone="null")
        assert set(row) == {"company_name", "raw"}

    def test_zero_means_missing(self):
        row = scraped(rating="0", review_count="0.0")
        assert "rating" not in row
        assert "review_count" not in row
        assert repairs(row) == ["rating_zero", "reviews_zero"]

    def test_impossible_rating(self):
        row = scraped(rating="7.5")
        assert "rating" not in row
        assert repairs(row) == ["rating_out_of_range"]
        assert row["raw"]["rating"] == "7.5"

    def test_state_long_form(self):
        assert scraped(state="New Jersey")["state"] == "NJ"

    def test_state_garbage(self):
        row = scraped(street="po b", city="Houston", state="ox", zip="77002")
        assert row["state"] == "TX"
        assert repairs(row) == ["state_invalid", "state_from_zip"]

    def test_city_with_state_and_zip(self):
        row = scraped(city="Springfield, SOUTH CAROLINA 29146")
        assert (row["city"], row["state"], row["zip"]) == ("Springfield", "SC", "29146")

    def test_city_cut_in_the_middle(self):
        row = scraped(street="1200 example dr houst", city="on", state="TX", zip="77002")
        assert (row["street"], row["city"]) == ("1200 example dr", "Houston")

    def test_street_leftovers_in_the_city(self):
        row = scraped(street="1 main st", city="unit c elm grove", state="WI", zip="53122")
        assert (row["street"], row["city"]) == ("1 main st unit c", "Elm Grove")

    def test_scraped_card_text_in_the_street(self):
        row = scraped(
            street="8 mi0.0(0)0.0 out of 5 stars. 1200 example dr aust", city="in", state="TX", zip="78701"
        )
        assert (row["street"], row["city"]) == ("1200 example dr", "Austin")
        assert repairs(row) == ["street_prefix", "city_rejoined"]

    def test_phone_forms(self):
        row = scraped(phone="212 555-0100 / (713) 555-0199 x12")
        assert (row["phone"], row["phone_2"]) == ("+12125550100", "+17135550199")
        assert "phone" not in scraped(phone="555-0100")

    def test_zip_with_lost_zeros(self):
        row = scraped(state="MA", zip="2134-1234")
        assert (row["zip"], row["zip4"]) == ("02134", "1234")
        assert "zip" not in scraped(state="TX", zip="2134")

    def test_scraped_from_zip_is_not_the_dealers_zip(self):
        row = scraped(scraped_from_zip="77002")
        assert "zip" not in row
        assert row["extra"] == {"scraped_from_zip": "77002"}

    @pytest.mark.parametrize("name", ["Manage Consent Preferences", "Accept All Cookies", "OFFERING"])
    def test_junk_names(self, name):
        fault = read(DEALER_SCRAPER, name=name, phone="2125550100")
        assert isinstance(fault, RowFault)
        assert (fault.field, fault.value, fault.reason_code) == ("company_name", name, "name_junk")
        assert fault.reason
        assert fault.remedy

    def test_identifiers_that_went_through_a_float(self):
        names = ["company", "Record ID"]
        row = RowReader(map_header(names)).read(["Northwind", "549974.0"])
        assert row["external_id"] == "549974"

    def test_name_noise(self):
        row = scraped(name="NORTHWIND FUELS &ENERGY ,")
        assert row["company_name"] == "Northwind Fuels & Energy"
        assert row["raw"]["name"] == "NORTHWIND FUELS &ENERGY ,"
        assert repairs(row) == ["name_punctuation", "name_case"]

    def test_capability_flags(self):
        row = scraped(has_hvac="True", has_solar="False", has_generator="1", is_gc="", is_commercial="nan")
        assert row["capabilities"] == "hvac, generator"

    def test_website_of_another_domain_than_stated_is_kept_and_flagged(self):
        row = scraped(website="https://northwind.example/", domain="southwind.example")
        assert row["domain"] == "northwind.example"
        assert repairs(row) == ["domain_disagrees"]

    def test_junk_columns_are_kept_apart(self):
        assert scraped(distance="8 mi0.0(0)")["extra"] == {"distance": "8 mi0.0(0)"}


def test_scores_of_the_scraper():
    row = scraped(
        ICP_Score="72.8", ICP_Tier="gold", Resimercial_Score="75", MultiOEM_Score="100", MEPR_Score="50",
        OM_Score="60.0", tier="Elite", multi_oem_score="4",
    )  # fmt: skip
    assert [
        row[f"source_{name}"] for name in ("icp_score", "resimercial", "multi_oem", "mep_r", "o_and_m")
    ] == [
        72.8,
        75,
        100,
        50,
        60,
    ]
    assert (row["source_icp_tier"], row["dealer_tier"]) == ("GOLD", "Elite")
    assert row["extra"] == {"multi_oem_score": "4"}


@pytest.mark.parametrize(
    ("score", "repair"),
    [("101", "number_out_of_range"), ("-1", "number_out_of_range"), ("high", "number_invalid")],
)
def test_impossible_scores_are_flagged(score, repair):
    row = scraped(ICP_Score=score)
    assert "source_icp_score" not in row
    assert repairs(row) == [repair]


def test_columns_win_over_notes():
    header = IMPORT_9 + ",icp_score,icp_tier"
    row = lead(header, company_name="Northwind", notes=NOTES, icp_score="60", icp_tier="Strategic")
    assert (row["source_icp_score"], row["source_icp_tier"]) == (60, "Strategic")
    assert row["website"] == "https://northwind.example/"
    assert repairs(row) == ["notes_parsed", "website_from_domain"]


def test_notes_of_people_are_kept_and_impossible_scores_in_them_flagged():
    assert lead(IMPORT_9, company_name="Northwind", notes="Call\nafter 5")["notes"] == "Call\nafter 5"
    row = lead(IMPORT_9, company_name="Northwind", notes="ICP Score: 540 | Tier: GOLD | Met at the fair")
    assert "source_icp_score" not in row
    assert row["notes"] == "Met at the fair"
    assert repairs(row) == ["notes_parsed", "number_out_of_range"]


def test_brands_of_all_columns_are_joined_and_counted():
    row = scraped(
        OEMs_Certified="Generac, B&S", generator_oems="generac;Kohler", oem_source="Cummins", OEM_Count="4"
    )
    assert row["oems"] == "Generac, Briggs & Stratton, Kohler, Cummins"
    assert row["oem_count"] == 4
    assert repairs(row) == []


def test_a_stated_brand_count_is_used_only_without_a_list():
    assert scraped(OEM_Count="3")["oem_count"] == 3
    row = scraped(OEM_Count="3", OEMs_Certified="Generac")
    assert row["oem_count"] == 1
    assert repairs(row) == ["oem_count_disagrees"]


def test_sizes():
    row = lead(IMPORT_9, company_name="Northwind", company_size="Nov-50")
    assert (row["company_size"], repairs(row)) == ("11-50", ["size_date"])
    assert lead(IMPORT_9, company_name="Northwind", company_size="25")["employee_count"] == 25
    assert scraped(employee_count="25.0")["employee_count"] == 25
    row = scraped(employee_count="11-50")
    assert (row["company_size"], repairs(row)) == ("11-50", ["employees_range"])
    assert repairs(scraped(employee_count="many")) == ["number_invalid"]
    assert "employee_count" not in scraped(employee_count="0")


def test_revenue():
    assert scraped(estimated_revenue="$1.2M")["annual_revenue"] == 1_200_000


def test_apollo_people():
    row = lead(
        APOLLO_PEOPLE,
        First__Name="JANE",
        Last__Name="DOE",
        Title="Owner",
        Company="Northwind",
        Home__Phone="2125550111",
        Mobile__Phone="2125550122",
        City="Boston",
        State="Massachusetts",
        Company__Address="1 Main St, Springfield, Illinois, United States, 62701",
        Company__City="Springfield",
        Company__State="Illinois",
        Company__Linkedin__Url="http://www.linkedin.com/company/northwind",
        Stage="Do Not Contact",
        Secondary__Email="jane@northwind.example",
    )
    assert (row["contact_name"], row["contact_first_name"], row["contact_title"]) == (
        "Jane Doe",
        "Jane",
        "Owner",
    )
    assert (row["phone"], row["phone_2"]) == ("+12125550122", "+12125550111")
    assert (row["street"], row["city"], row["state"], row["zip"]) == (
        "1 Main St",
        "Springfield",
        "IL",
        "62701",
    )
    assert row["linkedin_url"] == "https://www.linkedin.com/company/northwind"
    assert row["do_not_contact"] is True
    assert row["email"] == "jane@northwind.example"


def test_the_persons_place_stands_in_for_the_companys():
    row = lead(APOLLO_PEOPLE, Company="Northwind", City="Boston", State="Massachusetts")
    assert (row["city"], row["state"]) == ("Boston", "MA")


def test_several_lines_of_a_street():
    row = lead(SALESFORCE_ACCOUNTS, Account__Name="Northwind", Billing__Street="1 Main St\nSuite 5")
    assert row["street"] == "1 Main St, Suite 5"


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("Email__Opt__Out", "TRUE", True),
        ("Do__Not__Call", "1", True),
        ("Email__Opt__Out", "2024-01-05", True),
        ("Email__Opt__Out", "FALSE", False),
        ("Email__Opt__Out", "Not opted out", False),
        ("Do__Not__Call", "", False),
        ("Lead__Status", "Unqualified - do not contact", True),
        ("Lead__Status", "Unsubscribed", True),
        ("Lead__Status", "New", False),
    ],
)
def test_opt_outs(column, cell, expected):
    row = read(SALESFORCE_LEADS, **{"Company__/__Account": "Northwind", column: cell})
    assert row["do_not_contact"] is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Customer", True),
        ("customer", True),
        ("Customer - Direct", True),
        ("Existing customer", True),
        ("Evangelist", True),
        ("Current Client", True),
        ("Former customer", False),
        ("Customer service vendor", False),
        ("Prospect", False),
        ("Lead", False),
    ],
)
def test_customers(status, expected):
    assert read(SALESFORCE_ACCOUNTS, Account__Name="Northwind", Type=status)["existing_customer"] is expected


def test_customer_flag():
    reader = RowReader(map_header(["company", "Existing Customer"]))
    assert reader.read(["Northwind", "Yes"])["existing_customer"] is True
    assert reader.read(["Northwind", "no"])["existing_customer"] is False


def test_the_country_decides_about_phones_and_states():
    header = "company,phone,country,state,zip"
    row = lead(header, company="Northwind", phone="020 7946 0958", country="United Kingdom", zip="12345")
    assert (row["phone"], row["country"]) == ("+442079460958", "United Kingdom")
    assert "zip" not in row


class TestWebsiteColumn:
    """What people type into the website column."""

    def test_an_email_address(self):
        row = scraped(website="info@northwind.example")
        assert row["email"] == "info@northwind.example"
        assert repairs(row) == ["email_from_website"]

    def test_a_linkedin_page(self):
        row = scraped(website="https://www.linkedin.com/company/northwind/")
        assert row["linkedin_url"] == "https://www.linkedin.com/company/northwind"
        assert "website" not in row

    def test_nonsense(self):
        row = scraped(website="ask owner")
        assert repairs(row) == ["website_invalid"]
        assert row["raw"]["website"] == "ask owner"

    @pytest.mark.parametrize("missing", ["N/A", "none"])
    def test_missing(self, missing):
        assert repairs(scraped(website=missing)) == []

    def test_linkedin_but_no_page(self):
        row = scraped(website="https://www.linkedin.com/feed/")
        assert set(row) == {"company_name", "raw", "repairs"}
        assert repairs(row) == ["website_invalid"]

    def test_a_stated_domain_gives_the_website(self):
        row = scraped(domain="northwind.example")
        assert row["website"] == "https://northwind.example/"
        assert repairs(row) == ["website_from_domain"]

    @pytest.mark.parametrize(
        "stated", ["northwind.example", "WWW.northwind.example", "shop.northwind.example"]
    )
    def test_the_same_domain_in_other_words_is_no_disagreement(self, stated):
        assert repairs(scraped(website="https://northwind.example/", domain=stated)) == []


def test_linkedin_column():
    assert scraped(linkedin_url="linkedin.com/in/jdoe")["linkedin_url"] == "https://www.linkedin.com/in/jdoe"
    assert repairs(scraped(linkedin_url="see website")) == ["linkedin_invalid"]
    assert repairs(scraped(linkedin_url="N/A")) == []
