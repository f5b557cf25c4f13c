"""national numbers."""
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

BEFORE = 'Ten digits of a North American number, else E.164.'
AFTER = 'Ten digits of a North American number, else 0 and the national one.'


def upgrade() -> None:
    """Apply: a comment, which SQLite has none of."""
    if op.get_context().dialect.name == 'postgresql':
        op.alter_column('lead_norm', 'phone',
               existing_type=sa.Text(),
               comment=AFTER,
               existing_comment=BEFORE,
               existing_nullable=False)
