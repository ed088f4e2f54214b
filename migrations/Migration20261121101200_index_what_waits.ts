import { Migration } from '@mikro-orm/migrations';

/**
 * `/metrics` and `reconcile` ask again and again for what is not as it should be. There is little of it, so each question
 * gets an index of just that little, and costs the same with a million rows as with none.
 */
export class Migration20261121101200_index_what_waits extends Migration {
  override up(): void {
    this.addSql(
      'create index subscriptions_blocked on subscriptions (id) where blocked_reason is not null and ended_at is null',
    );
    this.addSql(
      `create index webhook_deliveries_undelivered on webhook_deliveries (created_at) where status = 'pending'`,
    );
    this.addSql(
      `create index webhook_deliveries_dead on webhook_deliveries (updated_at) where status = 'dead'`,
    );
    this.addSql(`create index commands_expired on commands (finished_at) where status = 'expired'`);
    this.addSql(
      `create index gateway_events_without_effect on gateway_events (received_at) where status in ('received', 'unmatched')`,
    );
  }
}
