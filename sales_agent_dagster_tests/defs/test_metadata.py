from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from sales_agent_dagster.defs.lineage import COLUMN_LINEAGE
from sales_agent_dagster.defs.metadata import code_link, column_lineage, column_schema
from sales_agent_dagster.stages.qualified import QualifiedLeads
from sales_agent_dagster.warehouse.schema import METADATA, STAGE_TABLES, qualified_leads

ORDER = [table.name for table in STAGE_TABLES]


def test_lineage_is_told_of_every_table() -> None:
    assert list(COLUMN_LINEAGE) == ORDER


@pytest.mark.parametrize("asset", ORDER)
def test_lineage_names_columns_that_exist_upstream(asset: str) -> None:
    for column, sources in COLUMN_LINEAGE[asset].items():
        assert column in METADATA.tables[asset].c
        assert sources
        for source in sources:
            table, name = source.split(".")
            assert ORDER.index(table) < ORDER.index(asset)
            assert name in METADATA.tables[table].c, source


def test_lineage_in_dagsters_words() -> None:
    lineage = column_lineage({"score": ("imported_leads.rating",)})
    (dependency,) = lineage.deps_by_column["score"]
    assert dependency.asset_key.to_user_string() == "imported_leads"
    assert dependency.column_name == "rating"


def test_schema_has_types_comments_and_constraints() -> None:
    schema = column_schema(qualified_leads)
    columns = {column.name: column for column in schema.columns}
    assert list(columns) == [column.name for column in qualified_leads.columns]
    assert columns["score"].type == "double"
    assert columns["score"].description == "ICP score plus signals and judged points, 0-100."
    assert columns["score"].constraints.nullable is True
    assert columns["lead_id"].constraints.nullable is False
    assert columns["lead_id"].constraints.other == ["primary key"]
    assert schema.constraints is not None
    assert "score BETWEEN 0 AND 100" in schema.constraints.other


def test_every_column_of_every_table_has_a_description() -> None:
    for table in STAGE_TABLES:
        assert all(column.description for column in column_schema(table).columns)


def test_code_links_point_at_the_stage() -> None:
    (reference,) = code_link(QualifiedLeads).code_references
    path = Path(reference.file_path)
    assert reference.label == "sales_agent_dagster/stages/qualified.py"
    line = path.read_text().splitlines()[reference.line_number - 1]
    assert line == "class QualifiedLeads(Stage):"


def test_json_columns_have_a_readable_type() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("facts", sa.JSON))
    assert column_schema(table).columns[0].type == "json"
