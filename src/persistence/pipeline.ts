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
export async function sendTogether(
  client: PoolClient,
  statements: readonly Statement[],
  prepared: Prepared | null = null,
): Promise<Outcome[]> {
  // Before anything is sent: half a message would leave the connection waiting for the rest.
  const ready = statements.map(({ text, values }) => ({ text, values: values.map(toWire) }));
  return new Promise((resolve, reject) => {
    // The driver's own query reads the answer; what is sent is ours.
    const query = new pg.Query({ text: 'several' }, undefined, (error, result) => {
      prepared?.answered(client, !error);
      if (error) reject(error);
      else resolve(outcomesOf(result));
    });
    query.submit = (connection) => {
      connection.stream.cork();
      try {
        for (const one of ready) write(connection, one, prepared?.nameOf(client, one.text));
        connection.sync();
      } finally {
        connection.stream.uncork();
      }
      return null;
    };
    client.query(query);
  });
}

function write(connection: Connection, { text, values }: Ready, known: Known = UNNAMED): void {
  if (!known.isThere) connection.parse({ name: known.name, text, types: [] }, true);
  connection.bind({ statement: known.name, values }, true);
  connection.describe({ type: 'P', name: '' }, true);
  connection.execute({}, true);
}

/** A statement whose values are as they are sent. */
type Ready = { text: string; values: (string | Buffer | null)[] };

type Known = { name: string; isThere: boolean };
const UNNAMED: Known = { name: '', isThere: false };

const UNKNOWN_STATEMENT = '26000';
const STATEMENT_EXISTS = '42P05';

/** More different texts than this are not kept on a connection: somebody writes values into them. */
const NAMES_MAX = 500;

/** What one connection was told: names by text, and the texts whose arrival no answer has confirmed yet. */
type Told = { names: Map<string, string>; made: number; unsure: string[] };

/** Which statements each connection has been told, so that the server reads and plans a text once and not each time. */
export class Prepared {
  readonly #told = new WeakMap<PoolClient, Told>();
  #isKept = true;

  /**
   * Whether this error means that somebody between us and the server (a pooler) does not keep names with connections.
   * From then on none are used.
   */
  noteForgotten(error: unknown): boolean {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    const forgotten = this.#isKept && (code === UNKNOWN_STATEMENT || code === STATEMENT_EXISTS);
    if (forgotten) this.#isKept = false;
    return forgotten;
  }

  nameOf(client: PoolClient, text: string): Known {
    if (!this.#isKept) return UNNAMED;
    const told: Told = this.#told.get(client) ?? { names: new Map(), made: 0, unsure: [] };
    this.#told.set(client, told);
    const known = told.names.get(text);
    if (known) return { name: known, isThere: true };
    if (told.made >= NAMES_MAX) return UNNAMED;
    told.made += 1;
    const name = `kept_${told.made}`;
    told.names.set(text, name);
    told.unsure.push(text);
    return { name, isThere: false };
  }

  /**
   * What was sent is answered. After a failure nobody knows whether the statements that were told with it have arrived,
   * so they are told again, by other names.
   */
  answered(client: PoolClient, well: boolean): void {
    const told = this.#told.get(client);
    if (!told) return;
    if (!well) for (const text of told.unsure) told.names.delete(text);
    told.unsure = [];
  }
}

type DriverResult = { rows: Record<string, unknown>[]; rowCount: number | null };

/** The driver answers a list when there were several statements. */
function outcomesOf(result: DriverResult | readonly DriverResult[]): Outcome[] {
  const results = 'rows' in result ? [result] : result;
  return results.map(({ rows, rowCount }) => ({ rows, affected: rowCount ?? 0 }));
}
