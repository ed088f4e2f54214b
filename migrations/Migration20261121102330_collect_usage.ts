import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** Addresses at which other people's webhooks become usage events. */
export class Migration20261121102330_collect_usage extends Migration {
  override up(): void {
    this.addSql(`create table usage_collectors (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      name text not null,
      status text not null check (status in ('enabled', 'disabled')),
      mapping jsonb not null,
      scheme text not null check (scheme in ('standard_webhooks', 'hmac_sha256', 'none')),
      signature_header text,
      -- the address is a secret, so only its hash is kept
      token_hash bytea not null,
      token_last4 text not null,
      previous_token_hash bytea,
      previous_token_expires_at timestamptz(3),
      secret_sealed text,
      previous_secret_sealed text,
      previous_secret_expires_at timestamptz(3),
      accepted bigint not null default 0,
      duplicates bigint not null default 0,
      rejected bigint not null default 0,
      refused bigint not null default 0,
      last_received_at timestamptz(3),
      last_error jsonb,
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      deleted_at timestamptz(3),
      unique (tenant_id, id),
      check ((scheme = 'none') = (secret_sealed is null)),
      check ((scheme = 'hmac_sha256') = (signature_header is not null)),
      check ((previous_token_hash is null) = (previous_token_expires_at is null)),
      check ((previous_secret_sealed is null) = (previous_secret_expires_at is null))
    )`);
    this.addSql('create unique index usage_collectors_token on usage_collectors (token_hash)');
    this.addSql(
      'create index usage_collectors_former_token on usage_collectors (previous_token_hash) where previous_token_hash is not null',
    );
    for (const sql of protect('usage_collectors')) this.addSql(sql);
  }
}
