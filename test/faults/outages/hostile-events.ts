import { randomInt } from 'node:crypto';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { diceOf, type Json, mutate } from '../mutations/mutate.ts';
import { sentences } from '../report.ts';
import { openStage, type Stage } from '../stage.ts';
import { make } from './customers.ts';
import { memoryOf, peakWhile } from './mutations.ts';
import type { Outage } from './outage.ts';

const COUNT = 2_000;
const COUNT_SHORT = 250;
const AT_ONCE = 6;
const PATIENCE_MS = 90_000;
/** What the API's memory may grow by at its peak. */
const PEAK_MB_MAX = 300;
const BODY_BYTES_MAX = 1024 * 1024;

/** Each is sent between two good ones: those have to be accepted, whatever stands between them. */
const hostileEvents: Outage = {
  name: 'hostile-events',
  title: '2,000 events of use that were valid before they were tampered with, each between two good ones',
  async run({ short, say, seed = randomInt(1, 2 ** 31) }) {
    await using stage = await openStage({ parts: ['api'] });
    await using open = new AsyncDisposableStack();
    const agent = open.adopt(new Agent({ connections: AT_ONCE }), (one) => one.destroy());
    const attack: Attack = { stage, agent, broken: [], told: new Map() };
    const customer = await make(stage, '/v1/customers', { name: 'Ada' });
    const count = short ? COUNT_SHORT : COUNT;
    const before = await memoryOf(stage);
    const dice = diceOf(seed);
    const peak = await peakWhile(stage, async () => {
      const sending = new Set<Promise<void>>();
      for (let n = 0; n < count; n += 1) {
        const { how, bytes } = mutate(eventOf(`hostile-${n}`, customer), dice);
        const one = strike(attack, { n, how, bytes, customer }).finally(() => sending.delete(one));
        sending.add(one);
        if (sending.size >= AT_ONCE) await Promise.race(sending);
      }
      await Promise.all(sending);
    });
    const { broken, told } = attack;
    say(
      `seed ${seed}: ${[...told].map(([what, times]) => `${times} × ${what}`).join(', ')}; ${peak} MB at most`,
    );
    if (stage.pid('api') === null) broken.push('the process of the API is gone');
    if (peak > before + PEAK_MB_MAX) broken.push(`the API's memory rose from ${before} MB to ${peak} MB`);
    broken.push(...sentences(await stage.invariants()));
    return { fault: `hostile events, seed ${seed}`, times: count, recoverySeconds: 0, broken };
  },
};

type Attack = { stage: Stage; agent: Agent; broken: string[]; told: Map<string, number> };
type Shot = { n: number; how: string; bytes: Buffer; customer: string };

const answer = z.object({ data: z.array(z.object({ status: z.string(), code: z.string().optional() })) });
const problem = z.object({ status: z.int(), code: z.string(), detail: z.string(), instance: z.string() });

function eventOf(key: string, customer: string): Record<string, Json> {
  const properties = { region: 'eu', bytes: 5_120, price: '0.000000000001', cached: false };
  const timestamp = new Date(Date.now() - 60_000).toISOString();
  return { idempotency_key: key, event_name: 'request', customer_id: customer, timestamp, properties };
}

async function strike(attack: Attack, { n, how, bytes, customer }: Shot): Promise<void> {
  const good = (side: string) => Buffer.from(JSON.stringify(eventOf(`${side}-${n}`, customer)));
  const body = Buffer.concat([
    Buffer.from('{"events":['),
    good('left'),
    Buffer.from(','),
    bytes,
    Buffer.from(','),
    good('right'),
    Buffer.from(']}'),
  ]);
  const trouble = await send(attack, body).then(
    ({ status, text }) => troubleWith(attack, status, text, isJson(body) && body.length <= BODY_BYTES_MAX),
    (error: unknown) => `no answer: ${String(error)}`,
  );
  if (trouble !== null) attack.broken.push(`event ${n} (${how}): ${trouble}`);
}

async function send({ stage, agent }: Attack, body: Buffer): Promise<{ status: number; text: string }> {
  const response = await request(`${stage.apiUrl}/v1/events`, {
    method: 'POST',
    dispatcher: agent,
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: { authorization: `Bearer ${stage.apiKey}`, 'content-type': 'application/json' },
    body,
  });
  return { status: response.statusCode, text: await response.body.text() };
}

/** A body that is JSON is answered event by event; any other is refused as a whole, with a problem that says why. */
function troubleWith(attack: Attack, status: number, text: string, isList: boolean): string | null {
  const note = (what: string) => attack.told.set(what, (attack.told.get(what) ?? 0) + 1);
  if (!isList) {
    note(`refused ${status}`);
    const isProblem = status >= 400 && status < 500 && problem.safeParse(parsed(text)).success;
    return isProblem ? null : `answered ${status} ${text.slice(0, 200)}`;
  }
  const read = answer.safeParse(parsed(text));
  if (status !== 200 || !read.success) return `answered ${status} ${text.slice(0, 200)}`;
  const [left, tampered] = read.data.data;
  const right = read.data.data.at(-1);
  note(tampered?.code ?? tampered?.status ?? 'nothing');
  const areAccepted = left?.status === 'accepted' && right?.status === 'accepted';
  return areAccepted ? null : `its neighbours are ${left?.status} and ${right?.status} (${right?.code})`;
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const EVENT_OUTAGES: readonly Outage[] = [hostileEvents];
