"""robots.txt as RFC 9309 has it."""

from __future__ import annotations

import pytest

from sales_agent_dagster.enrichment.fetching import robots

AGENT = "sales-agent-dagster"
RULES = """
User-agent: *
Disallow: /private
Allow: /private/press
Disallow: /*.cgi$
Crawl-delay: 2

User-agent: otherbot
Disallow: /
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("/private", False),
        ("/private/x", False),
        ("/private/press/1", True),  # the longest rule counts
        ("/a.cgi", False),
        ("/a.cgi?x", True),
    ],
)
def test_rules_of_everybody_are_ours(path: str, allowed: bool):
    assert robots.read_rules(RULES, AGENT).allow(f"https://x.example{path}", AGENT) is allowed


def test_rules_for_us_go_before_those_for_everybody():
    text = f"User-agent: *\nDisallow:\n\nUser-agent: {AGENT}\nDisallow: /"
    assert not robots.read_rules(text, AGENT).allow("https://x.example/", AGENT)


@pytest.mark.parametrize(
    ("line", "delay_s"), [("2", 2.0), ("0.5", 0.5), ("-1", 0.0), ("nan", 0.0), ("inf", 0.0), ("soon", 0.0)]
)
def test_pauses_are_read(line: str, delay_s: float):
    assert robots.read_rules(f"User-agent: *\nCrawl-delay: {line}", AGENT).delay_s == delay_s


@pytest.mark.parametrize("text", ["", "<html><body>Not found</body></html>", "\0\ufffd" * 50, "Disallow: /"])
def test_a_file_that_says_nothing_to_us_allows_everything(text: str):
    assert robots.read_rules(text, AGENT).allow("https://x.example/", AGENT)


@pytest.mark.parametrize(
    ("status", "readable"),
    [
        (400, True),
        (401, True),
        (403, True),
        (404, True),
        (410, True),
        (429, False),
        (500, False),
        (503, False),
        (302, False),
    ],
)
def test_a_missing_file_allows_and_a_failing_one_forbids(status: int, readable: bool):
    rules = robots.rules_of_status(status)
    assert rules is not None
    assert rules.readable is readable
    assert rules.allow("https://x.example/", AGENT) is readable


def test_a_file_that_is_there_decides():
    assert robots.rules_of_status(200) is None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rules_are_kept_for_a_day_and_doubts_for_minutes():
    clock = Clock()
    cache = robots.RobotsCache(clock)
    cache.put("a", robots.ABSENT)
    cache.put("b", robots.UNKNOWN)
    clock.now = robots.UNKNOWN_KEPT_S - 1
    assert cache.get("b") is robots.UNKNOWN
    clock.now = robots.UNKNOWN_KEPT_S
    assert cache.get("b") is None
    clock.now = robots.KEPT_S - 1
    assert cache.get("a") is robots.ABSENT
    clock.now = robots.KEPT_S
    assert cache.get("a") is None
    assert cache.get("never") is None


def test_the_cache_is_bounded():
    cache = robots.RobotsCache(Clock())
    for number in range(robots.MOST + 1):
        cache.put(str(number), robots.ABSENT)
        cache.get("0")
    assert cache.get("0") is robots.ABSENT
    assert cache.get("1") is None
    long = robots.read_rules("# comment\n" * robots.KEPT_CHARACTERS, AGENT)
    cache.put("long", long)
    assert cache.get("long") is None
