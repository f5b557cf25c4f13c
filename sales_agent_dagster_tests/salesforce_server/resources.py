"""The REST resources below ``/services/data/vXX.0``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from sales_agent_dagster_tests.salesforce_server.bulk import RESULTS, Jobs
from sales_agent_dagster_tests.salesforce_server.errors import Refused, bad
from sales_agent_dagster_tests.salesforce_server.ids import normal
from sales_agent_dagster_tests.salesforce_server.org import Caller, Org
from sales_agent_dagster_tests.salesforce_server.querying import Queries
from sales_agent_dagster_tests.salesforce_server.writing import Collections, Several, upsert_one

MAX_SUBREQUESTS = 25


@dataclass(frozen=True)
class Request:
    """A request below the version, or a part of a composite one.

    Attributes:
        path: without the version, percent-encoded.
        query: the first value of each parameter.
        stale_s: answer queries as of so long ago.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    body: bytes
    stale_s: float | None = None

    def json(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise bad("JSON_PARSER_ERROR", f"Unexpected character: {error}") from None


@dataclass(frozen=True)
class Answer:
    """``body`` is JSON unless it is bytes; None is no body."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[..., Answer]


class Resources:
    """Answers the requests of one version."""

    def __init__(
        self, org: Org, queries: Queries, jobs: Jobs, path: str, limit: Callable[[], tuple[int, int]]
    ):
        self._org = org
        self._queries = queries
        self.collections = Collections(org)
        self._jobs = jobs
        self._path = path
        self._limit = limit
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(pattern), handler) for method, pattern, handler in self._table()
        ]

    def answer(self, request: Request) -> Answer:
        """The answer; raises Refused."""
        path = request.path.strip("/")
        allowed = False
        for method, pattern, handler in self._routes:
            if found := pattern.fullmatch(path):
                allowed = True
                if method == request.method:
                    return handler(request, *(unquote(part) for part in found.groups()))
        if allowed:
            raise Refused(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.")
        raise Refused(404, "NOT_FOUND", "The requested resource does not exist")

    def _table(self) -> list[tuple[str, str, Handler]]:
        name, part = r"(\w+)", r"([^/]+)"
        return [
            ("GET", "limits", self._limits),
            ("GET", "(query|queryAll)", self._query),
            ("GET", f"(query|queryAll)/{part}", self._more),
            ("GET", "parameterizedSearch", self._search),
            ("POST", "parameterizedSearch", self._search),
            ("GET", "sobjects", self._describe_all),
            ("GET", f"sobjects/{name}/describe", self._describe),
            ("GET", f"sobjects/{name}/(updated|deleted)", self._feed),
            ("POST", f"sobjects/{name}", self._create),
            ("GET", f"sobjects/{name}/{name}", self._get),
            ("PATCH", f"sobjects/{name}/{name}", self._update),
            ("DELETE", f"sobjects/{name}/{name}", self._delete),
            ("GET", f"sobjects/{name}/{name}/{part}", self._get_by_key),
            ("PATCH", f"sobjects/{name}/{name}/{part}", self._upsert),
            ("DELETE", f"sobjects/{name}/{name}/{part}", self._delete_by_key),
            ("POST", "composite", self._composite),
            ("POST", "composite/sobjects", self._create_many),
            ("PATCH", "composite/sobjects", self._update_many),
            ("DELETE", "composite/sobjects", self._delete_many),
            ("POST", f"composite/sobjects/{name}", self._read_many),
            ("PATCH", f"composite/sobjects/{name}/{name}", self._upsert_many),
            ("POST", "jobs/ingest", self._job_create),
            ("GET", f"jobs/ingest/{name}", self._job_poll),
            ("PATCH", f"jobs/ingest/{name}", self._job_close),
            ("DELETE", f"jobs/ingest/{name}", self._job_delete),
            ("PUT", f"jobs/ingest/{name}/batches", self._job_upload),
            ("GET", f"jobs/ingest/{name}/({'|'.join(RESULTS)})", self._job_result),
            (
                "GET",
                f"jobs/ingest/{name}/(successfulResults|failedResults|unprocessedRecords)",
                self._job_result,
            ),
        ]

    def _caller(self, request: Request) -> Caller:
        wishes = request.headers.get(b"sforce-duplicate-rule-header", b"").decode().replace(" ", "").lower()
        options = dict(one.split("=", 1) for one in wishes.split(";") if "=" in one)
        save, details = options.get("allowsave") == "true", options.get("includerecorddetails") == "true"
        return Caller(self._org.integration, save, details)

    def _limits(self, request: Request) -> Answer:
        used, most = self._limit()
        return Answer(200, {"DailyApiRequests": {"Max": most, "Remaining": max(0, most - used)}})

    def _query(self, request: Request, resource: str) -> Answer:
        wanted = re.search(rb"batchSize\s*=\s*(\d+)", request.headers.get(b"sforce-query-options", b""))
        size = int(wanted[1]) if wanted else None
        as_of = None
        if request.stale_s is not None:
            as_of = self._org.clock.now().replace(microsecond=0)
            as_of = as_of.fromtimestamp(as_of.timestamp() - request.stale_s, as_of.tzinfo)
        return Answer(
            200, self._queries.query(request.query.get("q", ""), resource == "queryAll", size, as_of)
        )

    def _more(self, request: Request, resource: str, locator: str) -> Answer:
        return Answer(200, self._queries.more(locator, resource))

    def _search(self, request: Request) -> Answer:
        given = dict(request.query) if request.method == "GET" else request.json()
        names, fields = given.get("sobject", given.get("sobjects", [])), given.get("fields", [])
        names = [one["name"] for one in names] if isinstance(names, list) else names.split(",")
        fields = fields if isinstance(fields, list) else fields.split(",")
        return Answer(200, self._queries.search(given.get("q", ""), names, fields))

    def _describe_all(self, request: Request) -> Answer:
        described = [one.describe() for one in self._org.objects.values()]
        shown = [{name: value for name, value in one.items() if name != "fields"} for one in described]
        return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown})

    def _describe(self, request: Request, name: str) -> Answer:
        return Answer(200, self._org.sobject(name).describe())

    def _feed(self, request: Request, name: str, which: str) -> Answer:
        span = request.query.get("start", ""), request.query.get("end", "")
        return Answer(200, getattr(self._queries, which)(self._org.sobject(name), *span))

    def _create(self, request: Request, name: str) -> Answer:
        record_id = self._org.create(self._org.sobject(name), _plain(request.json()), self._caller(request))
        return Answer(201, {"id": record_id, "success": True, "errors": []})

    def _get(self, request: Request, name: str, record_id: str) -> Answer:
        sobject, record = self._org.sobject(name), self._org.get(record_id)
        if self._org.object_of(record_id) is not sobject:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        names = request.query["fields"].split(",") if "fields" in request.query else None
        return Answer(200, self._queries.record(sobject, record, names))

    def _update(self, request: Request, name: str, record_id: str) -> Answer:
        self._org.update(record_id, _plain(request.json()), self._caller(request))
        return Answer(204)

    def _delete(self, request: Request, name: str, record_id: str) -> Answer:
        self._org.delete(record_id, self._caller(request))
        return Answer(204)

    def _one_by_key(self, name: str, key: str, value: str) -> str:
        sobject = self._org.sobject(name)
        found = sobject.field(key)
        records = self._org.by_key(sobject, found.name, value) if found and found.external_id else []
        if not records:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        if len(records) > 1:
            raise Several([one["Id"] for one in records])
        return str(records[0]["Id"])

    def _get_by_key(self, request: Request, name: str, key: str, value: str) -> Answer:
        return self._get(request, name, self._one_by_key(name, key, value))

    def _delete_by_key(self, request: Request, name: str, key: str, value: str) -> Answer:
        return self._delete(request, name, self._one_by_key(name, key, value))

    def _upsert(self, request: Request, name: str, key: str, value: str) -> Answer:
        sobject, given = self._org.sobject(name), _plain(request.json())
        if any(one.lower() == key.lower() for one in given):
            raise bad("INVALID_FIELD", f"The {key} field should not be specified in the sobject data.")
        if request.query.get("updateOnly") == "true":
            self._one_by_key(name, key, value)
        try:
            written = upsert_one(self._org, sobject, key, {**given, key: value}, self._caller(request))
        except Several as several:
            return Answer(300, [f"{self._path}/sobjects/{sobject.name}/{one}" for one in several.ids])
        body = {"id": written.id, "success": True, "errors": [], "created": written.created}
        return Answer(201 if written.created else 200, body)

    def _create_many(self, request: Request) -> Answer:
        return Answer(200, self.collections.create(request.json(), self._caller(request)))

    def _update_many(self, request: Request) -> Answer:
        return Answer(200, self.collections.update(request.json(), self._caller(request)))

    def _upsert_many(self, request: Request, name: str, key: str) -> Answer:
        return Answer(200, self.collections.upsert(name, key, request.json(), self._caller(request)))

    def _delete_many(self, request: Request) -> Answer:
        ids, whole = request.query.get("ids", "").split(","), request.query.get("allOrNone") == "true"
        if len(ids) > 200:
            raise bad("LIMIT_EXCEEDED", "record count exceeds the limit of 200")
        return Answer(200, self.collections.delete(ids, whole, self._caller(request)))

    def _read_many(self, request: Request, name: str) -> Answer:
        sobject, given = self._org.sobject(name), request.json()
        rows = self._org.rows[sobject.name.lower()]
        found = [rows.get(normal(one) or "") for one in given["ids"]]
        live = [row if row and not row["IsDeleted"] else None for row in found]
        return Answer(200, [row and self._queries.record(sobject, row, given["fields"]) for row in live])

    def _composite(self, request: Request) -> Answer:
        given = request.json()
        parts, known, answers = given.get("compositeRequest", []), {}, []
        if len(parts) > MAX_SUBREQUESTS:
            raise bad("LIMIT_EXCEEDED", f"The number of subrequests exceeds the limit of {MAX_SUBREQUESTS}")
        undo = self._org.snapshot() if given.get("allOrNone") else None
        for part in parts:
            text = re.sub(r"@\{(\w+)\.(\w+)\}", lambda found: str(known[found[1]][found[2]]),
                          orjson.dumps(part).decode())  # fmt: skip
            answer = self._subrequest(request, orjson.loads(text))
            known[part["referenceId"]] = answer["body"]
            answers.append(answer)
        if undo and any(one["httpStatusCode"] >= 400 for one in answers):
            undo()
        return Answer(200, {"compositeResponse": answers})

    def _subrequest(self, request: Request, part: dict[str, Any]) -> dict[str, Any]:
        url = urlsplit(part["url"])
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = url.path.removeprefix(self._path)
        body = orjson.dumps(part.get("body", {}))
        try:
            answer = self.answer(Request(part["method"], path, query, request.headers, body))
        except Refused as refused:
            answer = Answer(refused.status, refused.as_body())
        shown = {"body": answer.body, "httpHeaders": {}, "httpStatusCode": answer.status}
        return {**shown, "referenceId": part["referenceId"]}

    def _job_create(self, request: Request) -> Answer:
        return Answer(200, self._jobs.create(request.json()))

    def _job_poll(self, request: Request, job_id: str) -> Answer:
        return Answer(200, self._jobs.poll(self._jobs.get(job_id)))

    def _job_close(self, request: Request, job_id: str) -> Answer:
        return Answer(200, self._jobs.close(self._jobs.get(job_id), request.json().get("state", "")))

    def _job_delete(self, request: Request, job_id: str) -> Answer:
        self._jobs.delete(self._jobs.get(job_id))
        return Answer(204)

    def _job_upload(self, request: Request, job_id: str) -> Answer:
        if not request.headers.get(b"content-type", b"").startswith(b"text/csv"):
            raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be text/csv")
        self._jobs.upload(self._jobs.get(job_id), request.body)
        return Answer(201)

    def _job_result(self, request: Request, job_id: str, which: str) -> Answer:
        return Answer(200, self._jobs.result(self._jobs.get(job_id), which), {"Content-Type": "text/csv"})


def _plain(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise bad("JSON_PARSER_ERROR", "Cannot deserialize a record from what is no object")
    return {name: value for name, value in given.items() if name != "attributes"}
