"""what models add to the agents' tables, and public posts."""
# One column per line, however long its comment is.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

CHANGED_COMMENTS = {
    ('qualified_leads', 'score'): 'ICP score plus signals and judged points, 0-100.',
    ('enriched_leads', 'facts'): 'List of facts: id, field, value, source, confidence; read ones with quote and text.',
    ('campaign_messages', 'channel'): 'email, linkedin, call, social or blog.',
    ('campaign_messages', 'subject'): 'Subject line, or title of a blog outline; NULL where the channel has none.',
    ('campaign_messages', 'template_version'): "Template and its version; prompt and its version for a model's words.",
}


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table('qualified_leads', schema=None) as batch_op:
        batch_op.add_column(sa.Column('judged_points', sa.Double(), nullable=True, comment="What a model's ratings add, -15 to 15; 0 by rules."))
        batch_op.add_column(sa.Column('dropped_claims', sa.BigInteger(), nullable=True, comment="Parts of a model's answer left out: no such evidence, link, number."))
        batch_op.create_check_constraint(op.f('ck_qualified_leads_judged_points_range'), 'judged_points BETWEEN -15 AND 15')

    with op.batch_alter_table('enriched_leads', schema=None) as batch_op:
        batch_op.add_column(sa.Column('read_count', sa.BigInteger(), nullable=True, comment="Facts that a model read in the lead's texts, each with its quote."))
        batch_op.add_column(sa.Column('dropped_facts', sa.BigInteger(), nullable=True, comment="Facts in a model's answer left out: quote not in the text, unknown value."))

    with op.batch_alter_table('analyzed_leads', schema=None) as batch_op:
        batch_op.add_column(sa.Column('dropped_claims', sa.BigInteger(), nullable=True, comment="Parts of a model's words left out: number that is no figure, link, markup."))

    with op.batch_alter_table('campaigns', schema=None) as batch_op:
        batch_op.add_column(sa.Column('dropped_claims', sa.BigInteger(), nullable=True, comment="Citations in a model's answer of facts that there are none of."))

    with op.batch_alter_table('campaign_messages', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_campaign_messages_channel_known'), type_='check')
        batch_op.create_check_constraint(op.f('ck_campaign_messages_channel_known'), "channel IN ('email', 'linkedin', 'call', 'social', 'blog')")

    if op.get_context().dialect.name == 'postgresql':  # SQLite keeps no comments
        for (table, column), comment in CHANGED_COMMENTS.items():
            op.alter_column(table, column, comment=comment)
        op.create_table_comment('campaign_messages', 'Outreach drafts: one row per lead, channel and variant; leads of a segment share a post.')
