import type { PoolClient } from 'pg';

/** How the values of a row are read, in the order in which they come. */
export type Shape = readonly { name: string; read: (text: string) => unknown }[];

/** A statement under the name that a connection has for it; the shape of its rows once they were described. */
export type Known = { name: string; isThere: boolean; shape: Shape | null };

/** A statement that is sent anew each time. */
export const UNNAMED: Readonly<Known> = { name: '', isThere: false, shape: null };

const UNKNOWN_STATEMENT = '26000';
const STATEMENT_EXISTS = '42P05';

/** More different texts than this are not kept on a connection: somebody writes values into them. */
const NAMES_MAX = 500;

/** What one connection was told: statements by text, and the texts whose arrival no answer has confirmed yet. */
type Told = { statements: Map<string, Known>; made: number; unsure: string[] };

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

  /** Null when the text is not to be kept. What is learned of the rows' shape may be written into the answer. */
  nameOf(client: PoolClient, text: string): Known | null {
    if (!this.#isKept) return null;
    const told: Told = this.#told.get(client) ?? { statements: new Map(), made: 0, unsure: [] };
    this.#told.set(client, told);
    const known = told.statements.get(text);
    if (known) return known;
    if (told.made >= NAMES_MAX) return null;
    told.made += 1;
    const fresh: Known = { name: `kept_${told.made}`, isThere: false, shape: null };
    told.statements.set(text, fresh);
    told.unsure.push(text);
    return fresh;
  }

  /**
   * What was sent is answered. After a failure nobody knows whether the statements that were told with it have arrived,
   * so they are told again, by other names.
   */
  answered(client: PoolClient, well: boolean): void {
    const told = this.#told.get(client);
    if (!told) return;
    for (const text of told.unsure) {
      const known = told.statements.get(text);
      if (!well) told.statements.delete(text);
      else if (known) known.isThere = true;
    }
    told.unsure = [];
  }
}
