/**
 * What went wrong in the database, as far as a caller can do something about it:
 * `away` (not reachable, restarting, out of connections), `busy` (a lock or a statement took too long),
 * `conflict` (two transactions met; running it again helps). Null: something else, mostly a mistake of ours.
 */
export type DatabaseTrouble = 'away' | 'busy' | 'conflict';

const AWAY = /^(08...|53...|57P0[1-5]|58030|25P0[34])$/;
const SOCKET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENOENT',
]);
/** The driver has no codes for these. */
const LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

export function databaseTrouble(error: unknown): DatabaseTrouble | null {
  const code = sqlState(error);
  if (code === '55P03' || code === '57014') return 'busy';
  if (code === '40001' || code === '40P01') return 'conflict';
  if (code !== null && (AWAY.test(code) || SOCKET.has(code))) return 'away';
  return typeof error === 'object' && error !== null && 'message' in error && LOST.test(String(error.message))
    ? 'away'
    : null;
}

/** Whether a unique constraint (or index) of this name refused a row. */
export function isTaken(error: unknown, constraint: string): boolean {
  return sqlState(error) === '23505' && field(error, 'constraint') === constraint;
}

/** Whether a lock was waited for longer than `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

function sqlState(error: unknown): string | null {
  const code = field(error, 'code');
  return typeof code === 'string' ? code : null;
}

/** The ORM wraps a driver's error and keeps it as the cause. */
function field(error: unknown, name: string): unknown {
  if (typeof error !== 'object' || error === null) return undefined;
  const own = (error as Record<string, unknown>)[name];
  if (own !== undefined) return own;
  return 'cause' in error ? field(error.cause, name) : undefined;
}
