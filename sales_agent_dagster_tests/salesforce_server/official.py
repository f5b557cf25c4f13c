"""simple-salesforce, unmodified, on the way to the stand-in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

KEY = "Key__c"


class ToLoopback(HTTPAdapter):
    """Sends to the stand-in what is meant for any https host: the client insists on those."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._host = urlsplit(url).netloc

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = urlunsplit(("http", self._host, *urlsplit(request.url)[2:]))
        return super().send(request, *args, **kwargs)


def lead(**fields: Any) -> dict[str, Any]:
    return {"LastName": "Lovelace", "Company": "Acme", **fields}


def upsert(client: Salesforce, sobject: str, *records: dict[str, Any], **kwargs: Any) -> list[dict[str, Any]]:
    body = {"allOrNone": False, "records": [{"attributes": {"type": sobject}, **one} for one in records]}
    found = client.restful(f"composite/sobjects/{sobject}/{KEY}", method="PATCH", json=body, **kwargs)
    return [dict(one) for one in found]
