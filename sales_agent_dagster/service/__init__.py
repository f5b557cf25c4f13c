"""The receiver of CRM webhooks: HTTP in, verified events stored.

Belongs here: HTTP and how each CRM signs what it delivers. Does not belong here: what events mean (stages).
"""
