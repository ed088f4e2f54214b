import type { Pool, PoolClient } from 'pg';
import { type Outcome, type Statement, sendTogether } from './pipeline.ts';
import type { Prepared } from './prepared.ts';

/**
 * Who asks a pool, and how. Who it is for travels with the first statement, in the same message: a transaction of three
 * statements asks the server four times and not six, and a round trip is most of what a small statement costs.
 * Statements that are asked for at once, without waiting for each other, travel together.
 */
export abstract class Session {
  #waiting: Waiting[] = [];
  #isFlushDue = false;

  run(text: string, values: readonly unknown[]): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statement: { text, values }, resolve, reject });
      if (!this.#isFlushDue) queueMicrotask(() => void this.#flush());
      this.#isFlushDue = true;
    });
  }

  /** Runs a statement whose outcome nobody waits for, together with the next that somebody does. */
  later(text: string, values: readonly unknown[]): void {
    this.#waiting.push({ statement: { text, values }, resolve: () => {}, reject: () => {} });
  }

  /** What nothing was waited for after. */
  protected takeLeft(): Statement[] {
    const left = this.#waiting.map(({ statement }) => statement);
    this.#waiting = [];
    return left;
  }

  /** Sends statements, in order and as one; answers an outcome for each. */
  protected abstract send(statements: readonly Statement[]): Promise<Outcome[]>;

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isFlushDue = false;
    try {
      const outcomes = await this.send(waiting.map(({ statement }) => statement));
      for (const [index, { resolve }] of waiting.entries()) resolve(outcomes[index] ?? NOTHING);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}

type Waiting = {
  statement: Statement;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
};
const NOTHING: Outcome = { fields: [], rows: [], affected: 0 };
const BEGIN: Statement = { text: 'begin', values: [] };
const COMMIT: Statement = { text: 'commit', values: [] };

/** A transaction. It begins with its first statement and takes a connection no sooner. */
export class Transaction extends Session {
  readonly #pool: Pool;
  readonly #opening: readonly Statement[];
  readonly #prepared: Prepared;
  #client: PoolClient | null = null;
  #hasEnded = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(pool: Pool, settings: Settings, prepared: Prepared) {
    super();
    this.#pool = pool;
    this.#opening = [BEGIN, standingOf(settings)];
    this.#prepared = prepared;
  }

  protected override send(statements: readonly Statement[]): Promise<Outcome[]> {
    const sending = this.#last.then(() => this.#next(statements));
    this.#last = sending.catch(() => {});
    return sending;
  }

  async #next(statements: readonly Statement[]): Promise<Outcome[]> {
    // One of several that were asked at once has failed, and another goes on: it would begin a transaction nobody ends.
    if (this.#hasEnded) throw new Error('the transaction has ended');
    const opening = this.#client ? [] : this.#opening;
    this.#client ??= await this.#pool.connect();
    try {
      const outcomes = await sendTogether(this.#client, [...opening, ...statements], this.#prepared);
      return outcomes.slice(opening.length);
    } catch (error) {
      this.#prepared.noteForgotten(error);
      throw error;
    }
  }

  async commit(): Promise<void> {
    await this.#last;
    const left = this.takeLeft();
    // In one message: when one of them fails, the server does not even look at the commit.
    if (left.length > 0) await this.send([...left, COMMIT]);
    this.#hasEnded = true;
    if (!this.#client) return;
    if (left.length === 0) {
      const { command } = await this.#client.query('commit');
      // The server undoes a transaction in which something failed, whatever it is told.
      if (command !== 'COMMIT') throw new Error('a statement had failed, so the transaction was undone');
    }
    this.#giveBack();
  }

  /** Gives the connection back as it was. A connection that cannot even be told so is thrown away. */
  async rollback(): Promise<void> {
    await this.#last;
    this.#hasEnded = true;
    await this.#client?.query('rollback').then(
      () => this.#giveBack(),
      () => this.#giveBack(true),
    );
  }

  #giveBack(broken = false): void {
    this.#client?.release(broken);
    this.#client = null;
  }
}

/** Each message is a transaction of its own, committed when it is answered, and the connection is held no longer. */
abstract class MessageByMessage extends Session {
  readonly #pool: Pool;
  readonly #standing: Statement;
  readonly #prepared: Prepared;

  constructor(pool: Pool, settings: Settings, prepared: Prepared) {
    super();
    this.#pool = pool;
    this.#standing = standingOf(settings);
    this.#prepared = prepared;
  }

  protected override async send(statements: readonly Statement[]): Promise<Outcome[]> {
    const client = await this.#pool.connect();
    try {
      const outcomes = await sendTogether(client, [this.#standing, ...statements], this.#prepared);
      return outcomes.slice(1);
    } catch (error) {
      if (!this.#prepared.noteForgotten(error)) throw error;
    } finally {
      // The server has ended the transaction by itself; a broken connection the pool knows by itself.
      client.release();
    }
    return this.send(statements);
  }
}

/**
 * Statements that only look. To the isolation level in use (read committed) several statements in one transaction see
 * no more of one moment than apart. So a reading costs one round trip a question and nothing else, and holds no
 * connection in between. The server refuses it any write.
 */
export class Reading extends MessageByMessage {
  constructor(pool: Pool, settings: Settings, prepared: Prepared) {
    super(pool, { ...settings, transaction_read_only: 'on' }, prepared);
  }

  override later(): void {
    throw new Error('this door only looks');
  }
}

/** Writes that need no more than one message: a round trip, with the commit in it. */
export class Writing extends MessageByMessage {
  override later(): void {
    throw new Error('through this door every statement is waited for');
  }
}

/** Settings of a transaction, by name. `role` is one like any other, and all of them end with it. */
export type Settings = Readonly<Record<string, string>>;

function standingOf(settings: Settings): Statement {
  const entries = Object.entries(settings);
  const calls = entries.map((_entry, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
  return { text: `select ${calls.join(', ')}`, values: entries.flat() };
}
