import pg, { type Connection, type PoolClient } from 'pg';
import { toWire } from './wire-values.ts';

export type Statement = { text: string; values: readonly unknown[] };

/** What a statement came to: its rows as the driver gives them, and how many rows it touched. */
export type Outcome = { rows: Record<string, unknown>[]; affected: number };

/**
 * Sends statements in one message, with one synchronisation after the last: to PostgreSQL they are one transaction
 * unless they begin one that stays open. When one of them fails, none after it is looked at, and all are answered by
 * its error.
 *
 * @param prepared keeps statements ready in the server under names; null sends every text anew.
 */
export function sendTogether(
  client: PoolClient,
  statements: readonly Statement[],
  prepared: Prepared | null = null,
): Promise<Outcome[]> {
  return new Promise((resolve, reject) => {
    // The driver's own query reads the answer; what is sent is ours.
    const query = new pg.Query({ text: 'several' }, undefined, (error, result) => {
      if (error) reject(error);
      else resolve(outcomesOf(result));
    });
    query.submit = (connection) => {
      connection.stream.cork();
      try {
        for (const statement of statements)
          write(connection, statement, prepared?.nameOf(client, statement.text));
        connection.sync();
      } finally {
        connection.stream.uncork();
      }
      return null;
    };
    client.query(query);
  });
}

function write(connection: Connection, { text, values }: Statement, known: Known = UNNAMED): void {
  if (!known.isThere) connection.parse({ name: known.name, text, types: [] }, true);
  connection.bind({ statement: known.name, values: values.map(toWire) }, true);
  connection.describe({ type: 'P', name: '' }, true);
  connection.execute({}, true);
}

type Known = { name: string; isThere: boolean };
const UNNAMED: Known = { name: '', isThere: false };

const UNKNOWN_STATEMENT = '26000';
const STATEMENT_EXISTS = '42P05';

/** More different texts than this are not kept: somebody writes values into them. */
const NAMES_MAX = 500;

/** Which statements each connection has been told, so that the server reads and plans a text once and not each time. */
export class Prepared {
  readonly #names = new Map<string, string>();
  readonly #told = new WeakMap<PoolClient, Set<string>>();
  #isKept = true;

  /**
   * Whether this error means that somebody between us and the server (a pooler) does not keep names with connections.
   * From then on none are used.
   */
  isForgotten(error: unknown): boolean {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    const forgotten = this.#isKept && (code === UNKNOWN_STATEMENT || code === STATEMENT_EXISTS);
    if (forgotten) this.#isKept = false;
    return forgotten;
  }

  nameOf(client: PoolClient, text: string): Known {
    if (!this.#isKept) return UNNAMED;
    let name = this.#names.get(text);
    if (name === undefined) {
      if (this.#names.size >= NAMES_MAX) return UNNAMED;
      name = `look_${this.#names.size + 1}`;
      this.#names.set(text, name);
    }
    const told = this.#told.get(client) ?? new Set();
    this.#told.set(client, told);
    const isThere = told.has(name);
    told.add(name);
    return { name, isThere };
  }
}

type DriverResult = { rows: Record<string, unknown>[]; rowCount: number | null };

/** The driver answers a list when there were several statements. */
function outcomesOf(result: DriverResult | readonly DriverResult[]): Outcome[] {
  const results = 'rows' in result ? [result] : result;
  return results.map(({ rows, rowCount }) => ({ rows, affected: rowCount ?? 0 }));
}
