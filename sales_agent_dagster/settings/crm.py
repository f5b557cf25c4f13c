"""Settings of the CRMs and of the receiver of their webhooks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from sales_agent_dagster.settings.listed import Listed


def _hexadecimal(secret: SecretStr) -> SecretStr:
    """Blanks would be an empty key, with which anybody can sign."""
    if not re.fullmatch("([0-9a-fA-F]{2}){16,}", secret.get_secret_value()):
        raise ValueError("must be the signature_key of the subscription, 32 or more hexadecimal digits")
    return secret


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("must not be blank")
    return secret


def _fits(pattern: str, words: str) -> AfterValidator:
    """Texts that a pattern fits; pydantic's own words of one that it does not fit are the pattern."""

    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {words}")
        return text

    return AfterValidator(checked)


_BEGINNING = "an address that begins with https:// or http://"
_INTERNAL = "lower-case letters, digits and _, a letter first"
Url = Annotated[str, _fits(r"https?://[^\s?#]+", f"{_BEGINNING}, without ? and #")]
Host = Annotated[str, _fits(r"https?://[^/?#\s]+/?", f"{_BEGINNING}, without a path")]


class CrmSettings(BaseModel):
    """Which CRM is synced, and how far.

    Attributes:
        system: ``preview`` is a local one that needs no server.
        mode: ``dry_run`` reads and plans, ``live`` may also write, ``off`` leaves the CRM alone.
        batches: what ``live`` does with a batch for which nobody said so: ``plan`` it or ``apply`` the plan.
        max_creates, max_updates: most records created or updated in one sync; what is left stays due.
        max_activities: most notes and drafts created in one sync. Nothing is ever deleted by a sync.
        concurrency: most calls in flight.
        notes, drafts: also push campaign notes, and e-mails as drafts. Nothing is ever sent.
        overlap_s: pulls start this much before the last one's end: CRMs index late.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    system: Literal["preview", "close", "hubspot", "salesforce"] = "preview"
    mode: Literal["off", "dry_run", "live"] = "dry_run"
    batches: Literal["plan", "apply"] = "plan"
    max_creates: int = Field(default=1000, ge=0)
    max_updates: int = Field(default=10_000, ge=0)
    max_activities: int = Field(default=2000, ge=0)
    concurrency: int = Field(default=8, ge=1, le=64)
    notes: bool = True
    drafts: bool = True
    overlap_s: float = Field(default=600, ge=0)


class CloseSettings(BaseModel):
    """Close, the CRM. Only the key is needed.

    Attributes:
        api_key: of a user (Settings, Developer, API Keys); best one of the integration's own.
        base_url: any server that speaks the Close API.
        field_prefix: of the names of the custom fields that we create: none of people's is taken for ours.
        do_not_contact_statuses: labels of lead statuses that forbid any contact.
        customer_statuses: labels of lead statuses that mean an existing customer.
        webhook_key: signature key of the webhook's subscription, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    api_key: SecretStr | None = None
    base_url: Url = "https://api.close.com/api/v1/"
    field_prefix: str = Field(default="Sales Agent", max_length=40)
    do_not_contact_statuses: Listed = ("Do Not Contact",)
    customer_statuses: Listed = ("Customer",)
    webhook_key: Annotated[SecretStr, AfterValidator(_hexadecimal)] | None = None


class HubSpotSettings(BaseModel):
    """HubSpot, the CRM. Only the token is needed.

    Attributes:
        token: of a service key or an app with static authentication.
        base_url: host of the API.
        api_version: a date; v3 is taken where the account does not know it yet.
        property_prefix: of the properties that we create in the account.
        do_not_call_property: the account's own property of people not to be called, if it has one.
        requests_per_10s: limit of the plan; what HubSpot says in its headers wins.
        app_id: id of the app that the token belongs to: who we are in webhooks.
        client_secret: of that app: signs the webhooks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    token: SecretStr | None = None
    base_url: Url = "https://api.hubapi.com"
    api_version: Annotated[str, _fits(r"v3|\d{4}-\d{2}", "v3 or a year and month, such as 2026-09")] = (
        "2026-09"
    )
    property_prefix: Annotated[str, _fits(r"[a-z][a-z0-9_]{0,30}", f"at most 31 {_INTERNAL}")] = (
        "sales_agent_"
    )
    do_not_call_property: Annotated[str, _fits(r"[a-z][a-z0-9_]*", _INTERNAL)] | None = None
    requests_per_10s: int = Field(default=100, ge=1)
    app_id: str | None = None
    client_secret: Annotated[SecretStr, AfterValidator(_not_blank)] | None = None


class SalesforceSettings(BaseModel):
    """Salesforce. With a client secret the client-credentials flow is taken, else the JWT bearer flow.

    Attributes:
        instance_url: My Domain of the organisation, such as https://acme.my.salesforce.com.
        login_url: where tokens come from; unset is ``instance_url``.
        client_id, client_secret: of the External Client App.
        username, private_key, private_key_path: of the JWT bearer flow: the user to be, and the PEM of the
            key whose certificate the app has.
        audience: of the assertion: https://test.salesforce.com for a sandbox.
        object_mode: what a new company becomes: a lead, or an account with contacts.
        field_prefix: of the custom fields that the sync keeps.
        bulk_above: more records of one kind than this go as a bulk job.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    instance_url: Host | None = None
    login_url: Host | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    username: str | None = None
    private_key: SecretStr | None = None
    private_key_path: Path | None = None
    audience: str = "https://login.salesforce.com"
    object_mode: Literal["lead", "account_contact"] = "lead"
    api_version: Annotated[str, _fits(r"\d{2,3}\.0", "a version such as 67.0")] = "67.0"
    field_prefix: Annotated[
        str,
        _fits("[A-Za-z](_?[A-Za-z0-9]){0,20}_", "letters, digits and single _, a letter first and _ last"),
    ] = "Sales_Agent_"
    bulk_above: int = Field(default=2000, ge=200)


class ServiceSettings(BaseModel):
    """The receiver of the CRM's webhooks (`sales-agent serve`).

    Attributes:
        host, port: where it listens; put a reverse proxy with TLS before it.
        public_url: how the CRM calls it, without path, since HubSpot signs it; unset is as the request says.
        max_body_kb: larger deliveries are refused unread.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    host: str = "127.0.0.1"
    port: int = Field(default=8790, ge=0, le=65_535)
    public_url: (
        Annotated[str, _fits(r"https?://[^/?#\s]+", f"{_BEGINNING}, without a path and / at its end")] | None
    ) = None
    max_body_kb: int = Field(default=1024, ge=1)
