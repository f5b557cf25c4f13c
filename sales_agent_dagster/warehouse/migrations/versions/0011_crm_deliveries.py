"""crm deliveries."""
# One column per line, however long its comment is.
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('crm_deliveries',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('digest', sa.Text(), nullable=False, comment="SHA-256 of the delivery's signature."),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was taken.'),
    sa.PrimaryKeyConstraint('crm', 'digest', name=op.f('pk_crm_deliveries')),
    comment='Webhook deliveries taken of late, so that none is taken twice; older ones are refused as old.'
    )
