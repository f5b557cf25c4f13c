"""failed operations."""
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

BEFORE = (
    'planned: not sent yet, and never for the preview; sending: on its way; sent: surely done; '
    'unknown: the answer was lost; failed: surely not done, due again; '
    'dead: failed too often, due when it changes.'
)
AFTER = BEFORE.replace('surely not done, due', 'not done, or not to its end, as far as anybody knew, due')


def upgrade() -> None:
    """Apply: a comment, which SQLite has none of."""
    if op.get_context().dialect.name == 'postgresql':
        op.alter_column('crm_outbox', 'state',
               existing_type=sa.Text(),
               comment=AFTER,
               existing_comment=BEFORE,
               existing_nullable=False)
