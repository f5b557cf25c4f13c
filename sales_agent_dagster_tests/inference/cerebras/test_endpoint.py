import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.inference.cerebras.endpoint import CEREBRAS_URL, endpoint_of, normalize_base_url
from sales_agent_dagster.settings import Settings, load_settings


def settings(**given: object) -> Settings:
    return load_settings(_env_file=None, **given)


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("https://api.cerebras.ai", "https://api.cerebras.ai"),
        ("https://api.cerebras.ai/", "https://api.cerebras.ai"),
        ("https://api.cerebras.ai/v1", "https://api.cerebras.ai"),
        ("https://api.cerebras.ai/v1/", "https://api.cerebras.ai"),
        (" http://127.0.0.1:8080/v1 \n", "http://127.0.0.1:8080"),
        ("http://gateway.example/cerebras/v1//", "http://gateway.example/cerebras"),
        ("http://gateway.example/v1/chat/completions", "http://gateway.example"),
        ("http://gateway.example/v10", "http://gateway.example/v10"),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
    ],
)
def test_the_version_and_slashes_at_the_end_of_a_base_url_are_taken_off(given_url: str, url: str) -> None:
    assert normalize_base_url(given_url) == url


@given(st.from_regex(r"https?://[a-z]{1,8}(:[1-9][0-9]{0,3})?(/[a-z]{1,5}){0,2}/{0,2}", fullmatch=True))
def test_a_normal_base_url_stays_as_it_is(url: str) -> None:
    once = normalize_base_url(url)
    assert normalize_base_url(once) == once
    assert normalize_base_url(once + "/v1/") == once


@pytest.mark.parametrize(
    "url", ["", "api.cerebras.ai", "ftp://host", "http://", "http:///v1", "http://host:99999", "http://[::1"]
)
def test_what_is_no_http_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="CEREBRAS_BASE_URL must be an http:// or https:// URL"):
        normalize_base_url(url)


@pytest.mark.parametrize("url", ["http://me:secret@host", "http://host/?key=secret", "http://host/#secret"])
def test_a_base_url_with_more_than_a_place_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="keys go into CEREBRAS_API_KEY") as refusal:
        normalize_base_url(url)
    assert "secret" not in str(refusal.value)


def test_a_key_alone_means_cerebras() -> None:
    endpoint = endpoint_of(settings(CEREBRAS_API_KEY=" abc \n"))
    assert (endpoint.url, endpoint.api_key.get_secret_value()) == (CEREBRAS_URL, "abc")
    assert endpoint.host == "api.cerebras.ai"
    assert "abc" not in repr(endpoint)


def test_a_base_url_alone_gets_a_dummy_key() -> None:
    endpoint = endpoint_of(settings(CEREBRAS_BASE_URL="http://127.0.0.1:8080/v1"))
    assert endpoint.url == "http://127.0.0.1:8080"
    assert endpoint.api_key.get_secret_value() == "none"


def test_neither_key_nor_base_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="CEREBRAS_API_KEY is not set"):
        endpoint_of(settings())


@pytest.mark.parametrize("key", ["two\nlines", "sch\u00f6n", "tab\tbed"])
def test_a_key_that_no_header_takes_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(ConfigurationError, match="characters that no key has") as refusal:
        endpoint_of(settings(CEREBRAS_API_KEY=key))
    assert key not in str(refusal.value)
