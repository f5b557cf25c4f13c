from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.shared_hosts import (
    is_free_mail,
    is_role_mailbox,
    is_shared_host,
    tenant_host,
)

LABEL = st.text(alphabet="abcdefgh123", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("host", "shared", "tenant"),
    [
        ("york.dispatch.me", True, None),
        ("facebook.com", True, None),
        ("m.facebook.com", True, None),
        ("sites.google.com", True, None),
        ("linktr.ee", True, None),
        ("yelp.com", True, None),
        ("generac.com", True, None),
        ("generacdealers.com", True, None),
        ("acme.generacdealers.com", True, "acme.generacdealers.com"),
        ("www.acme.generacdealers.com", True, "acme.generacdealers.com"),
        ("www.generacdealers.com", True, None),
        ("acme.business.site", True, "acme.business.site"),
        ("acme.godaddysites.com", True, "acme.godaddysites.com"),
        ("Acme.WixSite.com.", True, "acme.wixsite.com"),
        ("acmepower.com", False, None),
        ("shop.acmepower.com", False, None),
        ("notfacebook.com", False, None),
        ("", False, None),
    ],
)
def test_shared_hosts_and_what_of_them_identifies_a_firm(host: str, shared: bool, tenant: str | None):
    assert is_shared_host(host) is shared
    assert tenant_host(host) == tenant


@given(LABEL, st.sampled_from(["business.site", "weebly.com", "generacdealers.com", "facebook.com"]))
def test_any_host_under_a_shared_one_is_shared(label: str, platform: str):
    assert is_shared_host(f"{label}.{platform}")
    assert not is_shared_host(f"{label}{platform}.example")


@given(LABEL, LABEL)
def test_a_tenant_keeps_its_identity_under_deeper_hosts(deeper: str, label: str):
    tenant = tenant_host(f"{label}.business.site")
    assert tenant_host(f"{deeper}.{label}.business.site") == tenant


@pytest.mark.parametrize("domain", ["gmail.com", "GMAIL.com", "comcast.net", "tampabay.rr.com", "att.net"])
def test_free_mail(domain: str):
    assert is_free_mail(domain)


@pytest.mark.parametrize("domain", ["acmepower.com", "notgmail.com", "com", ""])
def test_not_free_mail(domain: str):
    assert not is_free_mail(domain)


@pytest.mark.parametrize(
    "email", ["info@acme.com", "Sales@acme.com", "customer-service@acme.com", "hr@x.org"]
)
def test_role_mailboxes(email: str):
    assert is_role_mailbox(email)


@pytest.mark.parametrize("email", ["pat.lee@acme.com", "informant@acme.com", "acme.com", ""])
def test_personal_mailboxes(email: str):
    assert not is_role_mailbox(email)
