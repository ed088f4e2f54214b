import { Migration } from '@mikro-orm/migrations';

/** A scheduled change that had become impossible when it was due says why it did not take place. */
export class Migration20261121102431_explain_dropped_changes extends Migration {
  override up(): void {
    this.addSql(
      `alter table scheduled_changes add reason jsonb check (reason is null or status = 'canceled')`,
    );
  }
}
