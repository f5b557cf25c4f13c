"""Fetching pages from servers that nobody vouches for, over ``httpcore2``.

Belongs here: which addresses may be reached, limits on what comes back, robots.txt, telling a site's failure
from our own. Does not belong here: what a page says (``website``).

The transport below httpx is used on its own: it knows no cookies, no credentials from the environment, no
proxies and no redirects, so none of these can leak or be followed by accident.
"""
