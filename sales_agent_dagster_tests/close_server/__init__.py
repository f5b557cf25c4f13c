"""A server that speaks the Close API on loopback, with an organisation in memory.

::

    with running_close(index_lag_s=60) as close:       # a thread of this process
        close.url                                      # base URL, with /api/v1/; close.API_KEY lets in
        close.script("drop", None, "503")              # faults of the next requests, in order
        close.fault("429", method="POST", path="/lead/", times=20, seconds=2)
        close.ask("PUT", f"/lead/{key}/", {"name": "As a rep types it"})      # a person's work
        close.clock.advance(31)                        # time is virtual: give it to clients as their sleep
        close.log, close.writes(), close.objects("lead"), close.crm.objects.sent, close.deliver()
        close.reset(requests=20)                       # as started, but for this
    with close_process("--latency-ms", "80", "--real-clock") as url: ...

Over HTTP (for a process): ``POST /admin/{fault,advance,human,reset}`` and ``GET /admin/log``. Nothing is
ever sent: e-mails that would have been are ``close.crm.objects.sent``.
"""

from sales_agent_dagster_tests.close_server.calls import API_KEY, OTHER_KEY
from sales_agent_dagster_tests.close_server.faults import Fault
from sales_agent_dagster_tests.close_server.running import close_process, running_close

__all__ = ["API_KEY", "OTHER_KEY", "Fault", "close_process", "running_close"]
