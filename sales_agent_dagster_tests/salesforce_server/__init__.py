"""An organisation with Salesforce's REST, OAuth and Bulk 2.0 APIs on loopback.

::

    with running_server(daily_calls=5_000, token_minutes=120) as server:   # a thread of this process
        server.url                                # both login and instance URL
        lead_id = server.create("Lead", LastName="Lovelace", Company="Acme")     # as a person does
        server.edit(lead_id, Title="CTO"); server.convert(lead_id); server.delete(...); server.merge(...)
        server.clock.advance(7200)                # nothing else moves time
        server.fault("drop", method="PATCH", path="composite", times=2)          # kinds: faults.KINDS
        server.duplicate_rule(Lead="Email", Contact="Email")
        server.log, server.writes                 # requests
        server.reset()                            # a new organisation

Objects: ``schema.standard_objects``; custom fields come with ``server.add_field``. A request is handled
whole before the next: two of them never see each other half done. Known differences: no triggers, flows,
sharing or field permissions; of SOQL what ``soql`` says; bulk jobs go on when they are looked at.
"""

from sales_agent_dagster_tests.salesforce_server.faults import Fault
from sales_agent_dagster_tests.salesforce_server.running import RunningServer, running_server

__all__ = ["Fault", "RunningServer", "running_server"]
