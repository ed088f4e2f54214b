import { Migration } from '@mikro-orm/migrations';

/** What could not be looked at says since when and why, and what waits for its time is not read on the way to what is due. */
export class Migration20261121102430_trace_touched_usage extends Migration {
  override up(): void {
    this.addSql('alter table usage_touched add created_at timestamptz(3) not null default now()');
    this.addSql('alter table usage_touched add last_error text');
    this.addSql('create index usage_touched_due on usage_touched (not_before)');
    this.addSql('create index usage_touched_failing on usage_touched (id) where tries > 0');
  }
}
