import { z } from 'zod';

/** What came of the bodies, for one sentence at the end. */
export class Tally {
  bodies = 0;
  /** Refused as a whole, by status. */
  readonly refused = new Map<number, number>();
  /** What became of the poisoned events of bodies that were answered event by event. */
  readonly told = new Map<string, number>();
  readonly neighbours = { sent: 0, accepted: 0 };
  /** Keys that were acknowledged, each of which has to be stored. */
  readonly acknowledged = new Set<string>();
  readonly broken: string[] = [];

  note(what: string): void {
    this.told.set(what, (this.told.get(what) ?? 0) + 1);
  }

  /** Why an answer is none that a refused body may get; null: it is a problem of the caller's, short and with a reason. */
  refusal({ status, contentType, text }: Reply): string | null {
    this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
    const isProblem =
      status >= 400 &&
      status < 500 &&
      contentType.startsWith('application/problem+json') &&
      isProblemBody(text);
    if (!isProblem) return `answered ${status} ${contentType} ${text.slice(0, 200)}`;
    return text.length <= ANSWER_LENGTH_MAX ? null : `refused with ${text.length} characters`;
  }

  /** Notes a list of outcomes, the first and the last of which are those of good neighbours; null: as promised. */
  outcomes(data: readonly Outcome[]): string | null {
    for (const { idempotency_key: key, status } of data)
      if (key !== null && status !== 'rejected') this.acknowledged.add(key);
    const [left, poisoned] = data;
    const right = data.at(-1);
    this.note(poisoned?.code ?? poisoned?.status ?? 'nothing');
    const accepted = [left, right].filter((one) => one?.status === 'accepted').length;
    this.neighbours.sent += 2;
    this.neighbours.accepted += accepted;
    return accepted === 2 ? null : `its neighbours are ${left?.status} and ${right?.status} (${right?.code})`;
  }

  sentence(): string {
    const refused = [...this.refused].sort(([a], [b]) => a - b);
    const whole = refused.reduce((sum, [, times]) => sum + times, 0);
    const statuses = refused.map(([status, times]) => `${times} × ${status}`).join(', ');
    const { sent, accepted } = this.neighbours;
    return `${this.bodies.toLocaleString('en')} poison bodies: ${whole} refused as a whole (${statuses}), the others answered event by event; ${accepted} of ${sent} good neighbours accepted`;
  }

  details(): string {
    const told = [...this.told].sort(([, a], [, b]) => b - a);
    return `of the poisoned events: ${told.map(([what, times]) => `${times} × ${what}`).join(', ')}`;
  }
}

/** A refusal that is as long as what it refuses would let anybody make us talk. */
const ANSWER_LENGTH_MAX = 64 * 1024;

export type Reply = { status: number; contentType: string; text: string };

const outcome = z.object({
  idempotency_key: z.string().nullable(),
  status: z.enum(['accepted', 'duplicate', 'rejected']),
  code: z.string().optional(),
});
export type Outcome = z.infer<typeof outcome>;
const answer = z.object({ data: z.array(outcome) });
const problem = z.object({ status: z.int(), code: z.string(), detail: z.string(), instance: z.string() });

/** The outcomes of an answer that is a list of them; null for any other. */
export function outcomesOf({ status, text }: Reply): Outcome[] | null {
  const read = answer.safeParse(parsed(text));
  return status === 200 && read.success ? read.data.data : null;
}

const isProblemBody = (text: string): boolean => problem.safeParse(parsed(text)).success;

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
