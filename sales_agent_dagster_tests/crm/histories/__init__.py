"""Random histories of a CRM and its sync, the same for every vendor.

``running.live(vendor, seed)`` lives one.
"""
