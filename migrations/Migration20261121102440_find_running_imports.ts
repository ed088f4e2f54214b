import { Migration } from '@mikro-orm/migrations';

/** Metrics ask every few seconds for how long no part of a running import was taken in. */
export class Migration20261121102440_find_running_imports extends Migration {
  override up(): void {
    this.addSql(`create index usage_imports_running on usage_imports (updated_at) where status = 'running'`);
  }
}
