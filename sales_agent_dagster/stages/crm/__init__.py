"""CRM sync: pull, link, plan, push, read back. Vendor-neutral: what differs is behind ``crm.contract``.

``syncing.sync`` runs it all; the steps can be run alone. Each can be killed
at any moment and run again.
"""
