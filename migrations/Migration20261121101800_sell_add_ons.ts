import { Migration } from '@mikro-orm/migrations';

/** An add-on is a plan that joins a subscription instead of starting one. */
export class Migration20261121101800_sell_add_ons extends Migration {
  override up(): void {
    this.addSql(
      `alter table plans add column kind text not null default 'plan' check (kind in ('plan', 'add_on'))`,
    );
  }
}
