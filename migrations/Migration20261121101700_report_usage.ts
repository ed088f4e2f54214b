import { Migration } from '@mikro-orm/migrations';
import { protect } from './protect.ts';

/** What tenants say was used of a subscription's item: an amount at an instant, said once per key. */
export class Migration20261121101700_report_usage extends Migration {
  override up(): void {
    this.addSql(`create table usage_records (
      id text collate "C" primary key,
      tenant_id text collate "C" not null references tenants,
      subscription_id text collate "C" not null,
      -- of the item
      key text not null,
      at timestamptz(3) not null,
      quantity numeric(30,12) not null check (quantity >= 0),
      properties jsonb not null default '{}',
      idempotency_key text collate "C" not null check (length(idempotency_key) between 1 and 255),
      created_at timestamptz(3) not null,
      unique (tenant_id, id),
      unique (subscription_id, idempotency_key),
      foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id)
    )`);
    this.addSql('create index usage_records_of on usage_records (subscription_id, key, at, id)');
    for (const sql of protect('usage_records', 'select, insert')) this.addSql(sql);
    this.addSql(
      'create trigger usage_records_immutable before update or delete on usage_records for each row execute function refuse_change()',
    );
  }
}
