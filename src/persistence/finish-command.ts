import type { Command } from '../domain/command.ts';
import { CommandSchema } from './commands.ts';
import type { Tx } from './doors.ts';
import { lockRow, updateRowsLater } from './rows.ts';

export function lockCommand(tx: Tx, id: string): Promise<Command | null> {
  return lockRow(tx, CommandSchema, { id });
}

/** Ends a command with its answer, in the transaction of its effect; a finished one stays as it is. */
export async function finishCommand(
  tx: Tx,
  id: string,
  end: {
    status: 'applied' | 'refused' | 'expired';
    result: Record<string, unknown> | null;
    finishedAt: Date;
  },
): Promise<void> {
  updateRowsLater(tx, CommandSchema, { id, status: 'pending' }, end);
}
