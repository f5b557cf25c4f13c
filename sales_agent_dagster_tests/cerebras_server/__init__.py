"""A server that speaks the Cerebras API on loopback and answers from what it is asked.

::

    with running_server(latency_ms=300, tokens_minute=60_000) as server:   # a thread of this process
        server.url                                     # base URL, without /v1
        server.script("500", None, Fault("429", retry_after=0.1))   # the next requests, in order
        server.rates({"500": 0.10, "429": 0.05, "hang": 0.02}, seed=1)
        server.match("Acme Generators", "schema_violation", times=2)
        server.stats.requests, server.stats.completion_tokens, server.stats.duplicate_bills
        server.reset(requests_minute=60)               # as started, but for this; nothing counted or broken
    with server_process("--latency-ms", "300") as url: ...                 # its own process, for benchmarks

``python -m sales_agent_dagster_tests.cerebras_server --help`` runs it by hand. Over HTTP: ``GET
/admin/stats``, ``POST /admin/reset``, ``POST /admin/latency`` with ``{"latency_ms": 300}`` and ``POST
/admin/faults`` with ``{"script": [...], "rates": {...}, "seed": 1, "match": [{"text": ..., "fault": ...}]}``.

Answers are computed from the lead's JSON in the last user message that has any, by the replier registered
under the name of the JSON schema (``repliers``); other schemas are filled with plausible values
(``repliers.generic``). Kinds of faults: ``faults.KINDS``.
"""

from sales_agent_dagster_tests.cerebras_server.faults import Fault
from sales_agent_dagster_tests.cerebras_server.running import running_server, server_process

__all__ = ["Fault", "running_server", "server_process"]
