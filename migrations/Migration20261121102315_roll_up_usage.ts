import { Migration } from '@mikro-orm/migrations';

/** Rollups know which of two events at one instant is the latest, and are built a few customers at a time. */
export class Migration20261121102315_roll_up_usage extends Migration {
  override up(): void {
    this.addSql('alter table usage_rollups add latest_key text collate "C"');
    // Every second some of its rows are counted further: room on the page keeps the index out of it.
    this.addSql('alter table usage_rollups set (fillfactor = 80)');
    // Null when it is whole; else the last customer whose events were counted, the empty text before the first.
    this.addSql('alter table usage_rollup_states add built_to text collate "C"');
  }
}
