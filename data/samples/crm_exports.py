"""Small exports as HubSpot, Salesforce and Apollo write them, of made-up people and firms."""

from __future__ import annotations

Table = list[tuple[str, ...]]


def hubspot_contacts() -> Table:
    """All contacts, default view of HubSpot's contact index."""
    return [
        (
            "Record ID",
            "First Name",
            "Last Name",
            "Email",
            "Phone Number",
            "Contact owner",
            "Associated Company",
            "Job Title",
            "Website URL",
            "City",
            "State/Region",
            "Postal Code",
            "Lead Status",
            "Create Date",
        ),
        _hubspot(
            "51",
            "Avery",
            "Tolmere",
            "avery@tolmere-electric.example",
            "(512) 555-0121",
            "Tolmere Electric LLC",
        ),
        _hubspot(
            "52", "Blake", "Orvanne", "blake@orvannepower.example", "713-555-0122", "Orvanne Power, Inc."
        ),
        _hubspot("53", "", "", "info@quillfen.example", "+1 303 555 0123", "Quillfen Heating & Air"),
        _hubspot("54", "Casey", "Null", "casey@brackwater.example", "", "Brackwater Solar Co"),
        _hubspot("55", "Devon", "Marsh", "", "(813) 555-0125", "Fennimoor Generators"),
        _hubspot("56", "Riley", "Sand", "riley@nowhere.example", "", ""),
    ]


def _hubspot(number: str, first: str, last: str, email: str, phone: str, company: str) -> tuple[str, ...]:
    site = f"https://{email.partition('@')[2]}" if email else ""
    status = "OPEN" if phone else ""
    return (
        *(number, first, last, email, phone, "Jordan Example", company, "Owner" if first else "", site),
        *("Austin", "Texas", "78701", status, "2026-01-10 09:30"),
    )


def salesforce_leads() -> Table:
    """A lead report, details only, as Salesforce exports it."""
    return [
        (
            "Lead ID",
            "First Name",
            "Last Name",
            "Title",
            "Company / Account",
            "Street",
            "City",
            "State/Province",
            "Zip/Postal Code",
            "Country",
            "Phone",
            "Email",
            "Website",
            "Industry",
            "No. of Employees",
            "Annual Revenue",
            "Lead Source",
            "Lead Status",
            "Do Not Call",
            "Email Opt Out",
        ),
        _salesforce("1", "Emerson", "Wexel", "Wexel Standby Power", "Boston", "MA", "02108", "0", "0"),
        _salesforce("2", "Finley", "Ravell", "Ravell Electric Corp", "Nashua", "NH", "03060", "1", "0"),
        _salesforce(
            "3", "Harper", "Stowe", "Stoweby Plumbing, Heating & Electric", "Newark", "NJ", "07102", "0", "1"
        ),
        _salesforce("4", "Kendall", "Dale", "Umberdale Solar LLC", "Austin", "TX", "78701", "0", "0"),
        _salesforce("5", "Logan", "Thorpe", "[not provided]", "Naples", "FL", "34102", "0", "0"),
    ]


def _salesforce(
    number: str,
    first: str,
    last: str,
    company: str,
    city: str,
    state: str,
    zip_code: str,
    no_call: str,
    no_mail: str,
) -> tuple[str, ...]:
    host = f"{last.lower()}-works.example"
    return (
        *(
            f"00QEX00000EXAMP{number}",
            first,
            last,
            "President",
            company,
            f"{number}00 Example Way",
            city,
            state,
        ),
        *(zip_code, "United States", f"(617) 555-013{number}", f"{first.lower()}@{host}", f"www.{host}"),
        *("Energy", f"{4 * int(number)}", "$1,250,000", "Web", "Open - Not Contacted", no_call, no_mail),
    )


def apollo_contacts() -> Table:
    """A people export with Apollo's default columns."""
    return [
        (
            "First Name",
            "Last Name",
            "Title",
            "Company",
            "Company Name for Emails",
            "Email",
            "Email Status",
            "Seniority",
            "Corporate Phone",
            "Mobile Phone",
            "Stage",
            "# Employees",
            "Industry",
            "Keywords",
            "Person Linkedin Url",
            "Website",
            "Company Linkedin Url",
            "City",
            "State",
            "Country",
            "Company Address",
            "Company City",
            "Company State",
            "Company Country",
            "Company Phone",
            "Annual Revenue",
            "Apollo Contact Id",
        ),
        _apollo(1, "Morgan", "Cottle", "Cottlemoor Electric", "Denver", "Colorado"),
        _apollo(2, "Parker", "Fell", "Orrinfell Generator Service", "Tulsa", "Oklahoma"),
        _apollo(3, "Quinn", "Moor", "Halvormoor Mechanical", "Omaha", "Nebraska"),
        _apollo(4, "Jordan", "Gate", "Junvargate Energy", "Raleigh", "North Carolina"),
    ]


def _apollo(number: int, first: str, last: str, company: str, city: str, state: str) -> tuple[str, ...]:
    name = company.split()[0].lower()
    return (
        *(first, last, "Operations Manager", company, company.split()[0], f"{first.lower()}@{name}.example"),
        *("Verified", "Manager", f"'+1 720-555-014{number}", "", "Cold", f"{10 * number}", "construction"),
        *("generators, standby power", f"http://www.linkedin.com/in/{first.lower()}-{last.lower()}-example"),
        *(f"http://www.{name}.example", f"http://www.linkedin.com/company/{name}-example", city, state),
        *("United States", f"{number} Example Plaza, {city}, {state}, United States", city, state),
        *("United States", f"+1 720-555-015{number}", f"{number}500000", f"apollo-example-{number}"),
    )
