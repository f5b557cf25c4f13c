"""``sales-agent query``: one read-only SELECT, printed as a table, JSON or CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import Any

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import count, err, out, safe, table
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.query import read_only

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Text that begins so is run as a formula by spreadsheets
(https://owasp.org/www-community/attacks/CSV_Injection)."""
