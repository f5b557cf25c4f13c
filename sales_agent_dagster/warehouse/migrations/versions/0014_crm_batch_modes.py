"""crm batch modes."""
# One column per line, however long its comment is.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('crm_batch_modes',
    sa.Column('batch_id', sa.Text(), nullable=False, comment='The batch.'),
    sa.Column('mode', sa.Text(), nullable=False, comment='plan: only say what the CRM would be told; apply: also send it.'),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was set.'),
    sa.CheckConstraint("mode IN ('plan', 'apply')", name=op.f('ck_crm_batch_modes_mode_known')),
    sa.ForeignKeyConstraint(['batch_id'], ['lead_batches.batch_id'], name=op.f('fk_crm_batch_modes_batch_id')),
    sa.PrimaryKeyConstraint('batch_id', name=op.f('pk_crm_batch_modes')),
    comment='Batches for which a person said whether their plan is sent; of others the settings say.'
    )
