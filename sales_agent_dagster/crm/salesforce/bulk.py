"""Bulk API 2.0: one job of up to 150,000 records, its rows uploaded as CSV, its results read back.

A job is cheap in calls and says nothing until it is done. Result files name rows by their content, not by
position: they are matched by external key or id.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sales_agent_dagster.crm.errors import CrmError, InvalidRequest
from sales_agent_dagster.crm.operations import PushResult, Unknown
from sales_agent_dagster.crm.salesforce import outcomes
from sales_agent_dagster.crm.salesforce.client import Client, Row, object_of
from sales_agent_dagster.crm.salesforce.routing import Write

CLEAR = "#N/A"
"""What empties a field; an empty cell leaves it."""

MAX_ROWS = 10_000
"""Rows of one job: Salesforce works in parts of this size, and a failed job costs no more than one."""

LONGEST_WAIT_S = 3600.0
_FIRST_POLL_S, _LONGEST_POLL_S = 1.0, 10.0
_DONE = ("JobComplete", "Failed", "Aborted")

Answered = list[tuple[Write, Row | PushResult]]


class BulkJobs:
    """Runs jobs of one organisation."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._options = client.transport.options

    def takes(self, write: Write) -> bool:
        """Whether CSV can say it: a text that looks like the mark for clearing it cannot."""
        return CLEAR not in write.columns.values()

    def run(self, writes: Sequence[Write]) -> Iterator[Answered]:
        """Write rows of one object, all by key or all by id; a row of an answer or a result per write."""
        for start in range(0, len(writes), MAX_ROWS):
            yield self._job(writes[start : start + MAX_ROWS])

    def _job(self, writes: Sequence[Write]) -> Answered:
        job_id = None
        try:
            job_id = self._open(writes[0])
            self._upload(job_id, writes)
        except CrmError as error:
            # The job was never closed: nothing of it is processed.
            if job_id is not None:
                self._abort(job_id)
            return [(write, outcomes.not_done(write.operation, error)) for write in writes]
        try:
            self._close(job_id)
            job = self._wait(job_id)
            return self._results(job, writes)
        except CrmError as error:
            return [(write, Unknown(write.operation.op_id, str(error))) for write in writes]

    def _open(self, write: Write) -> str:
        job = {"object": write.sobject, "contentType": "CSV", "lineEnding": "LF", "operation": "update"}
        if write.key:
            job |= {"operation": "upsert", "externalIdFieldName": write.key}
        # An open job that nobody fills does nothing: asking twice does no harm.
        reply = self._client.call("POST", "jobs/ingest", json=job, idempotent=True)
        return str(object_of(reply)["id"])

    def _upload(self, job_id: str, writes: Sequence[Write]) -> None:
        headers = {"Content-Type": "text/csv"}
        path = f"jobs/ingest/{job_id}/batches"
        try:
            self._client.call("PUT", path, data=csv_of(writes), headers=headers)
        except InvalidRequest as error:
            # Uploaded by an attempt whose answer was lost: a job takes one upload only.
            if error.code != "INVALIDJOBSTATE" and not error.perhaps_done:
                raise

    def _close(self, job_id: str) -> None:
        try:
            self._client.call("PATCH", f"jobs/ingest/{job_id}", json={"state": "UploadComplete"})
        except InvalidRequest as error:
            if error.code != "INVALIDJOBSTATE" and not error.perhaps_done:
                raise

    def _abort(self, job_id: str) -> None:
        try:
            self._client.call("PATCH", f"jobs/ingest/{job_id}", json={"state": "Aborted"})
        except CrmError:
            return  # Salesforce deletes open jobs after seven days

    def _wait(self, job_id: str) -> Mapping[str, Any]:
        waited, pause = 0.0, _FIRST_POLL_S
        while True:
            job = object_of(self._client.call("GET", f"jobs/ingest/{job_id}"))
            if job["state"] in _DONE:
                return job
            if waited >= LONGEST_WAIT_S:
                raise InvalidRequest(f"Bulk job {job_id} is not done after {waited:.0f} s.")
            self._options.sleep(pause)
            waited += pause
            pause = min(pause * 1.5, _LONGEST_POLL_S)

    def _results(self, job: Mapping[str, Any], writes: Sequence[Write]) -> Answered:
        job_id, column = str(job["id"]), writes[0].key or "Id"
        why = str(job.get("errorMessage") or job["state"])
        answers: dict[str, Row] = {}
        for row in self._file(job_id, "successfulResults"):
            created = row.get("sf__Created") == "true"
            answers[row[column].casefold()] = {"success": True, "id": row["sf__Id"], "created": created}
        for row in self._file(job_id, "failedResults"):
            answers[row[column].casefold()] = {"success": False, "errors": [error_of(row["sf__Error"])]}
        for row in self._file(job_id, "unprocessedrecords"):
            error = {
                "statusCode": "SERVER_UNAVAILABLE",
                "message": f"The bulk job ended before this row: {why}",
            }
            answers[row[column].casefold()] = {"success": False, "errors": [error]}
        missing = "The bulk job's results do not name the row."
        return [
            (write, answers.get(write.identity) or Unknown(write.operation.op_id, missing))
            for write in writes
        ]

    def _file(self, job_id: str, name: str) -> Iterator[dict[str, str]]:
        body = self._client.call("GET", f"jobs/ingest/{job_id}/{name}/").body.decode("utf-8-sig")
        yield from csv.DictReader(io.StringIO(body, newline=""))


def csv_of(writes: Sequence[Write]) -> bytes:
    """Rows as CSV with a column for all that any of them writes."""
    names = list(dict.fromkeys(name for write in writes for name in write.columns))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in write.columns.items()} for write in writes)
    return out.getvalue().encode()


def error_of(text: str) -> Mapping[str, Any]:
    """``CODE:message:FIELD --`` as an error of a collection."""
    code, _, rest = text.partition(":")
    message, _, fields = rest.rpartition(":")
    named = [stripped for name in fields.replace("--", "").split(",") if (stripped := name.strip())]
    return {"statusCode": code, "message": message or rest, "fields": named}


def _cell(value: Any) -> str:
    if value is None:
        return CLEAR
    return str(value).lower() if isinstance(value, bool) else str(value)
