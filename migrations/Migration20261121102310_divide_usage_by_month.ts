import { Migration } from '@mikro-orm/migrations';

/** The months of usage_events. Nobody of us owns a table, so the owner lends a function that makes one month and nothing else. */
export class Migration20261121102310_divide_usage_by_month extends Migration {
  override up(): void {
    // What came for the month before it was prepared lies in the default partition and moves along; its ingest_xid stays.
    this.addSql(`create function prepare_usage_month(any_day date) returns bigint
      language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '2s' as $$
      declare
        month timestamp := date_trunc('month', any_day::timestamp);
        first timestamptz := month at time zone 'UTC';
        beyond timestamptz := (month + interval '1 month') at time zone 'UTC';
        name text := 'usage_events_' || to_char(month, 'YYYYMM');
        moved bigint := 0;
      begin
        if month < now() - interval '600 days' or month > now() + interval '400 days' then
          raise exception 'the month of % is too far away', any_day;
        end if;
        perform pg_advisory_xact_lock(hashtextextended('perennial usage months', 0));
        if to_regclass(name) is not null then return null; end if;
        execute format('create table %I (like usage_events including defaults including constraints)', name);
        -- Nobody adds to the month between its move and its beginning. And nobody who was planning to read may have looked up
        -- the partitions before and read them after: he would find the events neither here nor there. So the parent, first.
        lock table usage_events in access exclusive mode;
        if exists (select from usage_events_other where event_at >= first and event_at < beyond) then
          execute format('with moved as (delete from usage_events_other where event_at >= $1 and event_at < $2 returning *)
            insert into %I select * from moved', name) using first, beyond;
          get diagnostics moved = row_count;
        end if;
        execute format('alter table usage_events attach partition %I for values from (%L) to (%L)', name, first, beyond);
        return moved;
      end $$`);
    this.addSql('revoke execute on function prepare_usage_month(date) from public');
    this.addSql('grant execute on function prepare_usage_month(date) to perennial_system');
    // Those around now are there from the beginning, so that in a new database nothing of today ever has to move.
    this.addSql(`select prepare_usage_month(any_day::date) from generate_series(
      now() at time zone 'UTC' - interval '2 months', now() at time zone 'UTC' + interval '3 months', interval '1 month') any_day`);
  }
}
