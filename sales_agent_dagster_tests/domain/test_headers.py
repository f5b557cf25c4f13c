from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import QuarantinedFile
from sales_agent_dagster.domain.header_aliases import ALIASES, PLACE_ALIASES, compact
from sales_agent_dagster.domain.headers import MAX_COLUMNS, map_header

IMPORT_9 = (
    "company_name,company_website,company_size,industry,contact_name,contact_email,contact_phone,"
    "contact_title,notes"
)
DEALER_SCRAPER = (
    "name,phone,domain,website,email,street,city,state,zip,address_full,distance,distance_miles,"
    "scraped_from_zip,collection_date,ICP_Score,ICP_Tier,OEM_Count,OEMs_Certified,Resimercial_Score,"
    "Resimercial_Evidence,MultiOEM_Score,MultiOEM_Evidence,MEPR_Score,MEPR_Evidence,OM_Score,OM_Evidence,"
    "rating,review_count,tier,oem_source,oem_certifications,certifications,has_hvac,has_solar,has_inverters,"
    "has_microinverters,has_generator,has_battery,has_plumbing,has_electrical,has_roofing,"
    "has_ops_maintenance,has_om_capability,is_mep_contractor,is_mep_r_contractor,is_resimercial,"
    "is_commercial,is_residential,is_self_performing,is_gc,is_sub,capability_count,mep_score,battery_oems,"
    "inverter_oems,microinverter_oems,generator_oems,multi_oem_score,employee_count,estimated_revenue,"
    "apollo_enriched,linkedin_url,linkedin_search_query,itc_urgency,srec_state_priority,coperniq_score,"
    "adwords_keywords,seo_keywords,meta_custom_audience,meta_ads_targeting"
)
HUBSPOT_COMPANIES = (
    "Record ID,Company name,Company owner,Create Date,Phone Number,Last Activity Date,City,Country/Region,"
    "Industry,Company Domain Name,Website URL,Number of Employees,Annual Revenue,Street Address,"
    "State/Region,Postal Code,Lifecycle Stage,Type,Description,LinkedIn Company Page,Rating"
)
HUBSPOT_CONTACTS = (
    "Record ID - Contact,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Contact owner,"
    "Associated Company,Job Title,Lead Status,Lifecycle Stage,Unsubscribed from all email,"
    "Opted out of email: Marketing Information,Opted out of email: One to One,Company Name,Website URL"
)
SALESFORCE_LEADS = (
    "First Name,Last Name,Title,Company / Account,Email,Phone,Mobile,Street,City,State/Province,"
    "Zip/Postal Code,Country,Lead Source,Lead Status,Rating,Industry,Annual Revenue,No. of Employees,"
    "Website,Email Opt Out,Do Not Call,Lead Owner"
)
SALESFORCE_LEADS_API = (
    "Id,FirstName,LastName,Name,Title,Company,Street,City,State,PostalCode,Country,Phone,MobilePhone,Email,"
    "Website,Description,LeadSource,Status,Industry,Rating,AnnualRevenue,NumberOfEmployees,"
    "HasOptedOutOfEmail,DoNotCall,IsConverted"
)
SALESFORCE_ACCOUNTS = (
    "Account Name,Account ID,Type,Billing Street,Billing City,Billing State/Province,"
    "Billing Zip/Postal Code,Billing Country,Shipping Street,Shipping City,Phone,Fax,Website,Employees,Rating"
)
SALESFORCE_CONTACTS = (
    "First Name,Last Name,Account Name,Title,Mailing Street,Mailing City,Mailing State/Province,"
    "Mailing Zip/Postal Code,Mailing Country,Phone,Mobile,Email,Contact ID,Account ID,Rating"
)
APOLLO_PEOPLE = (
    "First Name,Last Name,Title,Company,Company Name for Emails,Email,Email Status,Work Direct Phone,"
    "Home Phone,Mobile Phone,Corporate Phone,Other Phone,Stage,Contact Owner,# Employees,Industry,Keywords,"
    "Person Linkedin Url,Website,Company Linkedin Url,City,State,Country,Company Address,Company City,"
    "Company State,Company Country,Company Phone,Annual Revenue,Secondary Email,Apollo Contact Id,"
    "Apollo Account Id"
)
APOLLO_COMPANIES = (
    "Company Name,Company Name for Emails,Account Stage,# Employees,Industry,Website,Company Linkedin Url,"
    "Company Street,Company City,Company State,Company Country,Company Postal Code,Company Address,"
    "Company Phone,Annual Revenue,Apollo Account Id,Short Description"
)


def fields_of(header: str) -> dict[str, list[str]]:
    names = header.split(",")
    return {
        field: [names[column] for column in columns] for field, columns in map_header(names).fields.items()
    }


def refused(*names: str) -> QuarantinedFile:
    with pytest.raises(QuarantinedFile) as caught:
        map_header(names)
    return caught.value


@pytest.mark.parametrize(
    ("header", "layout"),
    [
        (IMPORT_9, "import_9"),
        (DEALER_SCRAPER, "dealer_scraper"),
        (HUBSPOT_COMPANIES, "hubspot_companies"),
        (HUBSPOT_CONTACTS, "hubspot_contacts"),
        (SALESFORCE_LEADS, "salesforce_leads"),
        (SALESFORCE_LEADS_API, "salesforce_leads"),
        (SALESFORCE_ACCOUNTS, "salesforce_accounts"),
        (SALESFORCE_CONTACTS, "salesforce_contacts"),
        (APOLLO_PEOPLE, "apollo_people"),
        (APOLLO_COMPANIES, "apollo_companies"),
        ("Company,Web,Tel,Mail", "generic"),
    ],
)
def test_layouts_are_recognised(header, layout):
    assert map_header(header.split(",")).format == layout


def test_the_nine_columns():
    assert map_header(IMPORT_9.split(",")).columns == {
        "company_name": "company_name",
        "company_website": "website",
        "company_size": "company_size",
        "industry": "industry",
        "contact_name": "contact_name",
        "contact_email": "email",
        "contact_phone": "phone",
        "contact_title": "contact_title",
        "notes": "notes",
    }


def test_the_plain_words():
    assert fields_of("Company,Web,Tel,Mail") == {
        "company_name": ["Company"],
        "website": ["Web"],
        "phone": ["Tel"],
        "email": ["Mail"],
    }


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (
            "Licensee Name,DBA/Trade Name,Physical Address,City/Town,State Abbr.,Zip Post Code,Ph. #",
            "company_name,company_name,whole,city,state,zip,phone",
        ),
        (
            "Exhibitor,Web Page,Contact No.,Main Contact,HQ Address,HQ City,HQ State",
            "company_name,website,phone,contact_name,whole,city,state",
        ),
        (
            "Store Name,Formatted Address,International Phone Number,Root Domain,Primary Phone",
            "company_name,whole,phone,domain,phone",
        ),
        ("Name of Business,Headquarters Location,Toll-Free", "company_name,whole,phone"),
        (
            "Client,City State Zip,First,Last,Emails",
            "company_name,city,contact_first_name,contact_last_name,email",
        ),
        (
            "Firma,Straße,PLZ,Ort,Land,Telefon,Webseite,E-Mail-Adresse,Ansprechpartner",
            "company_name,street,zip,city,country,phone,website,email,contact_name",
        ),
        (
            "Razón social,Dirección,Código postal,Ciudad,Provincia,Teléfono,Correo electrónico,Sitio web",
            "company_name,whole,zip,city,state,phone,email,website",
        ),
        (
            "Raison sociale,Adresse,Code postal,Ville,Pays,Téléphone,Courriel,Site internet",
            "company_name,whole,zip,city,country,phone,email,website",
        ),
    ],
)
def test_headers_of_boards_shows_directories_and_other_languages(header, fields):
    names = header.split(",")
    found = map_header(names).columns
    assert dict(zip(names, fields.split(","), strict=True)) == {name: found[name] for name in names}


def test_a_trading_name_comes_before_whoever_holds_the_license():
    header = map_header(["Licensee Name", "Legal Name", "DBA"])
    assert header.fields["company_name"] == (2, 1, 0)


def test_the_seventy_columns():
    header = map_header(DEALER_SCRAPER.split(","))
    assert len(header.names) == 70
    fields = fields_of(DEALER_SCRAPER)
    assert fields["company_name"] == ["name"]
    assert fields["dealer_tier"] == ["tier"]
    assert fields["source_icp_tier"] == ["ICP_Tier"]
    assert [fields[f"source_{name}"] for name in ("resimercial", "multi_oem", "mep_r", "o_and_m")] == [
        ["Resimercial_Score"],
        ["MultiOEM_Score"],
        ["MEPR_Score"],
        ["OM_Score"],
    ]
    assert fields["oems"] == [
        "OEMs_Certified",
        "oem_certifications",
        "generator_oems",
        "battery_oems",
        "inverter_oems",
        "microinverter_oems",
        "oem_source",
    ]
    assert fields["annual_revenue"] == ["estimated_revenue"]
    assert list(header.capabilities.values())[:3] == ["hvac", "solar", "inverters"]
    assert len(header.capabilities) == 19
    unknown = [name for name, field in header.columns.items() if field is None]
    assert {"scraped_from_zip", "distance", "multi_oem_score", "mep_score", "MEPR_Evidence"} <= set(unknown)
    assert header.places == ({"street": (5,), "city": (6,), "state": (7,), "zip": (8,), "whole": (9,)},)


def test_hubspot_companies():
    fields = fields_of(HUBSPOT_COMPANIES)
    assert fields["domain"] == ["Company Domain Name"]
    assert fields["website"] == ["Website URL"]
    assert fields["status"] == ["Lifecycle Stage", "Type"]
    assert fields["external_id"] == ["Record ID"]
    assert fields["linkedin_url"] == ["LinkedIn Company Page"]
    assert "rating" not in fields


def test_hubspot_contacts():
    fields = fields_of(HUBSPOT_CONTACTS)
    assert fields["company_name"] == ["Company Name", "Associated Company"]
    assert fields["phone"] == ["Phone Number", "Mobile Phone Number"]
    assert len(fields["do_not_contact"]) == 3
    assert "contact_name" not in fields


def test_salesforce():
    fields = fields_of(SALESFORCE_LEADS)
    assert fields["company_name"] == ["Company / Account"]
    assert fields["do_not_contact"] == ["Email Opt Out", "Do Not Call"]
    assert "rating" not in fields
    fields = fields_of(SALESFORCE_LEADS_API)
    assert fields["contact_name"] == ["Name"]
    assert fields["do_not_contact"] == ["HasOptedOutOfEmail", "DoNotCall"]
    assert fields_of(SALESFORCE_CONTACTS)["external_id"] == ["Contact ID", "Account ID"]
    assert [set(place) for place in map_header(SALESFORCE_ACCOUNTS.split(",")).places] == [
        {"street", "city", "state", "zip", "country"},
        {"street", "city"},
    ]


def test_apollo():
    fields = fields_of(APOLLO_PEOPLE)
    assert fields["company_name"] == ["Company", "Company Name for Emails"]
    assert fields["phone"] == [
        "Work Direct Phone",
        "Mobile Phone",
        "Corporate Phone",
        "Company Phone",
        "Other Phone",
        "Home Phone",
    ]
    assert fields["email"] == ["Email", "Secondary Email"]
    assert fields["linkedin_url"] == ["Person Linkedin Url", "Company Linkedin Url"]
    assert fields["external_id"] == ["Apollo Contact Id", "Apollo Account Id"]
    company, person = map_header(APOLLO_PEOPLE.split(",")).places
    assert set(company) == {"whole", "city", "state", "country"}
    assert set(person) == {"city", "state", "country"}


@pytest.mark.parametrize(
    "header",
    [
        "COMPANY-NAME",
        "company name",
        "\ufeffCompany_Name",
        '"Company Name"',
        " company\u00a0name ",
        "CompanyName",
        "Compány Náme",
    ],
)
def test_spelling_does_not_matter(header):
    assert map_header([header]).fields == {"company_name": (0,)}


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("Name", "Phone"), "company_name"),
        (("Name", "Company"), "contact_name"),
        (("Name", "Last Name", "Email"), "contact_name"),
        (("Name", "Website"), "company_name"),
    ],
)
def test_plain_name(names, field):
    assert map_header(names).columns["Name"] == field


@pytest.mark.parametrize(
    ("names", "both"),
    [
        (("Company Name", "company_name"), ("'Company Name' (column 1)", "'company_name' (column 2)")),
        (("company", "phone", "phone"), ("'phone' (column 2)", "'phone' (column 3)")),
        (("company", "city", "City"), ("'city' (column 2)", "'City' (column 3)")),
        (("company", "Status", "status"), ("'Status' (column 2)", "'status' (column 3)")),
    ],
)
def test_one_name_on_two_columns_is_refused(names, both):
    error = refused(*names)
    assert error.code == "header_ambiguous"
    assert all(name in error.message for name in both)


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("Company", "Company Name"), "company_name"),
        (("Company", "Phone", "Telephone", "Mobile", "Cell"), "phone"),
        (("Company", "Mail", "E-mail"), "email"),
    ],
)
def test_several_names_of_one_field_are_tried_in_order_of_the_file(names, field):
    columns = tuple(index for index, name in enumerate(names) if map_header(names).columns[name] == field)
    assert map_header(names).fields[field] == columns
    assert len(columns) >= 2


def test_several_columns_of_one_part_of_the_address_are_tried_in_order():
    assert map_header(["Company", "City", "Town"]).places == ({"city": (1, 2)},)


def test_unknown_columns_may_repeat_or_have_no_name():
    header = map_header(["company", "Fax", "fax", "Fax", ""])
    assert header.names == ("company", "Fax", "fax", "Fax (column 4)", "column 5")
    assert list(header.columns.values()) == ["company_name", None, None, None, None]


def test_names_made_distinct_stay_distinct():
    names = ["company", "column 3", "", "column 3"]
    assert len(set(map_header(names).names)) == 4


def test_a_header_without_any_source_of_a_name_suggests_the_nearest():
    error = refused("Compny Nme", "Colour")
    assert error.code == "header_unknown"
    assert "'Compny Nme' looks like 'company name'" in error.message
    assert "Colour" in error.message
    assert "company_name" in error.remedy


def test_an_empty_header_is_unknown():
    assert refused("", "").code == "header_unknown"


@pytest.mark.parametrize(
    "cells",
    [
        ("Northwind Electric", "https://northwind.example/", "(212) 555-0100"),
        ("Northwind Electric", "info@northwind.example"),
        ("Northwind Electric", "2125550100", "TX"),
        ("Northwind Electric", "72.8"),
    ],
)
def test_a_first_row_of_data_is_no_header(cells):
    error = refused(*cells)
    assert error.code == "header_missing"
    assert "company_name" in error.remedy


def test_a_figure_among_known_names_is_a_header():
    assert map_header(["Company", "Phone", "2024"]).columns["2024"] is None


def test_too_many_columns():
    assert refused(*["company"] * (MAX_COLUMNS + 1)).code == "header_too_wide"


def test_every_alias_is_one_meaning():
    assert not ALIASES.keys() & PLACE_ALIASES.keys()
    assert all(key == compact(key) for key in (*ALIASES, *PLACE_ALIASES))


@given(
    st.lists(st.text(max_size=20) | st.sampled_from(["company", "phone", "Name", "city", "fax"]), max_size=8)
)
def test_any_header_is_mapped_or_refused(names):
    try:
        header = map_header(names)
    except QuarantinedFile as refusal:
        told = bool(refusal.message and refusal.remedy)
    else:
        told = True
        assert len(header.columns) == len(header.names) == len(names)
        used = [column for columns in header.fields.values() for column in columns]
        assert len(used) == len(set(used))
    assert told
