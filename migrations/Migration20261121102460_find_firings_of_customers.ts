import { Migration } from '@mikro-orm/migrations';

/** Whose use is looked at, of him is looked at, too, whether what was told is of a period that runs no more. */
export class Migration20261121102460_find_firings_of_customers extends Migration {
  override up(): void {
    this.addSql(
      'create index alert_firings_of_customer on alert_firings (customer_id) where resolved_at is null',
    );
  }
}
