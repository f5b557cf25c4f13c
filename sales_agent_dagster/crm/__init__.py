"""CRM connectors: mapping a lead to a record, comparing records, planning operations.

Belongs here: what a CRM holds and how to change it. Does not belong here: choosing leads (stages).
"""
