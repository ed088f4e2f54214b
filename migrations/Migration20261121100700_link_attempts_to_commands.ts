import { Migration } from '@mikro-orm/migrations';

/** A "pay now" that is repeated after a crash finds the attempt it made, and one of a person is told from one that was due. */
export class Migration20261121100700_link_attempts_to_commands extends Migration {
  override up(): void {
    this.addSql(`alter table payment_attempts add column command_id text collate "C",
      add unique (command_id),
      add foreign key (tenant_id, command_id) references commands (tenant_id, id)`);
  }
}
