"""Which server is asked, and with what key."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Settings

CEREBRAS_URL = "https://api.cerebras.ai"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the provider is and with what key.

    Attributes:
        url: scheme, host and path prefix; without ``/v1``, which the SDK adds.
    """

    url: str
    api_key: SecretStr

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.url).netloc


def endpoint_of(settings: Settings) -> Endpoint:
    """The endpoint that the settings name.

    A server named by ``CEREBRAS_BASE_URL`` needs no key of its own; the SDK does, so it gets a dummy.

    Raises:
        ConfigurationError: neither key nor base URL is set, or one of them cannot be used.
    """
    secret = settings.cerebras_api_key
    key = secret.get_secret_value().strip() if secret else ""
    if not key and settings.cerebras_base_url is None:
        raise ConfigurationError(
            "CEREBRAS_API_KEY is not set, nor CEREBRAS_BASE_URL of a server without keys. Set one of them."
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError("CEREBRAS_API_KEY holds characters that no key has")
    url = (
        CEREBRAS_URL if settings.cerebras_base_url is None else normalize_base_url(settings.cerebras_base_url)
    )
    return Endpoint(url, SecretStr(key or "none"))


def normalize_base_url(text: str) -> str:
    """A base URL as the SDK wants it: without the ``/v1`` that it appends itself.

    Raises:
        ConfigurationError: no http(s) URL, or one with a user, query or fragment.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            "CEREBRAS_BASE_URL must be an http:// or https:// URL with a host, such as https://api.cerebras.ai"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            "CEREBRAS_BASE_URL must have no user, query or fragment; keys go into CEREBRAS_API_KEY"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"
