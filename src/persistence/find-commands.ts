import { sql } from 'kysely';
import type { Command } from '../domain/command.ts';
import { CommandSchema } from './commands.ts';
import type { Tx } from './doors.ts';
import { findRow, insertRowsLater, query } from './rows.ts';

/** Writes a command that is waiting to be applied. */
export async function insertCommand(tx: Tx, command: Command): Promise<void> {
  insertRowsLater(tx, CommandSchema, [command]);
}

export function findCommand(tx: Tx, id: string): Promise<Command | null> {
  return findRow(tx, CommandSchema, { id });
}

/** The database's clock, in milliseconds: what "now" means for a command and for every row, whichever process asks. */
export async function databaseNow(tx: Tx): Promise<Date> {
  const [row] = await query<{ now: string }>(
    tx,
    sql`select date_trunc('milliseconds', clock_timestamp()) as now`,
  );
  if (!row) throw new Error('the database did not say what time it is');
  return new Date(row.now);
}
