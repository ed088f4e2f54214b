import { Migration } from '@mikro-orm/migrations';

/** How far in the past a subscription may begin is the tenant's to say (billing rule 18). */
export class Migration20261121101900_bound_backdated_starts extends Migration {
  override up(): void {
    this.addSql(
      'alter table tenants add column backdate_days_max integer not null default 90 check (backdate_days_max between 0 and 730)',
    );
  }
}
