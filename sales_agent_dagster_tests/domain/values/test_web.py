from __future__ import annotations

import pytest
import tldextract
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.repairs import REPAIRS
from sales_agent_dagster.domain.values.web import (
    FLAT_TLDS,
    host_without_www,
    is_linkedin,
    read_linkedin,
    read_website,
    registrable_domain,
)


@pytest.mark.parametrize(
    ("text", "url", "host", "domain"),
    [
        ("https://www.acme.com/", "https://www.acme.com/", "acme.com", "acme.com"),
        ("https://acme.com", "https://acme.com/", "acme.com", "acme.com"),
        ("http://acme.com/a/b", "http://acme.com/a/b", "acme.com", "acme.com"),
        (
            "https://acme.generacdealers.com/",
            "https://acme.generacdealers.com/",
            "acme.generacdealers.com",
            "generacdealers.com",
        ),
        ("https://acme.business.site/", "https://acme.business.site/", "acme.business.site", "business.site"),
        ("https://shop.acme.co.uk/", "https://shop.acme.co.uk/", "shop.acme.co.uk", "acme.co.uk"),
        ("https://power.acme.us/", "https://power.acme.us/", "power.acme.us", "acme.us"),
        ("https://acme.solar", "https://acme.solar/", "acme.solar", "acme.solar"),
    ],
)
def test_addresses_that_need_no_repair(text, url, host, domain):
    assert read_website(text) == (url, host, domain, ())


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("acme.com", "https://acme.com/"),
        ("www.acme.com", "https://www.acme.com/"),
        ("HTTP://WWW.ACME.COM/Path", "http://www.acme.com/Path"),
        ("http:/acme.com", "http://acme.com/"),
        ("http//acme.com", "http://acme.com/"),
        ("http://https://acme.com/", "https://acme.com/"),
        ("https://acme.com:443/", "https://acme.com/"),
        ("https://acme.com/?utm_source=a&id=7&gclid=x", "https://acme.com/?id=7"),
        ("https://acme.com/#top", "https://acme.com/"),
        ("acme.com, other.com", "https://acme.com/"),
        ("<https://acme.com/>", "https://acme.com/"),
        ("https://acme.com.", "https://acme.com/"),
        ("acme.com\\page", "https://acme.com/page"),
        ("https://b\u00fccher.com/", "https://xn--bcher-kva.com/"),
    ],
)
def test_repaired_addresses(text, url):
    found = read_website(text)
    assert (found.url, found.repairs) == (url, ("website_cleaned",))


@pytest.mark.parametrize(
    "text",
    [
        "none yet",
        "acme",
        "http://",
        "javascript:alert(1)",
        "mailto:info@acme.com",
        "info@acme.com",
        "user:pw@acme.com",
        "ftp://acme.com",
        "10.0.0.1",
        "http://localhost/",
        "acme.notatld",
        "co.uk",
        "tx.us",
        "https://-acme.com",
        "https://acme..com",
        "https://acme.com:port/",
        "a" * 70 + ".com",
        "\u00fc" * 80 + ".com",
        ".com",
    ],
)
def test_what_is_no_address_is_flagged(text):
    assert read_website(text) == (None, None, None, ("website_invalid",))


@pytest.mark.parametrize("text", ["", "NULL", "N/A"])
def test_missing_is_not_invalid(text):
    assert read_website(text) == (None, None, None, ())


def test_www_alone_is_a_name():
    assert host_without_www("www.com") == "www.com"
    assert host_without_www("www.www.acme.com") == "acme.com"


@pytest.mark.parametrize("tld", sorted(FLAT_TLDS - {"example"}))
def test_the_fast_path_agrees_with_the_public_suffix_list(tld):
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    extract(f"acme.{tld}")
    suffixes = extract.tlds(include_psl_private_domains=False) if callable(extract.tlds) else extract.tlds
    assert tld in suffixes
    assert not [suffix for suffix in suffixes if suffix.endswith(f".{tld}")]
    for host in (f"acme.{tld}", f"shop.acme.{tld}"):
        assert registrable_domain(host) == extract(host).top_domain_under_public_suffix


def test_a_port_of_its_own_is_kept_in_the_address_only():
    found = read_website("https://acme.com:8443/x")
    assert found == ("https://acme.com:8443/x", "acme.com", "acme.com", ())


def test_the_reserved_tld_of_made_up_firms_is_flat():
    assert registrable_domain("shop.acme.example") == "acme.example"


def test_a_flat_tld_alone_is_no_domain():
    assert registrable_domain("com") is None


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("https://www.linkedin.com/company/Acme-Power/", "https://www.linkedin.com/company/acme-power"),
        ("linkedin.com/in/jdoe?trk=x", "https://www.linkedin.com/in/jdoe"),
        ("http://uk.linkedin.com/in/jdoe/details", "https://www.linkedin.com/in/jdoe"),
        ("https://www.linkedin.com/feed", None),
        ("https://acme.com/company/acme", None),
        ("", None),
    ],
)
def test_linkedin_pages(text, page):
    assert read_linkedin(text) == page
    if page:
        assert is_linkedin(text)
        assert read_linkedin(page) == page


_hosts = st.from_regex(
    r"(https?://)?(www\.)?[a-z0-9-]{1,12}(\.[a-z0-9-]{1,8}){0,2}\.(com|net|co\.uk|us|zz)"
    r"(:[0-9]{1,4})?(/[a-zA-Z0-9?=&#%. -]{0,20})?",
    fullmatch=True,
)


@given(st.text(max_size=80) | _hosts)
def test_normal_form_is_stable_and_nothing_raises(text):
    found = read_website(text)
    assert set(found.repairs) <= REPAIRS.keys()
    assert (found.url is None) == (found.host is None) == (found.domain is None)
    if found.url:
        assert found.host.endswith(found.domain)
        assert read_website(found.url) == (found.url, found.host, found.domain, ())
