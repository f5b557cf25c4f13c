"""probabilistic identity."""
# One column per line, however long its comment is.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('capped_keys',
    sa.Column('key_hash', sa.BigInteger(), nullable=False, comment='Hash of kind and value of the key.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of key.'),
    sa.Column('resolve_seq', sa.BigInteger(), nullable=False, comment='Place of the batch that filled it, in resolution_order.'),
    sa.PrimaryKeyConstraint('key_hash', name=op.f('pk_capped_keys')),
    comment='Keys that 50 leads share: they bring later leads no candidates, narrower keys do.'
    )
    with op.batch_alter_table('capped_keys', schema=None) as batch_op:
        batch_op.create_index('ix_capped_keys_resolve_seq', ['resolve_seq'], unique=False)

    op.create_table('identity_labels',
    sa.Column('left_lead_id', sa.Text(), nullable=False, comment='Lead with the smaller id.'),
    sa.Column('right_lead_id', sa.Text(), nullable=False, comment='The other lead.'),
    sa.Column('same', sa.Boolean(), nullable=False, comment='True: one company. False: never merge them.'),
    sa.Column('source', sa.Text(), nullable=False, comment='review or unmerge.'),
    sa.Column('explanation', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Waterfall of the pair when it was answered.'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time of the answer.'),
    sa.CheckConstraint("source IN ('review', 'unmerge')", name=op.f('ck_identity_labels_source_known')),
    sa.PrimaryKeyConstraint('left_lead_id', 'right_lead_id', name=op.f('pk_identity_labels')),
    comment='What people answered about pairs of leads. Holds on every later run.'
    )
    with op.batch_alter_table('identity_labels', schema=None) as batch_op:
        batch_op.create_index('ix_identity_labels_right_lead_id', ['right_lead_id'], unique=False)

    op.create_table('merge_events',
    sa.Column('event_no', sa.BigInteger(), autoincrement=False, nullable=False, comment='Order of events, from 1.'),
    sa.Column('event', sa.Text(), nullable=False, comment='merge: the lead joined the company; undo: it left it.'),
    sa.Column('entity_id', sa.Text(), nullable=False, comment='The company.'),
    sa.Column('joined_lead_id', sa.Text(), nullable=False, comment='The lead.'),
    sa.Column('matched_lead_id', sa.Text(), nullable=False, comment='The lead of the company it matched.'),
    sa.Column('decided_by', sa.Text(), nullable=False, comment='linkage or a person.'),
    sa.Column('before', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment="The company's fields before."),
    sa.Column('after', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment="The company's fields after."),
    sa.Column('rules', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Per field of after: the lead it is from and the survivor rule.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Dagster run that computed the row.'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time the row was computed.'),
    sa.CheckConstraint("decided_by IN ('linkage', 'person')", name=op.f('ck_merge_events_decided_by_known')),
    sa.CheckConstraint("event IN ('merge', 'undo')", name=op.f('ck_merge_events_event_known')),
    sa.PrimaryKeyConstraint('event_no', name=op.f('pk_merge_events')),
    comment="Every merge and every undo, with the company's fields before and after."
    )
    with op.batch_alter_table('merge_events', schema=None) as batch_op:
        batch_op.create_index('ix_merge_events_joined_lead_id', ['joined_lead_id'], unique=False)

    op.create_table('merged_companies',
    sa.Column('entity_id', sa.Text(), nullable=False, comment='The company.'),
    sa.Column('leads', sa.BigInteger(), nullable=False, comment='Leads of the company.'),
    sa.Column('company_name', sa.Text(), nullable=False, comment='Name.'),
    sa.Column('contact_name', sa.Text(), nullable=True, comment='Person.'),
    sa.Column('email', sa.Text(), nullable=True, comment='Address.'),
    sa.Column('phone', sa.Text(), nullable=True, comment='Number, E.164.'),
    sa.Column('website', sa.Text(), nullable=True, comment='URL.'),
    sa.Column('linkedin_url', sa.Text(), nullable=True, comment='LinkedIn page.'),
    sa.Column('street', sa.Text(), nullable=True, comment='Street address.'),
    sa.Column('city', sa.Text(), nullable=True, comment='City.'),
    sa.Column('state', sa.Text(), nullable=True, comment='Two-letter code.'),
    sa.Column('zip', sa.Text(), nullable=True, comment='Five-digit ZIP.'),
    sa.Column('do_not_contact', sa.Boolean(), nullable=False, comment='True when any of its leads says not to contact: that survives every merge.'),
    sa.PrimaryKeyConstraint('entity_id', name=op.f('pk_merged_companies')),
    comment='Companies of several leads: the surviving value of each field.'
    )
    op.create_table('shared_values',
    sa.Column('kind', sa.Text(), nullable=False, comment='name, phone, host or email.'),
    sa.Column('value', sa.Text(), nullable=False, comment='The value.'),
    sa.Column('resolve_seq', sa.BigInteger(), nullable=False, comment='Place of the batch that showed it, in resolution_order.'),
    sa.Column('spread', sa.BigInteger(), nullable=False, comment='Different firms or places with it when it was found.'),
    sa.PrimaryKeyConstraint('kind', 'value', name=op.f('pk_shared_values')),
    comment='Values that several firms or places share: found in the data, without weight as identity.'
    )
    with op.batch_alter_table('shared_values', schema=None) as batch_op:
        batch_op.create_index('ix_shared_values_resolve_seq', ['resolve_seq'], unique=False)

    op.create_table('value_counts',
    sa.Column('value_hash', sa.BigInteger(), nullable=False, comment='Hash of kind and value.'),
    sa.Column('resolve_seq', sa.BigInteger(), nullable=False, comment='A batch with the value, in resolution_order.'),
    sa.Column('leads', sa.BigInteger(), nullable=False, comment='Leads with the value up to and including that batch.'),
    sa.Column('spread', sa.BigInteger(), nullable=False, comment='Different firms or places among them, at least; 1 identifies.'),
    sa.PrimaryKeyConstraint('value_hash', 'resolve_seq', name=op.f('pk_value_counts')),
    comment='How common names, words, phones, hosts, addresses and places are, as each batch found it.',
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('value_counts', schema=None) as batch_op:
        batch_op.create_index('ix_value_counts_resolve_seq', ['resolve_seq'], unique=False)

    op.create_table('superseded_rows',
    sa.Column('batch_id', sa.Text(), nullable=False, comment='Lead batch = Dagster partition.'),
    sa.Column('lead_id', sa.Text(), nullable=False, comment='Stable id: file content and record number.'),
    sa.Column('input_hash', sa.Text(), nullable=False, comment='Hash of what the row was computed from.'),
    sa.Column('latency_ms', sa.Double(), nullable=False, comment='Its latency_ms.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Dagster run that computed the row.'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time the row was computed.'),
    sa.ForeignKeyConstraint(['batch_id', 'lead_id'], ['imported_leads.batch_id', 'imported_leads.lead_id'], name=op.f('fk_superseded_rows_batch_id')),
    sa.PrimaryKeyConstraint('batch_id', 'lead_id', 'input_hash', name=op.f('pk_superseded_rows')),
    comment='Rows of resolved_leads that an answer replaced: undone, the row comes back as it was.'
    )
    op.create_table('identity_reviews',
    sa.Column('review_id', sa.Text(), nullable=False, comment='Stable id of the pair.'),
    sa.Column('batch_id', sa.Text(), nullable=False, comment='Batch of the lead.'),
    sa.Column('lead_id', sa.Text(), nullable=False, comment='The lead that may belong to a company known before.'),
    sa.Column('other_lead_id', sa.Text(), nullable=False, comment='The lead of that company it is most like.'),
    sa.Column('other_entity_id', sa.Text(), nullable=False, comment='That company when asked.'),
    sa.Column('bits', sa.Double(), nullable=False, comment='Evidence that the two are one company, log2 of the odds.'),
    sa.Column('probability', sa.Double(), nullable=False, comment='The same as a probability, 0-1.'),
    sa.Column('reason', sa.Text(), nullable=False, comment='Why it is asked, in one sentence.'),
    sa.Column('state', sa.Text(), nullable=False, comment='open, accepted or rejected.'),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True, comment='UTC time of the answer.'),
    sa.Column('explanation', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Waterfall: per field its values, level, similarity and bits.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Dagster run that computed the row.'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time the row was computed.'),
    sa.CheckConstraint("state IN ('open', 'accepted', 'rejected')", name=op.f('ck_identity_reviews_state_known')),
    sa.CheckConstraint('probability BETWEEN 0 AND 1', name=op.f('ck_identity_reviews_probability_range')),
    sa.ForeignKeyConstraint(['batch_id', 'lead_id'], ['resolved_leads.batch_id', 'resolved_leads.lead_id'], name=op.f('fk_identity_reviews_batch_id')),
    sa.PrimaryKeyConstraint('review_id', name=op.f('pk_identity_reviews')),
    comment='Review queue: pairs of leads that only a person can decide. The lead stays its own meanwhile.'
    )
    with op.batch_alter_table('identity_reviews', schema=None) as batch_op:
        batch_op.create_index('ix_identity_reviews_batch_id', ['batch_id', 'lead_id'], unique=False)
        batch_op.create_index('ix_identity_reviews_state', ['state'], unique=False)

    op.create_table('lead_norm',
    sa.Column('lead_no', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False, comment='Place in the order of resolution: resolve_seq * 1,048,576 + place in the batch from 0.'),
    sa.Column('batch_id', sa.Text(), nullable=False, comment='Lead batch = Dagster partition.'),
    sa.Column('lead_id', sa.Text(), nullable=False, comment='Stable id: file content and record number.'),
    sa.Column('founder_id', sa.Text(), nullable=False, comment='First lead of the company it was resolved to.'),
    sa.Column('account_id', sa.Text(), nullable=False, comment='Account of that company.'),
    sa.Column('norm_version', sa.Text(), nullable=False, comment='Version of the rules that normalised it.'),
    sa.Column('name', sa.Text(), nullable=False, comment='Words of the name, abbreviations spelled out, legal form kept.'),
    sa.Column('core', sa.Text(), nullable=False, comment='name without legal form, connectives and branch tail.'),
    sa.Column('alias', sa.Text(), nullable=False, comment="Core of the other name in 'owner dba trade name'."),
    sa.Column('phone', sa.Text(), nullable=False, comment='Ten digits of a North American number, else E.164.'),
    sa.Column('phone_2', sa.Text(), nullable=False, comment='Second number.'),
    sa.Column('host', sa.Text(), nullable=False, comment='What identifies the firm on the web.'),
    sa.Column('page', sa.Text(), nullable=False, comment='Host and path of the website where that says more than host.'),
    sa.Column('email', sa.Text(), nullable=False, comment='Address, lower case.'),
    sa.Column('linkedin', sa.Text(), nullable=False, comment="Last part of the LinkedIn page's address."),
    sa.Column('contact', sa.Text(), nullable=False, comment='Person, lower case.'),
    sa.Column('street_no', sa.Text(), nullable=False, comment='House number, or the box.'),
    sa.Column('street', sa.Text(), nullable=False, comment='Words of the street without number, type, direction and unit.'),
    sa.Column('unit', sa.Text(), nullable=False, comment='Suite, apartment or floor.'),
    sa.Column('city', sa.Text(), nullable=False, comment='City, lower case.'),
    sa.Column('state', sa.Text(), nullable=False, comment='Two-letter code.'),
    sa.Column('zip5', sa.Text(), nullable=False, comment='Five-digit ZIP.'),
    sa.ForeignKeyConstraint(['batch_id', 'lead_id'], ['resolved_leads.batch_id', 'resolved_leads.lead_id'], name=op.f('fk_lead_norm_batch_id')),
    sa.PrimaryKeyConstraint('lead_no', name=op.f('pk_lead_norm')),
    comment='Comparable values of each resolved lead; empty text means unknown.'
    )
    with op.batch_alter_table('lead_norm', schema=None) as batch_op:
        batch_op.create_index('ix_lead_norm_lead_id', ['lead_id'], unique=False)

    op.create_table('lead_key',
    sa.Column('key_hash', sa.BigInteger(), nullable=False, comment='Hash of kind and value of the key.'),
    sa.Column('lead_no', sa.BigInteger(), nullable=False, comment='The lead.'),
    sa.ForeignKeyConstraint(['lead_no'], ['lead_norm.lead_no'], name=op.f('fk_lead_key_lead_no'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('key_hash', 'lead_no', name=op.f('pk_lead_key')),
    comment='Blocking keys: under which leads that may be one company meet. At most 50 leads per key.',
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('lead_key', schema=None) as batch_op:
        batch_op.create_index('ix_lead_key_lead_no', ['lead_no'], unique=False)

    with op.batch_alter_table('lead_keys', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_lead_keys_lookup'))

    op.drop_table('lead_keys')
    with op.batch_alter_table('resolution_order', schema=None) as batch_op:
        batch_op.add_column(sa.Column('leads', sa.BigInteger(), comment='Leads of the batch when it was resolved.'))
    op.execute(
        'UPDATE resolution_order SET leads = '
        '(SELECT COUNT(*) FROM resolved_leads r WHERE r.batch_id = resolution_order.batch_id)'
    )
    with op.batch_alter_table('resolution_order', schema=None) as batch_op:
        batch_op.alter_column('leads', existing_type=sa.BigInteger(), nullable=False)

    # Rows of the exact matcher stay until the next run, which finds them outdated and decides them again.
    with op.batch_alter_table('resolved_leads', schema=None) as batch_op:
        batch_op.add_column(sa.Column('account_id', sa.Text(), comment='The firm over its branches; companies of one account share it.'))
        batch_op.add_column(sa.Column('decision', sa.Text(), comment='merge, review (its own company until a person answers) or new.'))
        batch_op.add_column(sa.Column('matched_lead_id', sa.Text(), nullable=True, comment='Lead that it is most like, of those that decided.'))
        batch_op.add_column(sa.Column('bits', sa.Double(), nullable=True, comment='Evidence that the two are one company, log2 of the odds.'))
        batch_op.add_column(sa.Column('relation', sa.Text(), nullable=True, comment='How: branch, franchise or sister.'))
        batch_op.add_column(sa.Column('explanation', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Waterfall against the matched lead: per field values, level and bits; total.'))
        batch_op.drop_column('evidence')
        batch_op.drop_column('match_rule')
    op.execute(
        "UPDATE resolved_leads SET account_id = entity_id, "
        "decision = CASE WHEN is_duplicate THEN 'merge' ELSE 'new' END"
    )
    with op.batch_alter_table('resolved_leads', schema=None) as batch_op:
        batch_op.alter_column('account_id', existing_type=sa.Text(), nullable=False)
        batch_op.alter_column('decision', existing_type=sa.Text(), nullable=False)
        batch_op.alter_column('related_to', existing_type=sa.Text(), existing_nullable=True, comment='Entity that is related but not the same company.')
        batch_op.create_check_constraint('decision_known', "decision IN ('merge', 'review', 'new')")
        batch_op.create_check_constraint('relation_known', "relation IN ('branch', 'franchise', 'sister')")
        batch_op.create_index('ix_resolved_leads_account_id', ['account_id'], unique=False)
        batch_op.create_index('ix_resolved_leads_related_to', ['related_to'], unique=False)
