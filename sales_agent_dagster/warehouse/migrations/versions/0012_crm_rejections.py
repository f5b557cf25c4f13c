"""crm rejections."""
# One column per line, however long its comment is.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('crm_rejections',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of record.'),
    sa.Column('external_key', sa.Text(), nullable=False, comment='Our id of the company or contact.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment="The CRM's id of the record that it is not."),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that stored it.'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time of the answer.'),
    sa.CheckConstraint("kind IN ('company', 'contact', 'note', 'email_draft', 'opportunity')", name=op.f('ck_crm_rejections_kind_known')),
    sa.PrimaryKeyConstraint('crm', 'kind', 'external_key', 'remote_id', name=op.f('pk_crm_rejections')),
    comment='Every record of the CRM of which a person said that a company or contact is another one.'
    )
    op.execute(
        "INSERT INTO crm_rejections (crm, kind, external_key, remote_id, run_id, created_at) "
        "SELECT crm, kind, external_key, remote_id, run_id, updated_at FROM crm_link WHERE state = 'rejected'"
    )
