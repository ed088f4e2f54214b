import { Migration } from '@mikro-orm/migrations';

/** A key may name another event once the first would be too old: what is said against one of them is not said against the other. */
export class Migration20261121102432_tell_reused_keys_apart extends Migration {
  override up(): void {
    this.addSql('drop index usage_voids_once');
    this.addSql(
      'create unique index usage_voids_once on usage_voids (tenant_id, key, revision, event_at) where restored_xid is null',
    );
  }
}
