"""Access tokens: who gets one, and for how long."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import jwt

from sales_agent_dagster_tests.salesforce_server.clock import VirtualClock
from sales_agent_dagster_tests.salesforce_server.errors import Refused

CLIENT_ID = "3MVG9.consumer.key"
CLIENT_SECRET = "consumer-secret-0123456789"
USERNAME = "integration@acme.example"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
LONGEST_ASSERTION_S = 300


class OAuthRefused(Exception):
    """400 with an object, not an array as everywhere else."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}


@dataclass
class Tokens:
    """Tokens that were given out.

    Attributes:
        public_key: PEM of the certificate of the app, for assertions.
        ttl: how long a token lives, by the server's clock.
        audiences: what an assertion may be for.
    """

    clock: VirtualClock
    public_key: str | None = None
    ttl: timedelta = timedelta(hours=2)
    audiences: tuple[str, ...] = AUDIENCES
    given: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    def grant(self, body: bytes, headers: Mapping[bytes, bytes], url: str, org_id: str, user_id: str) -> Any:
        """The answer of the token endpoint."""
        form = dict(parse_qsl(body.decode()))
        kind = form.get("grant_type")
        if kind == "client_credentials":
            self._check_client(form, headers)
        elif kind == JWT_GRANT:
            self._check_assertion(form.get("assertion", ""))
        else:
            raise OAuthRefused("unsupported_grant_type", "grant type not supported")
        token = f"00D5e0000000001!AQ{next(self._numbers):06d}.secret"
        self.given[token] = self.clock.now() + self.ttl
        answer = {
            "access_token": token,
            "instance_url": url,
            "id": f"{url}/id/{org_id}/{user_id}",
            "token_type": "Bearer",
            "scope": "api",
        }
        if kind == JWT_GRANT:
            return answer
        return {**answer, "issued_at": str(int(self.clock.now().timestamp() * 1000)), "signature": "c2ln"}

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Raises Refused: no valid token in the request."""
        given = headers.get(b"authorization", b"").decode("latin-1")
        until = self.given.get(given.removeprefix("Bearer ")) if given.startswith("Bearer ") else None
        if until is None or until <= self.clock.now():
            raise Refused(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def expire(self) -> None:
        self.given.clear()

    def _check_client(self, form: Mapping[str, str], headers: Mapping[bytes, bytes]) -> None:
        client, secret = form.get("client_id"), form.get("client_secret")
        basic = headers.get(b"authorization", b"")
        if basic.startswith(b"Basic "):
            client, _, secret = base64.b64decode(basic[6:]).decode().partition(":")
        if client != CLIENT_ID:
            raise OAuthRefused("invalid_client_id", "client identifier invalid")
        if secret != CLIENT_SECRET:
            raise OAuthRefused("invalid_client", "invalid client credentials")

    def _check_assertion(self, assertion: str) -> None:
        """RS256 signature, consumer key, user and times, by the server's clock."""
        try:
            claims = jwt.decode(
                assertion,
                self.public_key or "",
                algorithms=["RS256"],
                audience=list(self.audiences),
                options={"verify_exp": False, "require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.InvalidAudienceError:
            raise OAuthRefused("invalid_grant", "audience is invalid") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise OAuthRefused("invalid_grant", "invalid assertion") from None
        left = int(claims["exp"]) - self.clock.now().timestamp()
        if left <= 0:
            raise OAuthRefused("invalid_grant", "expired authorization code")
        if left > LONGEST_ASSERTION_S:
            raise OAuthRefused("invalid_grant", "assertion is not yet valid or lives too long")
        if claims["iss"] != CLIENT_ID:
            raise OAuthRefused("invalid_client_id", "client identifier invalid")
        if claims["sub"] != USERNAME:
            raise OAuthRefused("invalid_grant", "user hasn't approved this consumer")
