import type { Connection, PoolClient, Submittable } from 'pg';
import { type Known, type Prepared, UNNAMED } from './prepared.ts';
import { toWire } from './wire-values.ts';

export type Statement = { text: string; values: readonly unknown[] };

/** What a statement came to: its rows, value by value as the driver's types give them, and how many rows it touched. */
export type Outcome = { fields: readonly string[]; rows: unknown[][]; affected: number };

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
    client.query(new Together(client, ready, prepared, resolve, reject));
  });
}

/** A statement whose values are as they are sent. */
type Ready = { text: string; values: (string | Buffer | null)[] };

/** Several statements on their way, as the driver handles what is submitted to it: it calls a method for each message. */
class Together implements Submittable {
  readonly #client: PoolClient;
  readonly #statements: readonly Ready[];
  readonly #prepared: Prepared | null;
  readonly #resolve: (outcomes: Outcome[]) => void;
  readonly #reject: (error: Error) => void;
  #known: Known[] = [];
  readonly #outcomes: Outcome[] = [];
  #rows: Outcome['rows'] = [];
  /** A value that could not be read. The rest is still waited for, because it comes. */
  #trouble: Error | null = null;

  constructor(
    client: PoolClient,
    statements: readonly Ready[],
    prepared: Prepared | null,
    resolve: (outcomes: Outcome[]) => void,
    reject: (error: Error) => void,
  ) {
    this.#client = client;
    this.#statements = statements;
    this.#prepared = prepared;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    this.#known = this.#statements.map(
      ({ text }) => this.#prepared?.nameOf(this.#client, text) ?? { ...UNNAMED },
    );
    const told = new Set<string>();
    connection.stream.cork();
    try {
      for (const [index, { text, values }] of this.#statements.entries()) {
        const { name, isThere, shape } = this.#known[index] ?? UNNAMED;
        if (!isThere && !told.has(name)) connection.parse({ name, text, types: [] }, true);
        if (name !== '') told.add(name);
        connection.bind({ statement: name, values }, true);
        if (!shape) connection.describe({ type: 'P', name: '' }, true);
        connection.execute({}, true);
      }
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
  }

  handleRowDescription({ fields }: { fields: { name: string; dataTypeID: number }[] }): void {
    const known = this.#known[this.#outcomes.length];
    if (!known) return;
    known.shape = fields.map(({ name, dataTypeID }) => ({
      name,
      read: this.#client.getTypeParser(dataTypeID, 'text'),
    }));
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    const shape = this.#known[this.#outcomes.length]?.shape ?? [];
    const values: unknown[] = [];
    try {
      for (let index = 0; index < shape.length; index += 1) {
        const text = fields[index];
        values.push(text === null || text === undefined ? null : shape[index]?.read(text));
      }
      this.#rows.push(values);
    } catch (error) {
      this.#trouble ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const affected = Number(text.slice(text.lastIndexOf(' ') + 1));
    this.#outcomes.push({
      fields: this.#known[this.#outcomes.length]?.shape?.map(({ name }) => name) ?? [],
      rows: this.#rows,
      affected: Number.isNaN(affected) ? 0 : affected,
    });
    this.#rows = [];
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '' });
  }

  handleError(error: Error): void {
    this.#prepared?.answered(this.#client, false);
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#prepared?.answered(this.#client, true);
    if (this.#trouble) this.#reject(this.#trouble);
    else this.#resolve(this.#outcomes);
  }
}
