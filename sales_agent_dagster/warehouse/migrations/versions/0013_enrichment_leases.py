"""enrichment leases."""
# One column per line, however long its comment is.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('enrichment_leases',
    sa.Column('provider', sa.Text(), nullable=False, comment='Provider that is being asked.'),
    sa.Column('lookup_key', sa.Text(), nullable=False, comment='What it is being asked about.'),
    sa.Column('holder', sa.Text(), nullable=False, comment='Random id of the lookup.'),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time from which on another process may ask, should this one have died.'),
    sa.PrimaryKeyConstraint('provider', 'lookup_key', name=op.f('pk_enrichment_leases')),
    comment='Lookups without cost in flight: of several processes one asks, the others wait for its answer.'
    )
    with op.batch_alter_table('enrichment_leases', schema=None) as batch_op:
        batch_op.create_index('ix_enrichment_leases_expires_at', ['expires_at'], unique=False)

    with op.batch_alter_table('enrichment_queue', schema=None) as batch_op:
        batch_op.alter_column('attempts',
               existing_type=sa.BigInteger(),
               comment='Passes so far, without those in which caps, quotas or pacing held the lead back.',
               existing_comment='Passes so far.',
               existing_nullable=False)
