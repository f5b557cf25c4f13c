"""What an asset says about itself before any run: columns, lineage, table name, code, version.

Belongs here: metadata from the definition. Metadata of one run's rows is in ``materialization.py``.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sales_agent_dagster.defs.lineage import COLUMN_LINEAGE
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.inference.engine import Prompt
from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster.warehouse.schema import STAGE_TABLES

GROUP = "lead_pipeline"
OWNERS = ["team:revops"]


def presentation(
    table: sa.Table,
    source: Any,
    version: str,
    description: str,
    *,
    kinds: Collection[str] = ("python",),
    prompt: Prompt | None = None,
) -> dict[str, Any]:
    """Arguments that every asset decorator takes, for the asset that writes ``table``.

    ``source`` is the class or function that computes the rows, ``version`` that of its rules. With the
    prompt's it makes the code version: when either changes, Dagster shows the asset and everything below
    as stale.
    """
    return {
        "group_name": GROUP,
        "owners": OWNERS,
        "kinds": set(kinds),
        "tags": {"pipeline/step": f"{[known.name for known in STAGE_TABLES].index(table.name) + 1}"},
        "description": inspect.cleandoc(description),
        "code_version": content_hash(version, prompt.version if prompt else None)[:12],
        "metadata": definition_metadata(table, source),
    }


def definition_metadata(table: sa.Table, source: Any) -> dict[str, Any]:
    """Metadata of the asset that writes ``table``; ``source`` is the class or function that computes it."""
    return {
        "dagster/table_name": table.name,
        "dagster/column_schema": column_schema(table),
        "dagster/column_lineage": column_lineage(COLUMN_LINEAGE[table.name]),
        "dagster/code_references": code_link(source),
    }


def column_schema(table: sa.Table) -> dg.TableSchema:
    """Every column with type, comment and constraints."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                str(column.type).lower(),
                column.comment,
                dg.TableColumnConstraints(
                    nullable=bool(column.nullable), other=["primary key"] if column.primary_key else []
                ),
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(
            other=[
                str(constraint.sqltext)
                for constraint in table.constraints
                if isinstance(constraint, sa.CheckConstraint)
            ]
        ),
    )


def column_lineage(sources: Mapping[str, tuple[str, ...]]) -> dg.TableColumnLineage:
    """Lineage from ``{"score": ("imported_leads.rating", ...)}``."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(
                    asset_key=dg.AssetKey(name.partition(".")[0]), column_name=name.partition(".")[2]
                )
                for name in names
            ]
            for column, names in sources.items()
        }
    )


def code_link(source: Any) -> dg.CodeReferencesMetadataValue:
    """Link to the file that computes the rows."""
    path = Path(inspect.getfile(source))
    _, line = inspect.getsourcelines(source)
    label = path.relative_to(PROJECT_ROOT).as_posix()
    return dg.CodeReferencesMetadataValue(
        code_references=[dg.LocalFileCodeReference(file_path=str(path), line_number=line, label=label)]
    )
