"""The one way to a CRM: a session, its pace, exactly one layer that retries, and a guard for dry runs.

What is retried here is retried nowhere else. A call that would not be the same twice is sent again only
when it surely did not arrive or was refused; else it raises ``Ambiguous`` and reading back has to tell.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from sales_agent_dagster.crm.calling import Call, Line
from sales_agent_dagster.crm.errors import InvalidRequest, WriteRefused
from sales_agent_dagster.crm.http import Counters, Dialect, Fence, Reply, TransportOptions
from sales_agent_dagster.crm.rates import Pace, RateGate

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT_METHODS = SAFE_METHODS | {"PUT", "PATCH", "DELETE"}
"""Twice is once. All three CRMs' PUT and PATCH set values."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class _NoAuth(AuthBase):
    """Keeps ``requests`` from looking for credentials in .netrc; ours are added per attempt."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    """HTTP to one CRM. Safe to share between threads.

    Args:
        base_url: with or without a slash at its end; paths are joined below it.
        auth: adds the credentials to each request. If it has a method ``refresh() -> bool``, a refused key
            is refreshed once and the call sent again.
        pace: bounds of the rate of each group of calls.
        paces: of groups that have bounds of their own.
        headers: sent with every call.
    """

    def __init__(
        self,
        base_url: str,
        auth: AuthBase,
        dialect: Dialect,
        options: TransportOptions,
        *,
        pace: Pace | None = None,
        paces: Mapping[str, Pace] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.options = options
        self.counters, self.fence = Counters(), Fence()
        self._lock = threading.Lock()
        self._paces = defaultdict(lambda: pace or Pace(), paces or {})
        self._gates: dict[str, RateGate] = {}
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": "sales-agent-dagster", **(headers or {})})
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=options.concurrency, max_retries=0)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        environment = self._session.merge_environment_settings(self.base_url, {}, None, None, None)
        line = (self._session, auth, dialect, options, self.counters, self.fence)
        self._line = Line(*line, dict(environment))

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | str | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        reads: bool = False,
        idempotent: bool | None = None,
        still: Callable[[], bool] | None = None,
        group: str = "",
    ) -> Reply:
        """One call, with all its retries.

        Args:
            method: the HTTP method.
            path: below the base URL, or a whole URL on the same host.
            params: the query.
            json: the body.
            data: the body as it is, a mapping as a form; instead of ``json``.
            headers: more headers.
            reads: a POST that only reads, such as a search or a token: a dry run lets it through, and it may
                be sent twice.
            idempotent: whether sending it twice is the same as once; by default what the method says.
            still: asked before it is sent again, once an attempt may have been carried out; False ends the
                call, and nobody knows whether it was done.
            group: calls that share a rate.

        Raises:
            CrmError: the kinds of ``crm.errors``.
        """
        method = method.upper()
        writes = method not in SAFE_METHODS and not reads
        if writes and self.options.dry_run:
            raise WriteRefused(f"A dry run does not send {method}.")
        given = dict(headers or {})
        if json is not None:
            data = orjson.dumps(json)
            given.setdefault("Content-Type", "application/json")
        prepared = self._session.prepare_request(
            requests.Request(method, self._url(path), params=params, data=data, headers=given, auth=_NoAuth())
        )
        twice = (method in IDEMPOTENT_METHODS or reads) if idempotent is None else idempotent
        return Call(self._line, prepared, self._gate(group), twice=twice, writes=writes, still=still).run()

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """``function`` of every item on bounded threads, as they come; in turn where one is allowed.

        An item is taken only when a thread is free for it. Those of a sequence are there anyway, so that the
        threads go on while what came is worked on. An exception is raised here, after the calls in flight
        have ended; what did not begin by then does not begin.
        """
        most = self.options.concurrency
        if most == 1:
            yield from map(function, items)
            return
        with ThreadPoolExecutor(most, thread_name_prefix="crm") as pool:
            try:
                if isinstance(items, Sequence):
                    waiting = [pool.submit(function, item) for item in items]
                    yield from (future.result() for future in as_completed(waiting))
                    return
                running: set[Future[Result]] = set()
                for item in items:
                    running.add(pool.submit(function, item))
                    if len(running) >= most:
                        done, running = wait(running, return_when=FIRST_COMPLETED)
                        yield from (future.result() for future in done)
                yield from (future.result() for future in as_completed(running))
            finally:
                pool.shutdown(cancel_futures=True)

    def _gate(self, group: str) -> RateGate:
        with self._lock:
            return self._made_gate(group)

    def _made_gate(self, group: str) -> RateGate:
        if group not in self._gates:
            pace = self._paces[group]
            also = None if pace.also is None else self._made_gate(pace.also)
            self._gates[group] = RateGate(pace, self.options.now, self.options.sleep, also)
        return self._gates[group]

    def _url(self, path: str) -> str:
        if not path.startswith(("http://", "https://")):
            return f"{self.base_url}/{path.lstrip('/')}"
        if urlsplit(path)[:2] != urlsplit(self.base_url)[:2]:
            raise InvalidRequest("The CRM named an address on another host.")
        return path
