import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { z } from 'zod';
import { type Dice, diceOf } from './mutations/mutate.ts';
import { look } from './outages/customers.ts';
import { sentences, type Trial } from './report.ts';
import { openStage, type Part, type Stage } from './stage.ts';
import type { SuiteOptions } from './suites.ts';

const CLIENTS = 8;
const BATCH = 50;
const BATCHES = 2_000;
const BATCHES_SHORT = 160;
/** One event in so many is sent by another client as well, under the same key. */
const SHARED_EVERY = 10;
/** Each is killed so often, in an order and at moments that the seed chooses. */
const KILLS_EACH = 2;
const QUIET_WITHIN_MS = 300_000;

const answer = z.object({
  data: z.array(
    z.object({ idempotency_key: z.string(), status: z.enum(['accepted', 'duplicate', 'rejected']) }),
  ),
});

/**
 * A storm of batches from clients that repeat what was not answered, while API and PostgreSQL are killed in the middle
 * of it. What was acknowledged has to be stored, once, and nothing else; no key may have been accepted twice.
 */
export async function runEvents({ say, short, seed }: SuiteOptions): Promise<Trial[]> {
  say(`seed ${seed}`);
  const batches = short ? BATCHES_SHORT : BATCHES;
  const kills = killsOf(diceOf(seed));
  await using stage = await openStage({ say, durable: true, parts: ['api'] });
  const customer = await stage.http.insist('POST', '/v1/customers', { name: 'Ada' });
  const counts = { name: 'Requests', event_name: 'request', aggregation: 'count' };
  await stage.http.insist('POST', '/v1/meters', counts);
  const storm = new Storm(stage, String(customer.body['id']), batches);
  const startedMs = performance.now();
  const clients = Promise.all(Array.from({ length: CLIENTS }, () => storm.send()));
  // Whoever kills hears of it at the end, too.
  clients.catch(() => {});
  for (const { part, after } of kills) {
    await storm.until(after * batches);
    await stage.kill(part);
    say(`${part} is killed when ${storm.answered} of ${batches} batches are acknowledged`);
    await sleep(500);
    await stage.start(part);
  }
  const healedMs = performance.now();
  await clients;
  const recoverySeconds = (performance.now() - healedMs) / 1000;
  say(`${batches} batches acknowledged after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  // Whoever rolls up what was stored, and places what happened, has not been there until now.
  await stage.start('worker');
  await stage.quiet(QUIET_WITHIN_MS);
  const broken = [...(await storm.wrong()), ...sentences(await stage.invariants())];
  const fault = `API and PostgreSQL killed in a storm of ${batches * BATCH} events, seed ${seed}`;
  return [{ fault, times: kills.length, recoverySeconds, broken }];
}

/** Who is killed when which part of the batches is acknowledged. */
function killsOf(dice: Dice): { part: Part; after: number }[] {
  const left: Part[] = Array.from({ length: KILLS_EACH }, () => ['api', 'postgres'] as const).flat();
  const count = left.length;
  return Array.from({ length: count }, (_, n) => {
    const [part = 'api'] = left.splice(dice.below(left.length), 1);
    // One in each stretch of the storm, so that none of them is the last thing that happens.
    return { part, after: (n + (10 + dice.below(80)) / 100) / (count + 1) };
  });
}

class Storm {
  readonly #stage: Stage;
  readonly #customer: string;
  readonly #batches: number;
  readonly #at = new Date(Date.now() - 60_000).toISOString();
  readonly #accepted = new Map<string, number>();
  readonly #acknowledged = new Set<string>();
  readonly #rejected: string[] = [];
  #next = 0;
  answered = 0;
  #failure: Error | null = null;

  constructor(stage: Stage, customer: string, batches: number) {
    this.#stage = stage;
    this.#customer = customer;
    this.#batches = batches;
  }

  /** One client: batch after batch until none is left. */
  async send(): Promise<void> {
    try {
      while (this.#next < this.#batches) {
        const batch = this.#next;
        this.#next += 1;
        const body = { events: Array.from({ length: BATCH }, (_, n) => this.#event(batch, n)) };
        const { status, body: told } = await this.#stage.http.insist('POST', '/v1/events', body);
        if (status !== 200) throw new Error(`a batch was answered ${status} ${JSON.stringify(told)}`);
        this.#note(answer.parse(told));
      }
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  #event(batch: number, n: number): object {
    // Two batches that are under way at once have some events in common.
    const of = n % SHARED_EVERY === 0 ? batch - (batch % 2) : batch;
    return {
      idempotency_key: `${of}-${n}`,
      event_name: 'request',
      customer_id: this.#customer,
      timestamp: this.#at,
      properties: { n, of },
    };
  }

  #note({ data }: z.infer<typeof answer>): void {
    this.answered += 1;
    for (const { idempotency_key: key, status } of data) {
      if (status === 'rejected') this.#rejected.push(key);
      else this.#acknowledged.add(key);
      if (status === 'accepted') this.#accepted.set(key, (this.#accepted.get(key) ?? 0) + 1);
    }
  }

  async until(answered: number): Promise<void> {
    while (this.answered < answered) {
      if (this.#failure) throw this.#failure;
      await sleep(20);
    }
  }

  /** A sentence for each way in which what is stored is not what was acknowledged. */
  async wrong(): Promise<string[]> {
    const stored = await look<{ key: string; times: number }>(
      this.#stage,
      sql`select key, count(*)::int as times from usage_events where tenant_id = ${this.#stage.tenantId} group by key`,
    );
    const keys = new Set(stored.map(({ key }) => key));
    const lost = [...this.#acknowledged].filter((key) => !keys.has(key));
    const strange = [...keys].filter((key) => !this.#acknowledged.has(key));
    const double = stored.filter(({ times }) => times !== 1).map(({ key }) => key);
    const acceptedTwice = [...this.#accepted].filter(([, times]) => times > 1).map(([key]) => key);
    const wrong: [string, readonly string[]][] = [
      ['acknowledged and not stored', lost],
      ['stored and not acknowledged', strange],
      ['stored more than once', double],
      ['accepted more than once', acceptedTwice],
      ['rejected', this.#rejected],
    ];
    return wrong.flatMap(([what, found]) =>
      found.length === 0 ? [] : [`${found.length} events are ${what}: ${found.slice(0, 5).join(', ')}`],
    );
  }
}
