import pg, { type Connection, type Pool, type PoolClient } from 'pg';

/** What a statement came to: its rows as the driver gives them, and how many rows it touched. */
export type Outcome = { rows: Record<string, unknown>[]; affected: number };

type Statement = { text: string; values: readonly unknown[] };

const BEGIN: Statement = { text: 'begin', values: [] };

/**
 * One transaction, or one reading, on a connection of the pool. Who it is for travels with its first statement, in the
 * same message: a transaction of three statements asks the server four times and not six, and a round trip is most of
 * what a small statement costs.
 */
export abstract class Session {
  readonly #pool: Pool;
  readonly #standing: Statement;

  constructor(pool: Pool, settings: Readonly<Record<string, string>>) {
    this.#pool = pool;
    this.#standing = standingOf(settings);
  }

  abstract run(text: string, values: readonly unknown[]): Promise<Outcome>;

  protected connect(): Promise<PoolClient> {
    return this.#pool.connect();
  }

  protected get standing(): Statement {
    return this.#standing;
  }
}

/** A transaction. It begins with its first statement and takes a connection no sooner. */
export class Transaction extends Session {
  #client: Promise<PoolClient> | null = null;
  #begun = false;

  override async run(text: string, values: readonly unknown[]): Promise<Outcome> {
    this.#client ??= this.connect();
    const client = await this.#client;
    const ahead = this.#begun ? [] : [BEGIN, this.standing];
    this.#begun = true;
    return send(client, ahead, { text, values });
  }

  async commit(): Promise<void> {
    if (!this.#client) return;
    const client = await this.#client;
    const { command } = await client.query('commit');
    // The server undoes a transaction in which something failed, whatever it is told.
    if (command !== 'COMMIT') throw new Error('a statement had failed, so the transaction was undone');
    client.release();
  }

  /** Gives the connection back as it was. A connection that cannot even be told so is thrown away. */
  async rollback(): Promise<void> {
    const client = await this.#client?.catch(() => null);
    if (!client) return;
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    );
  }
}

/**
 * Statements that only look: each is a transaction of its own, because to the isolation level in use (read committed)
 * several statements in one transaction see no more of one moment than apart. So a reading costs one round trip a
 * statement and nothing else, and holds no connection in between. The server refuses it any write.
 */
export class Reading extends Session {
  constructor(pool: Pool, settings: Readonly<Record<string, string>>) {
    super(pool, { ...settings, transaction_read_only: 'on' });
  }

  override async run(text: string, values: readonly unknown[]): Promise<Outcome> {
    const client = await this.connect();
    try {
      const outcome = await send(client, [this.standing], { text, values });
      client.release();
      return outcome;
    } catch (error) {
      // The server has ended the transaction by itself; a broken connection the pool recognises by itself.
      client.release();
      throw error;
    }
  }
}

/** `role` is a setting like any other. All of them end with the transaction. */
function standingOf(settings: Readonly<Record<string, string>>): Statement {
  const names = Object.keys(settings);
  const calls = names.map((_name, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
  return { text: `select ${calls.join(', ')}`, values: Object.entries(settings).flat() };
}

/**
 * Sends statements in one message, with one synchronisation after the last: to PostgreSQL they are one transaction
 * unless they begin one that stays open. When one of them fails, none after it is looked at.
 *
 * @returns the outcome of the last.
 */
function send(client: PoolClient, ahead: readonly Statement[], last: Statement): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const config = { text: last.text, values: [...last.values], queryMode: 'extended' };
    const query = new pg.Query(config, undefined, (error, result) => {
      if (error) reject(error);
      else resolve(outcomeOf(result));
    });
    if (ahead.length > 0) {
      const submit = query.submit;
      query.submit = (connection) => {
        connection.stream.cork();
        try {
          for (const statement of ahead) write(connection, statement);
          return submit.call(query, connection);
        } finally {
          connection.stream.uncork();
        }
      };
    }
    client.query(query);
  });
}

function write(connection: Connection, { text, values }: Statement): void {
  connection.parse({ name: '', text, types: [] }, true);
  connection.bind({ values: values.map(String) }, true);
  connection.describe({ type: 'P', name: '' }, true);
  connection.execute({}, true);
}

type DriverResult = { rows: Record<string, unknown>[]; rowCount: number | null };

/** The driver answers a list when there were several statements. */
function outcomeOf(result: DriverResult | readonly DriverResult[]): Outcome {
  const last = 'rows' in result ? result : result.at(-1);
  return { rows: last?.rows ?? [], affected: last?.rowCount ?? 0 };
}
