import { Migration } from '@mikro-orm/migrations';

/** The secret that signed a gateway's callbacks before a rotation is good for a while, not for ever. */
export class Migration20261121101000_end_former_callback_secrets extends Migration {
  override up(): void {
    this.addSql(`alter table gateway_connections add column previous_secret_expires_at timestamptz(3),
      add check ((previous_secret_sealed is null) = (previous_secret_expires_at is null))`);
  }
}
