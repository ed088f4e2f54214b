import { Migration } from '@mikro-orm/migrations';

/**
 * Processes that are given the owner's URL become `perennial_login` on every connection. A superuser may do that anyway;
 * an owner that only has CREATEROLE may hand out the roles it made, but not put them on, until it is granted so.
 */
export class Migration20261121100800_let_owner_become_login extends Migration {
  override up(): void {
    this.addSql(`do $$
      begin
        perform pg_advisory_xact_lock(hashtext('perennial roles'));
        if not pg_has_role(current_user, 'perennial_login', 'set') then
          grant perennial_login to current_user with inherit false, set true;
        end if;
      exception when insufficient_privilege then
        -- Somebody else made the roles of this cluster; then the processes log in as perennial_login themselves.
        raise notice 'the owner cannot become perennial_login; let the processes log in as that role';
      end $$`);
  }
}
