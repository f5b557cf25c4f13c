"""What visitors see of a page."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.enrichment.website import document
from sales_agent_dagster.enrichment.website.document import Link, read_document
from sales_agent_dagster_tests.website_farm import pages
from sales_agent_dagster_tests.website_farm.firms import firm


def test_a_page_is_taken_apart():
    read = read_document(
        """<html><head><title> Acme  Inc </title><meta name="Description" content="We fix things.">
        <meta property="og:site_name" content="Acme"><meta name="generator" content="WordPress 6">
        <meta http-equiv="Refresh" content="0; url=/x"><script src="/a.js"></script></head>
        <body><h1>One <b>two</b></h1><p>Three&nbsp;<i>four</i></p><div>five<br>six</div>
        <a href=" /about ">About</a><img alt="Acme logo"><ul><li>seven</li></ul></body></html>"""
    )
    assert read.title == "Acme Inc"
    assert (read.description, read.site_name, read.refresh) == ("We fix things.", "Acme", "0; url=/x")
    assert read.headings == ("One two",)
    assert read.blocks == ("One two", "Three four", "seven")
    assert read.lines == ("One two", "Three four", "five", "six", "About", "seven")
    assert read.links == (Link("/about", "About"),)
    assert read.images == ("Acme logo",)
    assert read.sources == ("WordPress 6", "/a.js")


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>secret</script>",
        "<style>secret</style>",
        "<noscript>secret</noscript>",
        "<template>secret</template>",
        "<svg><text>secret</text></svg>",
        "<p hidden>secret</p>",
        '<p aria-hidden="true">secret</p>',
        '<p style="color:red;display:none">secret</p>',
        '<p style="display: none">secret</p>',
        "<!-- secret -->",
        "<iframe>secret</iframe>",
        '<div id="onetrust-consent-sdk">secret</div>',
        '<div class="Cookie-Banner">secret <button>Accept</button></div>',
        '<section class="gdpr-notice">secret</section>',
    ],
)
def test_what_visitors_do_not_come_for_is_left_out(hidden: str):
    read = read_document(f"<body><p>seen</p>{hidden}</body>")
    assert read.lines == ("seen",)
    assert read.blocks == ("seen",)


def test_a_page_in_a_wrapper_named_after_cookies_stays():
    text = "word " * document.MAX_DIALOG
    assert read_document(f'<body><div class="has-cookie-bar"><p>{text}</p></div></body>').blocks


@pytest.mark.parametrize(
    "quote",
    [
        "<blockquote>theirs</blockquote>",
        '<div class="Testimonial-1">theirs</div>',
        '<p class="reviews">theirs</p>',
    ],
)
def test_customers_words_are_not_the_companys(quote: str):
    assert read_document(f"<body><p>ours</p>{quote}</body>").lines == ("ours",)


def test_a_body_named_after_reviews_stays():
    assert read_document(
        '<body class="page-reviews"><main class="reviews"><p>ours</p></main></body>'
    ).lines == ("ours",)


def test_structured_data_is_found_however_deep():
    read = read_document(
        """<script type="application/ld+json">[{"@graph":[{"a":{"@id":1}}]}]</script>
        <script type="application/ld+json">not json</script>
        <script type="application/ld+json">{"review":{"author":{"x":1}}}</script>"""
    )
    assert [key for key, _ in read.data] == ["", "@graph", "a", ""]


def test_deep_and_many_objects_are_bounded():
    deep = '{"a":' * 500 + "1" + "}" * 500
    many = "[" + ",".join("{}" for _ in range(5000)) + "]"
    for json, most in ((deep, document.MAX_DEPTH), (many, document.MAX_OBJECTS)):
        read = read_document(f'<script type="application/ld+json">{json}</script>')
        assert 0 < len(read.data) <= most


def test_a_page_of_mere_tags_is_cut():
    read = read_document("<p>word</p>" * document.MAX_TAGS)
    assert len(read.lines) <= document.MAX_LINES
    assert len(read_document("<a href='/x'>x</a>" * 2000).links) == document.MAX_LINKS


def test_lines_are_bounded_and_clean():
    read = read_document(f"<p>a\u200b\x07\u202eb</p><p>{'x' * 5000}</p>")
    assert read.blocks[0] == "ab"
    assert len(read.blocks[1]) == document.MAX_LINE


@pytest.mark.parametrize(
    "html", ["", "plain", "\x00", "<", "<html", "<body></body>", "</p></div>", "<table><tr>" * 400]
)
def test_broken_pages_are_pages(html: str):
    assert isinstance(read_document(html).text, str)


@settings(max_examples=60)
@given(st.text(max_size=200), st.integers(0, 5))
def test_no_page_is_too_broken(garbage: str, number: int):
    html = pages.team(firm(number))
    middle = len(html) // 2
    for text in (garbage, html[:middle] + garbage + html[middle:], html[: len(garbage) * 9]):
        read = read_document(text)
        assert all(line.isprintable() for line in read.lines)
