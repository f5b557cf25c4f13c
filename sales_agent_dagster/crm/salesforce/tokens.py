"""Access tokens: fetched when first needed, fetched again once when the server calls one expired."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import jwt
import requests
from requests.auth import AuthBase

from sales_agent_dagster.crm.errors import AuthRefused
from sales_agent_dagster.crm.http import Reply, TransportOptions
from sales_agent_dagster.crm.salesforce.dialect import TokenDialect
from sales_agent_dagster.crm.transport import Transport
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import SalesforceSettings, variable_of

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFE = timedelta(minutes=3)
"""Salesforce takes at most 5 minutes; 3 leave room for clocks that differ a little."""

SMALLEST_SKEW = timedelta(minutes=1)


class Tokens(AuthBase):
    """Adds the token to requests. Safe to share between threads: one of them fetches, the others wait.

    Args:
        instance_url: where the token may be sent; one for another host is refused.
    """

    def __init__(self, settings: SalesforceSettings, instance_url: str, options: TransportOptions) -> None:
        self._settings = settings
        self._instance = instance_url
        login = (settings.login_url or instance_url).rstrip("/")
        # Secrets travel here: no hook sees it.
        quiet = replace(options, hook=None)
        self._transport = Transport(login, _NoAuth(), TokenDialect(), quiet)
        self._lock = threading.Lock()
        self._used = threading.local()
        self._token: str | None = None
        self._identity = ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the token.

        Raises:
            AuthRefused: there is none for these settings.
        """
        with self._lock:
            if self._token is None:
                self._fetch()
            self._used.token = self._token
        request.headers["Authorization"] = f"Bearer {self._used.token}"
        return request

    def refresh(self) -> bool:
        """Another token than the one that this thread sent last."""
        with self._lock:
            if self._token is None or self._token == getattr(self._used, "token", None):
                self._token = None
                self._fetch()
        return True

    @property
    def user_id(self) -> str:
        """Id of the user that the token is for."""
        with self._lock:
            if self._token is None:
                self._fetch()
            return self._identity.rpartition("/")[2]

    @property
    def organization_id(self) -> str:
        """Id of the organisation."""
        return self._identity.rpartition("/")[0].rpartition("/")[2] if self.user_id else ""

    def close(self) -> None:
        """Close connections."""
        self._transport.close()

    def _fetch(self) -> None:
        try:
            reply = self._ask(timedelta())
        except AuthRefused:
            # An assertion is out of its time where our clock is wrong: take the server's.
            skew = self._skew()
            if self._settings.client_secret is not None or abs(skew) < SMALLEST_SKEW:
                raise
            reply = self._ask(skew)
        granted = reply.json()
        if not isinstance(granted, dict) or not granted.get("access_token"):
            raise AuthRefused("Salesforce granted no token.", status=reply.status)
        told = str(granted.get("instance_url", ""))
        if urlsplit(told).netloc != urlsplit(self._instance).netloc:
            variable = variable_of("salesforce", "instance_url")
            raise AuthRefused(f"The token is for {told}. Set {variable} to that.", status=reply.status)
        self._token = str(granted["access_token"])
        self._identity = str(granted.get("id", ""))

    def _ask(self, skew: timedelta) -> Reply:
        form = self._form(datetime.now(UTC) + skew)
        return self._transport.request("POST", "services/oauth2/token", data=form, reads=True)

    def _skew(self) -> timedelta:
        """How far the server's clock is ahead of ours, as the ``Date`` of an answer tells."""
        told = self._transport.request("GET", "services/data").headers.get("Date", "")
        try:
            return parsedate_to_datetime(told) - datetime.now(UTC)
        except ValueError:
            return timedelta()

    def _form(self, now: datetime) -> dict[str, str]:
        given = self._settings
        if given.client_secret is not None:
            secret = given.client_secret.get_secret_value()
            form = {"grant_type": "client_credentials", "client_id": str(given.client_id)}
            return {**form, "client_secret": secret}
        return {"grant_type": JWT_GRANT, "assertion": self._assertion(now)}

    def _assertion(self, now: datetime) -> str:
        given = self._settings
        until = now + ASSERTION_LIFE
        claims = {"iss": given.client_id, "sub": given.username, "aud": given.audience, "exp": until}
        try:
            return jwt.encode(claims, private_key_of(given), algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            variable = variable_of("salesforce", "private_key")
            raise AuthRefused(f"{variable} is not the PEM of an RSA key without password.") from None


class _NoAuth(AuthBase):
    """The token endpoint's credentials are in the form."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def private_key_of(settings: SalesforceSettings) -> str:
    """The key's PEM.

    Raises:
        ConfigurationError: its file cannot be read.
    """
    if settings.private_key is not None:
        return settings.private_key.get_secret_value()
    path = settings.private_key_path
    try:
        return path.read_text(encoding="ascii") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        variable = variable_of("salesforce", "private_key_path")
        raise ConfigurationError(f"{variable}: {path} cannot be read ({type(error).__name__}).") from None


def check_login(settings: SalesforceSettings) -> str:
    """The instance's URL without a slash at its end.

    Raises:
        ConfigurationError: naming every setting that the chosen flow still needs.
    """
    wanted = ["instance_url", "client_id"]
    if settings.client_secret is None:
        wanted.append("username")
    missing = [variable_of("salesforce", name) for name in wanted if not getattr(settings, name)]
    if not (settings.client_secret or settings.private_key or settings.private_key_path):
        secret, key = (variable_of("salesforce", name) for name in ("client_secret", "private_key_path"))
        missing.append(f"{secret} (client credentials) or {key} (JWT bearer)")
    if missing:
        raise ConfigurationError(f"Salesforce needs {', '.join(missing)}.")
    return str(settings.instance_url).rstrip("/")
