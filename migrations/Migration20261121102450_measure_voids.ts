import { Migration } from '@mikro-orm/migrations';

/**
 * Whoever stops very many events at once tells the planner so. It would otherwise go on for a minute as if there were none,
 * and compare each event of a count with each that is stopped. Nobody of us owns a table, so the owner lends a function.
 */
export class Migration20261121102450_measure_voids extends Migration {
  override up(): void {
    this.addSql(`create function measure_usage_voids() returns void
      language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '1s' as $$
      begin
        analyze usage_voids;
      exception when lock_not_available then
        -- Somebody else is at it.
        null;
      end $$`);
    this.addSql('revoke execute on function measure_usage_voids() from public');
    this.addSql('grant execute on function measure_usage_voids() to perennial_app');
  }
}
