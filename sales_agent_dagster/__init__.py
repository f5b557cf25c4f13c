"""CSV lead lists in; scored, deduplicated, researched, written-to and CRM-ready tables out.

Layers, lowest first; imports point down only (``sales_agent_dagster_tests/test_layers.py``)::

    domain, settings < matching | inference | enrichment | crm | warehouse
                     < agents < stages | evaluation < defs | service < definitions, cli
"""
