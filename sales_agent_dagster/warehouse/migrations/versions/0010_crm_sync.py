"""crm sync."""
# One column per line, however long its comment is.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('crm_changes',
    sa.Column('change_id', sa.Text(), nullable=False, comment='Hash of record, field, value and time.'),
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of record.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment='The record.'),
    sa.Column('external_key', sa.Text(), nullable=True, comment='Our key of it, when it is linked.'),
    sa.Column('field', sa.Text(), nullable=False, comment='The field; archived and merged_into count as fields.'),
    sa.Column('before', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Value before.'),
    sa.Column('after', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Value after; NULL for cleared.'),
    sa.Column('writer', sa.Text(), nullable=True, comment="The CRM's id of who did it."),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False, comment="UTC time by the CRM's clock."),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that saw it.'),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was seen.'),
    sa.PrimaryKeyConstraint('change_id', name=op.f('pk_crm_changes')),
    comment='What others than us changed in the CRM: one row per field and change.'
    )
    with op.batch_alter_table('crm_changes', schema=None) as batch_op:
        batch_op.create_index('ix_crm_changes_remote_id', ['crm', 'kind', 'remote_id'], unique=False)

    op.create_table('crm_conflicts',
    sa.Column('conflict_id', sa.Text(), nullable=False, comment='Hash of record, field and both values.'),
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of record.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment='The record.'),
    sa.Column('external_key', sa.Text(), nullable=False, comment='Our key of it.'),
    sa.Column('field', sa.Text(), nullable=False, comment='The field.'),
    sa.Column('rule', sa.Text(), nullable=False, comment='Ownership rule that decided.'),
    sa.Column('winner', sa.Text(), nullable=False, comment='ours or theirs.'),
    sa.Column('base', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Value last agreed on.'),
    sa.Column('ours', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Our value.'),
    sa.Column('theirs', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment="The CRM's value."),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that met it.'),
    sa.Column('met_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was met.'),
    sa.CheckConstraint("winner IN ('ours', 'theirs')", name=op.f('ck_crm_conflicts_winner_known')),
    sa.PrimaryKeyConstraint('conflict_id', name=op.f('pk_crm_conflicts')),
    comment='Fields that both sides changed to different values since they last agreed.'
    )
    with op.batch_alter_table('crm_conflicts', schema=None) as batch_op:
        batch_op.create_index('ix_crm_conflicts_remote_id', ['crm', 'kind', 'remote_id'], unique=False)

    op.create_table('crm_contacts',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment="The CRM's id of the record."),
    sa.Column('external_key', sa.Text(), nullable=True, comment='Our key in it.'),
    sa.Column('company_id', sa.Text(), nullable=True, comment="The CRM's id of its company."),
    sa.Column('contact_name', sa.Text(), nullable=True, comment='Name.'),
    sa.Column('contact_title', sa.Text(), nullable=True, comment='Title.'),
    sa.Column('email', sa.Text(), nullable=True, comment='Address.'),
    sa.Column('phone', sa.Text(), nullable=True, comment='Number.'),
    sa.Column('email_opt_out', sa.Boolean(), nullable=True, comment='True when the CRM says not to write.'),
    sa.Column('do_not_call', sa.Boolean(), nullable=True, comment='True when the CRM says not to call.'),
    sa.Column('modified_at', sa.DateTime(timezone=True), nullable=False, comment="UTC time of its last change, by the CRM's clock."),
    sa.Column('writer', sa.Text(), nullable=True, comment="The CRM's id of who changed it last."),
    sa.Column('archived', sa.Boolean(), nullable=False, comment='True when it is deleted, archived or merged away.'),
    sa.Column('merged_into', sa.Text(), nullable=True, comment='The record that took its place.'),
    sa.Column('url', sa.Text(), nullable=True, comment='Where a person opens it.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that stored it.'),
    sa.Column('pulled_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was stored.'),
    sa.PrimaryKeyConstraint('crm', 'remote_id', name=op.f('pk_crm_contacts')),
    comment='People as the CRM holds them.'
    )
    with op.batch_alter_table('crm_contacts', schema=None) as batch_op:
        batch_op.create_index('ix_crm_contacts_company_id', ['crm', 'company_id'], unique=False)
        batch_op.create_index('ix_crm_contacts_external_key', ['crm', 'external_key'], unique=False)

    op.create_table('crm_dead_letters',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of record.'),
    sa.Column('external_key', sa.Text(), nullable=False, comment='Our id of the company or contact.'),
    sa.Column('entity_id', sa.Text(), nullable=False, comment='The company.'),
    sa.Column('op_id', sa.Text(), nullable=False, comment='Its last operation.'),
    sa.Column('operation', sa.Text(), nullable=False, comment='create or update.'),
    sa.Column('payload_hash', sa.Text(), nullable=False, comment='Hash of what was refused; another payload is tried at once.'),
    sa.Column('failure', sa.Text(), nullable=False, comment='Class of the failure.'),
    sa.Column('message', sa.Text(), nullable=False, comment="The CRM's words, bounded."),
    sa.Column('remedy', sa.Text(), nullable=False, comment='What a person can do about it.'),
    sa.Column('attempts', sa.BigInteger(), nullable=False, comment='Times the same payload was refused.'),
    sa.Column('first_seen', sa.DateTime(timezone=True), nullable=False, comment='UTC time of the first refusal.'),
    sa.Column('last_seen', sa.DateTime(timezone=True), nullable=False, comment='UTC time of the last refusal.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run of the last refusal.'),
    sa.PrimaryKeyConstraint('crm', 'kind', 'external_key', name=op.f('pk_crm_dead_letters')),
    comment='Rows that the CRM refuses, each with reason and remedy. They stay due; a success removes them.'
    )
    op.create_table('crm_events',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('event_id', sa.Text(), nullable=False, comment="The CRM's id."),
    sa.Column('event_at', sa.Text(), nullable=False, comment='When the event was last consolidated, ISO 8601 UTC: with event_id it tells repetitions.'),
    sa.Column('action', sa.Text(), nullable=False, comment='created, updated, deleted, merged, unsubscribed or replied.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of record.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment='The record.'),
    sa.Column('merged_into', sa.Text(), nullable=True, comment='Of a merge the surviving record.'),
    sa.Column('writer', sa.Text(), nullable=True, comment="The CRM's id of who did it."),
    sa.Column('request_id', sa.Text(), nullable=True, comment='API call that did it.'),
    sa.Column('address', sa.Text(), nullable=True, comment='E-mail address of unsubscribed and replied.'),
    sa.Column('changed', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Changed fields with their new value, as the CRM told.'),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was stored.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that stored it.'),
    sa.PrimaryKeyConstraint('crm', 'event_id', 'event_at', name=op.f('pk_crm_events')),
    comment="The CRM's events, each once, however often it came."
    )
    with op.batch_alter_table('crm_events', schema=None) as batch_op:
        batch_op.create_index('ix_crm_events_remote_id', ['crm', 'kind', 'remote_id'], unique=False)

    op.create_table('crm_leads',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment="The CRM's id of the record."),
    sa.Column('external_key', sa.Text(), nullable=True, comment='Our key in it.'),
    sa.Column('company_id', sa.Text(), nullable=True, comment="The CRM's id of its company."),
    sa.Column('company', sa.Text(), nullable=True, comment='Name.'),
    sa.Column('phone', sa.Text(), nullable=True, comment='Number.'),
    sa.Column('website', sa.Text(), nullable=True, comment='URL.'),
    sa.Column('linkedin', sa.Text(), nullable=True, comment='LinkedIn page.'),
    sa.Column('street', sa.Text(), nullable=True, comment='Street address.'),
    sa.Column('city', sa.Text(), nullable=True, comment='City.'),
    sa.Column('state', sa.Text(), nullable=True, comment='State.'),
    sa.Column('zip', sa.Text(), nullable=True, comment='ZIP.'),
    sa.Column('country', sa.Text(), nullable=True, comment='Country.'),
    sa.Column('industry', sa.Text(), nullable=True, comment='Industry.'),
    sa.Column('tier', sa.Text(), nullable=True, comment='Our tier as it stands there.'),
    sa.Column('brands', sa.Text(), nullable=True, comment='Brands, comma-separated.'),
    sa.Column('trades', sa.Text(), nullable=True, comment='Trades, comma-separated.'),
    sa.Column('next_step', sa.Text(), nullable=True, comment='The first thing to do.'),
    sa.Column('score', sa.Double(), nullable=True, comment='Our score as it stands there.'),
    sa.Column('expansion_score', sa.Double(), nullable=True, comment='Our expansion score as it stands there.'),
    sa.Column('sync_hash', sa.Text(), nullable=True, comment='Hash of what we wrote last.'),
    sa.Column('last_enriched_at', sa.Text(), nullable=True, comment='When we wrote last, ISO 8601.'),
    sa.Column('source_run', sa.Text(), nullable=True, comment='Run that wrote last.'),
    sa.Column('status', sa.Text(), nullable=True, comment="The CRM's status of the company."),
    sa.Column('owner', sa.Text(), nullable=True, comment='Who owns it.'),
    sa.Column('do_not_call', sa.Boolean(), nullable=True, comment='True when the CRM says not to call.'),
    sa.Column('existing_customer', sa.Boolean(), nullable=True, comment='True when the CRM says it is a customer.'),
    sa.Column('modified_at', sa.DateTime(timezone=True), nullable=False, comment="UTC time of its last change, by the CRM's clock."),
    sa.Column('writer', sa.Text(), nullable=True, comment="The CRM's id of who changed it last."),
    sa.Column('archived', sa.Boolean(), nullable=False, comment='True when it is deleted, archived or merged away.'),
    sa.Column('merged_into', sa.Text(), nullable=True, comment='The record that took its place.'),
    sa.Column('url', sa.Text(), nullable=True, comment='Where a person opens it.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that stored it.'),
    sa.Column('pulled_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was stored.'),
    sa.PrimaryKeyConstraint('crm', 'remote_id', name=op.f('pk_crm_leads')),
    comment='Companies as the CRM holds them, pulled and pushed: what our next plan compares with.'
    )
    with op.batch_alter_table('crm_leads', schema=None) as batch_op:
        batch_op.create_index('ix_crm_leads_company_id', ['crm', 'company_id'], unique=False)
        batch_op.create_index('ix_crm_leads_external_key', ['crm', 'external_key'], unique=False)

    op.create_table('crm_leases',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('holder', sa.Text(), nullable=False, comment='Host, process and a random number of the sync that writes.'),
    sa.Column('held_until', sa.DateTime(timezone=True), nullable=False, comment='UTC time after which it counts as dead.'),
    sa.PrimaryKeyConstraint('crm', name=op.f('pk_crm_leases')),
    comment='One writer per CRM at a time.'
    )
    op.create_table('crm_link',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of record.'),
    sa.Column('external_key', sa.Text(), nullable=False, comment='Our id of the company or contact.'),
    sa.Column('entity_id', sa.Text(), nullable=False, comment='The company.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment="The CRM's id of the record."),
    sa.Column('state', sa.Text(), nullable=False, comment='linked; review: a person must say; rejected: a person said no; shared: another company of ours has the record; gone: deleted in the CRM.'),
    sa.Column('how', sa.Text(), nullable=False, comment='created, external_key, matched, merged or person.'),
    sa.Column('reason', sa.Text(), nullable=False, comment='Why it is that record, in one sentence.'),
    sa.Column('remote_url', sa.Text(), nullable=True, comment='Where a person opens it.'),
    sa.Column('explanation', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Waterfall of the match.'),
    sa.Column('created_by_us', sa.Boolean(), nullable=False, comment='True when our sync created the record.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that linked it.'),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time of the last change of the link.'),
    sa.CheckConstraint("how IN ('created', 'external_key', 'matched', 'merged', 'person')", name=op.f('ck_crm_link_how_known')),
    sa.CheckConstraint("kind IN ('company', 'contact', 'note', 'email_draft', 'opportunity')", name=op.f('ck_crm_link_kind_known')),
    sa.CheckConstraint("state IN ('linked', 'review', 'rejected', 'shared', 'gone')", name=op.f('ck_crm_link_state_known')),
    sa.PrimaryKeyConstraint('crm', 'kind', 'external_key', name=op.f('pk_crm_link')),
    comment='Which record of the CRM each company and contact is.'
    )
    with op.batch_alter_table('crm_link', schema=None) as batch_op:
        batch_op.create_index('ix_crm_link_entity_id', ['entity_id'], unique=False)
        batch_op.create_index('ix_crm_link_remote', ['crm', 'kind', 'remote_id'], unique=False)
        batch_op.create_index('ux_crm_link_remote_id', ['crm', 'kind', 'remote_id'], unique=True, sqlite_where=sa.text("state = 'linked'"), postgresql_where=sa.text("state = 'linked'"))

    op.create_table('crm_opportunities',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment="The CRM's id of the record."),
    sa.Column('external_key', sa.Text(), nullable=True, comment='Our key in it.'),
    sa.Column('company_id', sa.Text(), nullable=True, comment="The CRM's id of its company."),
    sa.Column('status', sa.Text(), nullable=True, comment="The CRM's status."),
    sa.Column('outcome', sa.Text(), nullable=True, comment='open, won or lost.'),
    sa.Column('value', sa.Double(), nullable=True, comment='Value in units of its currency.'),
    sa.Column('currency', sa.Text(), nullable=True, comment='ISO 4217 code.'),
    sa.Column('closed_at', sa.Text(), nullable=True, comment='When it was won or lost, ISO 8601.'),
    sa.Column('modified_at', sa.DateTime(timezone=True), nullable=False, comment="UTC time of its last change, by the CRM's clock."),
    sa.Column('writer', sa.Text(), nullable=True, comment="The CRM's id of who changed it last."),
    sa.Column('archived', sa.Boolean(), nullable=False, comment='True when it is deleted, archived or merged away.'),
    sa.Column('merged_into', sa.Text(), nullable=True, comment='The record that took its place.'),
    sa.Column('url', sa.Text(), nullable=True, comment='Where a person opens it.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that stored it.'),
    sa.Column('pulled_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was stored.'),
    sa.PrimaryKeyConstraint('crm', 'remote_id', name=op.f('pk_crm_opportunities')),
    comment='Opportunities as the CRM holds them.'
    )
    with op.batch_alter_table('crm_opportunities', schema=None) as batch_op:
        batch_op.create_index('ix_crm_opportunities_company_id', ['crm', 'company_id'], unique=False)
        batch_op.create_index('ix_crm_opportunities_external_key', ['crm', 'external_key'], unique=False)

    op.create_table('crm_outcomes',
    sa.Column('outcome_id', sa.Text(), nullable=False, comment='Hash of CRM, source and outcome.'),
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('entity_id', sa.Text(), nullable=True, comment='The company; NULL while the record is not linked.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of the record that tells it.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment='That record.'),
    sa.Column('company_id', sa.Text(), nullable=True, comment="The CRM's id of its company."),
    sa.Column('outcome', sa.Text(), nullable=False, comment='won, lost, replied or unsubscribed.'),
    sa.Column('value', sa.Double(), nullable=True, comment='Value of the opportunity, in units of its currency.'),
    sa.Column('currency', sa.Text(), nullable=True, comment='ISO 4217 code.'),
    sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False, comment="UTC time by the CRM's clock."),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that stored it.'),
    sa.CheckConstraint("outcome IN ('won', 'lost', 'replied', 'unsubscribed')", name=op.f('ck_crm_outcomes_outcome_known')),
    sa.PrimaryKeyConstraint('outcome_id', name=op.f('pk_crm_outcomes')),
    comment='How it went: for evaluation, and for leaving people alone.'
    )
    with op.batch_alter_table('crm_outcomes', schema=None) as batch_op:
        batch_op.create_index('ix_crm_outcomes_entity_id', ['entity_id'], unique=False)

    op.create_table('crm_shadow',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of record.'),
    sa.Column('remote_id', sa.Text(), nullable=False, comment="The CRM's id of the record."),
    sa.Column('fields', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment="Per field: base (the CRM's value at the last agreement), ours (our value then), locked (edited in the CRM since), edited_at (when)."),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that agreed last.'),
    sa.Column('synced_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time of the last agreement.'),
    sa.PrimaryKeyConstraint('crm', 'kind', 'remote_id', name=op.f('pk_crm_shadow')),
    comment='The last agreed value of each field: the base of three-way merges.'
    )
    op.create_table('crm_sync_runs',
    sa.Column('sync_id', sa.Text(), nullable=False, comment='The sync.'),
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('mode', sa.Text(), nullable=False, comment='off, dry_run or live.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment="Dagster run, or the command line's."),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False, comment='UTC.'),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True, comment='UTC; NULL while it runs and for ever if it was killed.'),
    sa.Column('stopped', sa.Text(), nullable=True, comment='Why it ended early; NULL when it did not.'),
    sa.Column('pulled', sa.BigInteger(), nullable=False, comment='Records and events pulled.'),
    sa.Column('echoes', sa.BigInteger(), nullable=False, comment='Of these, our own writes or repetitions: nothing new.'),
    sa.Column('human_changes', sa.BigInteger(), nullable=False, comment='Changed fields that others wrote.'),
    sa.Column('conflicts', sa.BigInteger(), nullable=False, comment='Fields that both sides changed.'),
    sa.Column('planned_creates', sa.BigInteger(), nullable=False, comment='Records to create.'),
    sa.Column('planned_updates', sa.BigInteger(), nullable=False, comment='Records to update.'),
    sa.Column('unchanged', sa.BigInteger(), nullable=False, comment='Records that already say all of it.'),
    sa.Column('skipped', sa.BigInteger(), nullable=False, comment='Companies and contacts that a gate stopped.'),
    sa.Column('to_review', sa.BigInteger(), nullable=False, comment='Companies and contacts that wait for a person.'),
    sa.Column('created', sa.BigInteger(), nullable=False, comment='Records created.'),
    sa.Column('updated', sa.BigInteger(), nullable=False, comment='Records updated.'),
    sa.Column('rejected', sa.BigInteger(), nullable=False, comment='Operations that the CRM refused.'),
    sa.Column('deferred', sa.BigInteger(), nullable=False, comment='Operations not done and due again.'),
    sa.Column('unknown', sa.BigInteger(), nullable=False, comment='Operations whose answer was lost.'),
    sa.Column('resolved', sa.BigInteger(), nullable=False, comment='Of earlier or these unknown ones, resolved by reading back.'),
    sa.Column('still_unknown', sa.BigInteger(), nullable=False, comment='Unknown at the end.'),
    sa.Column('suppression_breaches', sa.BigInteger(), nullable=False, comment='Operations sent for somebody suppressed when they were sent.'),
    sa.Column('rejected_by_class', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Refused operations by class of failure.'),
    sa.Column('requests', sa.BigInteger(), nullable=False, comment='Calls to the CRM.'),
    sa.Column('p95_ms', sa.Double(), nullable=True, comment='95th percentile of a call, ms.'),
    sa.Column('quota_left', sa.Double(), nullable=True, comment="Share of the CRM's quota that is left, 0-1."),
    sa.CheckConstraint("mode IN ('off', 'dry_run', 'live')", name=op.f('ck_crm_sync_runs_mode_known')),
    sa.PrimaryKeyConstraint('sync_id', name=op.f('pk_crm_sync_runs')),
    comment='Report card: one row per sync.'
    )
    with op.batch_alter_table('crm_sync_runs', schema=None) as batch_op:
        batch_op.create_index('ix_crm_sync_runs_run_id', ['run_id'], unique=False)

    op.create_table('crm_watermarks',
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('stream', sa.Text(), nullable=False, comment='What is pulled.'),
    sa.Column('complete_to', sa.DateTime(timezone=True), nullable=False, comment="UTC time, by the CRM's clock, up to which every change is stored."),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was moved.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that moved it.'),
    sa.PrimaryKeyConstraint('crm', 'stream', name=op.f('pk_crm_watermarks')),
    comment='How far each stream has been pulled; moved in the transaction that stores its records.'
    )
    op.create_table('suppression',
    sa.Column('token', sa.Text(), nullable=False, comment='HMAC-SHA-256 of scope and value; the value is not kept.'),
    sa.Column('scope', sa.Text(), nullable=False, comment='email, domain, phone or company.'),
    sa.Column('reason', sa.Text(), nullable=False, comment='Why.'),
    sa.Column('source', sa.Text(), nullable=False, comment='Where from: a CRM, an erasure or a person.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Run that added it.'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time it was added.'),
    sa.CheckConstraint("scope IN ('email', 'domain', 'phone', 'company')", name=op.f('ck_suppression_scope_known')),
    sa.PrimaryKeyConstraint('token', name=op.f('pk_suppression')),
    comment="Whom never to contact. Never lifted by a CRM's re-subscription."
    )
    op.create_table('crm_wanted',
    sa.Column('batch_id', sa.Text(), nullable=False, comment='Lead batch = Dagster partition.'),
    sa.Column('lead_id', sa.Text(), nullable=False, comment='Stable id: file content and record number.'),
    sa.Column('entity_id', sa.Text(), nullable=False, comment='The company.'),
    sa.Column('company', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment="Fields of the company's record that the lead fills."),
    sa.Column('contacts', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Per contact of the company in the batch the fields of its record.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Dagster run that computed the row.'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time the row was computed.'),
    sa.ForeignKeyConstraint(['batch_id', 'lead_id'], ['crm_synced_leads.batch_id', 'crm_synced_leads.lead_id'], name=op.f('fk_crm_wanted_batch_id')),
    sa.PrimaryKeyConstraint('batch_id', 'lead_id', name=op.f('pk_crm_wanted')),
    comment="What each lead wants its company's record to say, for leads that no gate stopped."
    )
    with op.batch_alter_table('crm_wanted', schema=None) as batch_op:
        batch_op.create_index('ix_crm_wanted_entity_id', ['entity_id'], unique=False)

    # The primary key changes, which neither database can alter in place.
    op.execute('CREATE TABLE crm_outbox_old AS SELECT * FROM crm_outbox')
    op.drop_table('crm_outbox')
    op.create_table('crm_outbox',
    sa.Column('op_id', sa.Text(), nullable=False, comment='The operation.'),
    sa.Column('crm', sa.Text(), nullable=False, comment='Which CRM.'),
    sa.Column('batch_id', sa.Text(), nullable=True, comment='Lead batch that planned it, for the preview CRM.'),
    sa.Column('lead_id', sa.Text(), nullable=True, comment='Lead that planned it, for the preview CRM.'),
    sa.Column('entity_id', sa.Text(), nullable=False, comment='The company.'),
    sa.Column('kind', sa.Text(), nullable=False, comment='Kind of record.'),
    sa.Column('external_key', sa.Text(), nullable=False, comment='Our id of the company or contact.'),
    sa.Column('operation', sa.Text(), nullable=False, comment='create or update.'),
    sa.Column('state', sa.Text(), nullable=False, comment='planned: not sent yet, and never for the preview; sending: on its way; sent: surely done; unknown: the answer was lost; failed: surely not done, due again; dead: failed too often, due when it changes.'),
    sa.Column('remote_id', sa.Text(), nullable=True, comment='The record.'),
    sa.Column('company_id', sa.Text(), nullable=True, comment="The CRM's id of its company."),
    sa.Column('contact_id', sa.Text(), nullable=True, comment="The CRM's id of its contact."),
    sa.Column('payload', sa.JSON().with_variant(JSONB(), 'postgresql'), nullable=True, comment='Fields as they are sent; null clears.'),
    sa.Column('payload_hash', sa.Text(), nullable=False, comment='Hash of the payload.'),
    sa.Column('attempts', sa.BigInteger(), nullable=True, comment='Times it was sent.'),
    sa.Column('failure', sa.Text(), nullable=True, comment='Class of the last failure.'),
    sa.Column('message', sa.Text(), nullable=True, comment="The CRM's words about it, bounded."),
    sa.Column('request_id', sa.Text(), nullable=True, comment="The CRM's id of the request."),
    sa.Column('sending_at', sa.DateTime(timezone=True), nullable=True, comment='UTC time it was last given to the CRM.'),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=True, comment='UTC time of its last change of state.'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='Dagster run that computed the row.'),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, comment='UTC time the row was computed.'),
    sa.CheckConstraint("kind IN ('company', 'contact', 'note', 'email_draft', 'opportunity')", name=op.f('ck_crm_outbox_kind_known')),
    sa.CheckConstraint("operation IN ('create', 'update')", name=op.f('ck_crm_outbox_operation_known')),
    sa.CheckConstraint("state IN ('planned', 'sending', 'sent', 'unknown', 'failed', 'dead')", name=op.f('ck_crm_outbox_state_known')),
    sa.ForeignKeyConstraint(['batch_id', 'lead_id'], ['crm_synced_leads.batch_id', 'crm_synced_leads.lead_id'], name=op.f('fk_crm_outbox_batch_id')),
    sa.PrimaryKeyConstraint('op_id', name=op.f('pk_crm_outbox')),
    comment='Operations on the CRM and what became of them; at most one open one per record.'
    )
    with op.batch_alter_table('crm_outbox', schema=None) as batch_op:
        batch_op.create_index('ix_crm_outbox_entity_id', ['entity_id'], unique=False)
        batch_op.create_index('ix_crm_outbox_batch_id', ['batch_id', 'lead_id'], unique=False)
        batch_op.create_index('ix_crm_outbox_state', ['crm', 'state'], unique=False)
        batch_op.create_index('ux_crm_outbox_open', ['crm', 'kind', 'external_key'], unique=True, sqlite_where=sa.text("batch_id IS NULL AND state IN ('planned', 'sending', 'unknown')"), postgresql_where=sa.text("batch_id IS NULL AND state IN ('planned', 'sending', 'unknown')"))
    op.execute("""
        INSERT INTO crm_outbox (op_id, crm, batch_id, lead_id, entity_id, kind, external_key, operation, state, payload, payload_hash, run_id, created_at)
        SELECT 'preview-' || batch_id || '-' || lead_id, crm, batch_id, lead_id, entity_id, 'company', entity_id, operation, state, payload, payload_hash, run_id, created_at
        FROM crm_outbox_old
    """)
    op.drop_table('crm_outbox_old')
