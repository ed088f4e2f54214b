import { Migration } from '@mikro-orm/migrations';

/** Whoever plans an end says with it whether what was paid ahead is given back then (billing rule 18). */
export class Migration20261121102800_credit_planned_ends extends Migration {
  override up(): void {
    this.addSql(`alter table subscriptions
      add column cancel_credit text not null default 'none' check (cancel_credit in ('none', 'prorate')),
      add constraint subscriptions_credit_of_an_end check (cancel_credit = 'none' or cancel_at is not null)`);
  }
}
