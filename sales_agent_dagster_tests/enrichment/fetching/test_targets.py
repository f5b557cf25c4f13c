"""A URL is read once, and what is unusual about it is refused."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.enrichment.fetching.addresses import AllowList
from sales_agent_dagster.enrichment.fetching.failures import Reason, SiteFailed
from sales_agent_dagster.enrichment.fetching.targets import MAX_URL, Target, join, read_target

NOBODY = AllowList()


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://Example.COM", "http://example.com/"),
        ("HTTPS://example.com:443/a?b=c#d", "https://example.com/a?b=c"),
        ("http://example.com./x", "http://example.com/x"),
        ("http://example.com:/x", "http://example.com/x"),
        ("http://example.com?q=1", "http://example.com/?q=1"),
        ("http://example.com/caf\u00e9/%20|", "http://example.com/caf%C3%A9/%20|"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        ("https://fa\u00df.example/", "https://xn--fa-hia.example/"),
        ("http://93.184.216.34/", "http://93.184.216.34/"),
        ("http://[2606:4700:0::1111]/", "http://[2606:4700::1111]/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://under_score.example/", "http://under_score.example/"),
    ],
)
def test_plain_addresses_are_read(url: str, read: str):
    assert read_target(url, NOBODY).url == read


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "http:example.com",
        "http:/example.com",
        "http:///example.com",
        "http://",
        "http://?x",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://example.com@169.254.169.254/",
        "http://169.254.169.254\\@example.com/",
        "http://example.com\\.evil.example/",
        "http://example.com/a b",
        "http://example.com/\n",
        "http://exam\tple.com/",
        "http://example.com\u200b/",
        "http://example.com:22/",
        "http://example.com:8080/",
        "http://example.com:+80/",
        "http://example.com:80:80/",
        "http://example.com:\u0668\u0660/",
        "http://example.com:0/",
        "http://example.com..",
        "http://.example.com/",
        "http://exa..mple.com/",
        "http://-example.com/",
        "http://ex%61mple.com/",
        "http://exam ple.com/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://127.0.0.01/",
        "http://1.2.3/",
        "http://0/",
        "http://example.0x7f/",
        "http://256.1.1.1/",
        "http://[::1/",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.x]/",
        "http://[127.0.0.1]/",
        "http://xn--a.example\ud800/",
        "http://\u0130\u200c.example/",
        "https://www.linkedin.com/company/acme",
        "https://linkedin.com./in/x",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 127}example/",
        f"http://example.com/{'a' * MAX_URL}",
    ],
)
def test_unusual_addresses_are_refused(url: str):
    with pytest.raises(SiteFailed) as caught:
        read_target(url, NOBODY)
    assert caught.value.reason is Reason.FORBIDDEN


@pytest.mark.parametrize(
    "host",
    [
        "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
        "\u2460\u2461\u2466.0.0.1",
        "127\u30020\u30020\u30021",
        "0\uff587f000001",
    ],
)
def test_digits_in_other_scripts_are_no_way_round(host: str):
    with pytest.raises(SiteFailed) as caught:
        read_target(f"http://{host}/", NOBODY)
    assert caught.value.reason is Reason.FORBIDDEN


def test_ports_of_the_allow_list_may_be_named():
    assert read_target("http://intranet:8080/x", AllowList.parse(["10.0.0.0/8:8080"])).port == 8080


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("/a", "https://example.com/a"),
        ("b", "https://example.com/dir/b"),
        ("../c?d#e", "https://example.com/c?d"),
        ("//other.example/x", "https://other.example/x"),
        ("http://other.example", "http://other.example/"),
        ("", "https://example.com/dir/page"),
        ("?q", "https://example.com/dir/page?q"),
    ],
)
def test_links_are_resolved(reference: str, url: str):
    base = read_target("https://example.com/dir/page", NOBODY)
    assert join(base, reference, NOBODY).url == url


@pytest.mark.parametrize(
    "reference", ["mailto:a@b.example", "//user@x.example", "http://[", "/a b", "\\\\x.example", "x" * 3000]
)
def test_links_elsewhere_than_to_pages_are_refused(reference: str):
    base = read_target("https://example.com/", NOBODY)
    with pytest.raises(SiteFailed) as caught:
        join(base, reference, NOBODY)
    assert caught.value.reason is Reason.FORBIDDEN


_TEXT = st.text(st.sampled_from("abz019.-:/@?#[]%\\ \t_x\u00e9\uff0e\u3002\u200b&="), max_size=30)


@given(st.one_of(st.text(max_size=40), _TEXT.map("http://{}".format), _TEXT.map("https://{}".format)))
def test_reading_is_stable_and_agrees_with_the_standard_library(url: str):
    with suppress(SiteFailed):
        target = read_target(url, NOBODY)
        assert read_target(target.url, NOBODY) == target
        assert isinstance(target, Target)
        assert target.url.isascii()
        parts = urlsplit(target.url)
        assert (parts.scheme, parts.hostname, parts.username) == (target.scheme, target.host, None)
        assert (parts.port or {"http": 80, "https": 443}[parts.scheme]) == target.port


@given(_TEXT)
def test_links_never_lead_to_what_could_not_be_named(reference: str):
    base = read_target("https://example.com/a/b", NOBODY)
    with suppress(SiteFailed):
        target = join(base, reference, NOBODY)
        assert read_target(target.url, NOBODY) == target
