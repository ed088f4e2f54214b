import { Migration } from '@mikro-orm/migrations';

/** Archiving a meter frees its external id for another one, as it does with plans and features. */
export class Migration20261121102420_free_archived_meter_ids extends Migration {
  override up(): void {
    this.addSql('drop index meters_external_id');
    this.addSql(
      'create unique index meters_external_id on meters (tenant_id, external_id) where archived_at is null',
    );
  }
}
