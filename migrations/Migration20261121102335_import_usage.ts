import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/**
 * Files of events. The API that takes one in and the worker that works on it may be on different machines, so its parts
 * wait in the database; each becomes true, and is forgotten, in one transaction.
 */
export class Migration20261121102335_import_usage extends Migration {
  override up(): void {
    this.addSql(`create table usage_imports (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      format text not null check (format in ('csv', 'ndjson')),
      status text not null check (status in ('uploading', 'running', 'paused', 'completed', 'canceled', 'failed')),
      columns text[] not null default '{}',
      idempotency_key text,
      digest text,
      bytes bigint not null default 0,
      rows integer not null default 0,
      chunks integer not null default 0,
      failure text,
      metadata jsonb not null default '{}',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      finished_at timestamptz(3),
      unique (tenant_id, id),
      check ((status in ('completed', 'canceled', 'failed')) = (finished_at is not null)),
      check ((status = 'failed') = (failure is not null))
    )`);
    this.addSql('create unique index usage_imports_once on usage_imports (tenant_id, idempotency_key)');
    this.addSql(
      `create index usage_imports_left on usage_imports (tenant_id, updated_at) where status = 'uploading'`,
    );
    for (const sql of protect('usage_imports')) this.addSql(sql);

    this.addSql(`create table usage_import_chunks (
      import_id text collate "C" not null,
      n integer not null,
      tenant_id text collate "C" not null,
      first_row integer not null,
      rows integer not null check (rows > 0),
      -- gone when it is done
      content bytea,
      accepted integer,
      duplicates integer,
      rejected integer,
      done_at timestamptz(3),
      primary key (import_id, n),
      foreign key (tenant_id, import_id) references usage_imports (tenant_id, id),
      check ((done_at is null) = (accepted is null)),
      check (done_at is null or accepted + duplicates + rejected = rows)
    )`);
    this.addSql(
      'create index usage_import_chunks_pending on usage_import_chunks (import_id, n) where done_at is null',
    );
    for (const sql of protect('usage_import_chunks')) this.addSql(sql);

    this.addSql(`create table usage_import_errors (
      import_id text collate "C" not null,
      row integer not null,
      tenant_id text collate "C" not null,
      key text,
      code text not null,
      path text,
      message text not null,
      primary key (import_id, row),
      foreign key (tenant_id, import_id) references usage_imports (tenant_id, id)
    )`);
    for (const sql of protect('usage_import_errors', 'select, insert')) this.addSql(sql);

    this.addSql(`alter table nudges drop constraint nudges_kind_check,
      add constraint nudges_kind_check check (kind in ('subscription', 'invoice', 'test_clock', 'plan_migration', 'usage_import'))`);
  }
}
