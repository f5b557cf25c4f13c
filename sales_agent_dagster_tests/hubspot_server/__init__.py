"""A server that speaks HubSpot's CRM API on loopback and keeps an account in memory.

::

    with running_server(virtual=True, partial=True) as server:     # a thread of this process
        server.url, TOKEN                                          # host and access token
        company = server.add("companies", name="Acme")             # a person's doing: edit, merge, delete …
        server.fail("drop", where="POST .*batch/upsert")           # the work is done, the answer is lost
        server.fail("429_bare", Fault("stale", "GET", seconds=60)) # the next requests that fit
        server.clock.advance(10)
        server.log, server.writes(), server.changes
        server.reset(index_lag_s=30)                               # as started, but for this; empty
    with server_process("--latency-ms", "80") as url: ...          # its own process, for benchmarks

v3, v4 and dated paths are served alike. Options: ``app.Options``; faults: ``faults.Fault``. Signed webhook
deliveries of what happened: ``webhooks``. Where the real one's behaviour is not documented the stand-in takes
the one that is harder on the client: results of batches are out of order, text of an IN filter that is not in
lower case is found by nothing, numbers come back in their shortest form.
"""

from sales_agent_dagster_tests.hubspot_server.app import TOKEN
from sales_agent_dagster_tests.hubspot_server.faults import Fault
from sales_agent_dagster_tests.hubspot_server.running import RunningServer, running_server, server_process

__all__ = ["TOKEN", "Fault", "RunningServer", "running_server", "server_process"]
