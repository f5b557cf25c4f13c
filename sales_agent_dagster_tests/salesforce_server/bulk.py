"""Bulk API 2.0: ingest jobs from CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sales_agent_dagster_tests.salesforce_server.clock import text_of
from sales_agent_dagster_tests.salesforce_server.errors import Refused, bad
from sales_agent_dagster_tests.salesforce_server.ids import ids
from sales_agent_dagster_tests.salesforce_server.org import Caller, Org
from sales_agent_dagster_tests.salesforce_server.writing import Written, upsert_one

OPERATIONS = ("insert", "update", "upsert", "delete")
MAX_BYTES = 150 * 1024 * 1024
RESULTS = {"successfulresults": "done", "failedresults": "failed", "unprocessedrecords": "left"}
"""Last part of the path, in any spelling, to the list of a job."""


@dataclass
class Job:
    """One job; ``done``, ``failed`` and ``left`` hold rows of its result files."""

    id: str
    operation: str
    object: str
    key: str | None
    state: str = "Open"
    data: bytes | None = None
    polls: int = 0
    fails_after: int | None = None
    error: str | None = None
    header: list[str] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    left: list[dict[str, Any]] = field(default_factory=list)


class Jobs:
    """All jobs of the server.

    Args:
        polls: how often a job that is being processed is looked at before it is complete.
    """

    def __init__(self, org: Org, version: str, polls: int = 2) -> None:
        self._org = org
        self._version = version
        self.polls = polls
        self.jobs: dict[str, Job] = {}
        self._ids = ids("750")

    def create(self, given: dict[str, Any]) -> dict[str, Any]:
        sobject = self._org.sobject(str(given.get("object")))
        operation = given.get("operation")
        if operation not in OPERATIONS:
            raise bad("INVALIDOPERATION", f"Unsupported operation: {operation}")
        key = given.get("externalIdFieldName")
        if operation == "upsert":
            found = sobject.field(str(key))
            if found is None or not (found.external_id or found.name == "Id"):
                raise bad(
                    "INVALIDJOB",
                    f"Field name provided, {key} does not match an External ID for {sobject.name}",
                )
        if given.get("contentType", "CSV") != "CSV" or given.get("lineEnding", "LF") not in ("LF", "CRLF"):
            raise bad("INVALIDJOB", "Unsupported content type or line ending")
        job = Job(next(self._ids), operation, sobject.name, key)
        self.jobs[job.id] = job
        return self.info(job)

    def get(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        return self.jobs[job_id]

    def upload(self, job: Job, data: bytes) -> None:
        if job.state != "Open" or job.data is not None:
            message = "please 'Close' / 'Abort' / 'Delete' the current Job then create a new Job"
            raise bad("INVALIDJOBSTATE", f"Found multiple contents for job: <{job.id}>, {message}")
        if len(data) > MAX_BYTES:
            raise bad("INVALIDJOB", "Maximum size of data exceeded")
        job.data = data

    def close(self, job: Job, state: str) -> dict[str, Any]:
        if job.state != "Open" or state not in ("UploadComplete", "Aborted"):
            raise bad("INVALIDJOBSTATE", f"Job state {job.state} cannot become {state}")
        job.state = state
        return self.info(job)

    def poll(self, job: Job) -> dict[str, Any]:
        """The job's state; one that was closed goes on a little with each look."""
        if job.state in ("UploadComplete", "InProgress"):
            job.polls += 1
            job.state = "InProgress"
            if job.polls >= self.polls:
                self._process(job)
        return self.info(job)

    def delete(self, job: Job) -> None:
        if job.state in ("UploadComplete", "InProgress"):
            raise bad("INVALIDJOBSTATE", "Job is being processed")
        del self.jobs[job.id]

    def info(self, job: Job) -> dict[str, Any]:
        now = text_of(self._org.clock.now())
        processed = len(job.done) + len(job.failed)
        return {
            "id": job.id,
            "operation": job.operation,
            "object": job.object,
            "createdById": self._org.integration,
            "createdDate": now,
            "systemModstamp": now,
            "state": job.state,
            **({"externalIdFieldName": job.key} if job.key else {}),
            **({"errorMessage": job.error} if job.error else {}),
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self._version),
            "contentUrl": f"services/data/v{self._version}/jobs/ingest/{job.id}/batches",
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
            "numberRecordsProcessed": processed,
            "numberRecordsFailed": len(job.failed),
            "retries": 0,
        }

    def result(self, job: Job, which: str) -> bytes:
        """A result file. Their order is not that of the upload."""
        rows = getattr(job, RESULTS[which.lower()])
        extra = {"done": ["sf__Id", "sf__Created"], "failed": ["sf__Id", "sf__Error"], "left": []}
        header = [*extra[RESULTS[which.lower()]], *job.header]
        out = io.StringIO()
        writer = csv.DictWriter(out, header, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(reversed(rows))
        return out.getvalue().encode()

    def _process(self, job: Job) -> None:
        reader = csv.DictReader(io.StringIO((job.data or b"").decode("utf-8"), newline=""))
        job.header = list(reader.fieldnames or [])
        sobject = self._org.sobject(job.object)
        wrong = [name for name in job.header if sobject.field(name.partition(".")[0]) is None
                 and sobject.relation(name.partition(".")[0]) is None]  # fmt: skip
        rows = list(reader)
        if wrong:
            job.state, job.left = "Failed", rows
            job.error = f"InvalidBatch : Field name not found : {wrong[0]}"
            return
        caller, seen = Caller(self._org.integration), set[str]()
        for number, row in enumerate(rows):
            if job.fails_after is not None and number >= job.fails_after:
                job.state, job.left = "Failed", rows[number:]
                job.error = "InternalServerError : too many retries"
                return
            self._row(job, row, caller, seen)
        job.state = "JobComplete"

    def _row(self, job: Job, row: dict[str, str], caller: Caller, seen: set[str]) -> None:
        sobject = self._org.sobject(job.object)
        given = _values(row)
        try:
            written = _ACTIONS[job.operation](self._org, job, sobject.name, given, caller, seen)
            job.done.append({"sf__Id": written.id, "sf__Created": str(written.created).lower(), **row})
        except Refused as refused:
            job.failed.append({"sf__Id": row.get("Id", ""), "sf__Error": refused.as_csv_error(), **row})


def _values(row: dict[str, str]) -> dict[str, Any]:
    """Empty cells change nothing, ``#N/A`` clears; ``Account.Key__c`` names another record."""
    given: dict[str, Any] = {}
    for name, cell in row.items():
        if cell in ("", None):
            continue
        relation, _, inner = name.partition(".")
        value = None if cell == "#N/A" else cell
        given[relation] = {inner: value} if inner else value
    return given


def _insert(org: Org, job: Job, name: str, given: dict[str, Any], caller: Caller, seen: set[str]) -> Written:
    return Written(org.create(org.sobject(name), given, caller), True)


def _update(org: Org, job: Job, name: str, given: dict[str, Any], caller: Caller, seen: set[str]) -> Written:
    record_id = given.pop("Id", "")
    org.update(record_id, given, caller)
    return Written(record_id, False)


def _upsert(org: Org, job: Job, name: str, given: dict[str, Any], caller: Caller, seen: set[str]) -> Written:
    return upsert_one(org, org.sobject(name), str(job.key), given, caller, seen)


def _delete(org: Org, job: Job, name: str, given: dict[str, Any], caller: Caller, seen: set[str]) -> Written:
    org.delete(given["Id"], caller)
    return Written(given["Id"], False)


_ACTIONS: dict[str, Callable[..., Written]] = {
    "insert": _insert,
    "update": _update,
    "upsert": _upsert,
    "delete": _delete,
}
