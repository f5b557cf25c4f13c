from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.values.email import MAX_EMAIL, first_email


@pytest.mark.parametrize(
    ("text", "email", "repairs"),
    [
        ("info@acme.com", "info@acme.com", ()),
        ("EVCharging@Acme.NET", "evcharging@acme.net", ()),
        ("o'brien+x@mail.acme.co.uk", "o'brien+x@mail.acme.co.uk", ()),
        ("mailto:info@acme.com", "info@acme.com", ("email_cleaned",)),
        ("Jane Doe <jane@acme.com>", "jane@acme.com", ("email_cleaned",)),
        ("info@acme.com.", "info@acme.com", ("email_cleaned",)),
        ("a@acme.com; b@acme.com", "a@acme.com", ("email_several",)),
        ("bad@, b@acme.com", "b@acme.com", ("email_cleaned",)),
        ("", None, ()),
        ("NaN", None, ()),
        ("no address", None, ("email_invalid",)),
        ("jane@acme", None, ("email_invalid",)),
        ("jane..doe@-acme.com", None, ("email_invalid",)),
        ("logo@2x.png", None, ("email_invalid",)),
        ("0a1b2c@sentry.io", None, ("email_invalid",)),
        ("x" * 65 + "@acme.com", None, ("email_invalid",)),
    ],
)
def test_first_email(text, email, repairs):
    assert first_email(text) == (email, repairs)


def test_a_mail_host_that_merely_ends_alike_is_kept():
    assert first_email("a@mysentry.io").email == "a@mysentry.io"


@given(st.text(max_size=80) | st.emails())
def test_normal_form_is_stable_and_nothing_raises(text):
    email, _ = first_email(text)
    if email is not None:
        assert len(email) <= MAX_EMAIL
        assert email == email.lower()
        assert first_email(email) == (email, ())
