/**
 * The SQL that puts one tenant table behind the two doors of `src/persistence/doors.ts`: row-level security enabled
 * and forced, one policy per role, and grants. Part of released migrations, so it is never edited after release.
 */
export function protect(table: string, privileges = 'select, insert, update'): string[] {
  const own = `tenant_id = nullif(current_setting('app.tenant_id', true), '')`;
  return [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    `create policy app_own_tenant on ${table} to perennial_app using (${own}) with check (${own})`,
    `create policy system_all on ${table} to perennial_system using (true) with check (true)`,
    `grant ${privileges} on ${table} to perennial_app, perennial_system`,
  ];
}
