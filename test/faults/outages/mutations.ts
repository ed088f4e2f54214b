import { randomInt } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { ROUTES } from '../../../api/routes/index.ts';
import { diceOf, type Mutant, mutate } from '../mutations/mutate.ts';
import { type Request, validRequests } from '../mutations/valid-bodies.ts';
import { sentences } from '../report.ts';
import { openStage, type Stage } from '../stage.ts';
import { connectionOf, signedBy } from './connection.ts';
import type { Outage } from './outage.ts';

const COUNT = 2_000;
const COUNT_SHORT = 250;
/** After so many mutations the objects they were aimed at are made anew: most of them no longer can be changed. */
const FRESH_EVERY = 12;
const AT_ONCE = 6;
const PATIENCE_MS = 90_000;
/** What the API's memory may grow by: at its peak, while bodies of 10 MB come in, and after it has rested. */
const PEAK_MB_MAX = 300;
const REST_MB_MAX = 200;
/** How much longer a refusal may be than the fourfold of what it refuses. */
const ANSWER_LENGTH_MAX = 64 * 1024;

type Reply = { status: number; contentType: string; text: string };

const mutations: Outage = {
  name: 'mutations',
  title: '2,000 bodies that were valid before they were tampered with, over every POST and PATCH',
  async run({ short, say, seed = randomInt(1, 2 ** 31) }) {
    await using stage = await openStage();
    await using open = new AsyncDisposableStack();
    const agent = open.adopt(new Agent({ connections: AT_ONCE }), (one) => one.destroy());
    const attack = { stage, agent, broken: [] as string[], seed, statuses: new Map<number, number>() };
    const makers = { ...(await validRequests(stage)), ...(await callbacksOf(stage)) };
    const routes = ROUTES.filter(({ method }) => method === 'post' || method === 'patch');
    const targets: Target[] = [];
    for (const { operationId, method } of routes) {
      const make = makers[operationId];
      if (make) targets.push({ operationId, method: method === 'patch' ? 'PATCH' : 'POST', make });
      else attack.broken.push(`${operationId} has no valid body in test/faults/mutations/valid-bodies.ts`);
    }
    const usable = await acceptedOnes(attack, targets);
    const before = await memoryOf(stage);

    const count = short ? COUNT_SHORT : COUNT;
    say(`seed ${seed}: ${count} mutations over ${usable.length} routes; the API has ${before} MB`);
    const peak = await peakWhile(stage, () => strike(attack, usable, count));
    if (stage.pid('api') === null) attack.broken.push('the process of the API is gone');
    const recoverySeconds = await stage.quiet();
    await sleep(2_000);
    const after = await memoryOf(stage);
    say(`answers ${tally(attack.statuses)}; the API had ${peak} MB at most and has ${after} MB`);

    const { broken } = attack;
    if (peak > before + PEAK_MB_MAX) broken.push(`the API's memory rose from ${before} MB to ${peak} MB`);
    if (after > before + REST_MB_MAX) broken.push(`the API's memory stays at ${after} MB, from ${before} MB`);
    broken.push(...sentences(await stage.invariants()));
    return { fault: `hostile bodies, seed ${seed}`, times: count, recoverySeconds, broken };
  },
};

type Target = { operationId: string; method: 'POST' | 'PATCH'; make: () => Promise<Request & Sealed> };
/** A callback's signature has to fit the body it comes with. */
type Sealed = { seal?: (bytes: Buffer) => Record<string, string> };
type Attack = { stage: Stage; agent: Agent; broken: string[]; seed: number; statuses: Map<number, number> };

/** Only what is accepted untouched says something when it is refused tampered with. */
async function acceptedOnes(attack: Attack, targets: readonly Target[]): Promise<Target[]> {
  const usable: Target[] = [];
  for (const target of targets) {
    const valid = await target.make();
    const bytes = Buffer.from(JSON.stringify(valid.body));
    const mutant = { how: 'untouched', bytes, headers: { 'content-type': 'application/json' } };
    const reply = await send(attack, target, valid, mutant);
    if (reply.status >= 200 && reply.status < 300) usable.push(target);
    else attack.broken.push(`${target.operationId} refused its valid body: ${reply.status} ${reply.text}`);
  }
  return usable;
}

/** The bodies are chosen in one order, so that a seed means the same ones; they are sent several at a time. */
async function strike(attack: Attack, targets: readonly Target[], count: number): Promise<void> {
  const dice = diceOf(attack.seed);
  const fresh = new Map<string, { valid: Promise<Request & Sealed>; uses: number }>();
  const sending = new Set<Promise<void>>();
  for (let n = 0; n < count; n += 1) {
    const target = targets[n % targets.length];
    if (!target) return;
    const known = fresh.get(target.operationId);
    const aim = known && known.uses < FRESH_EVERY ? known : { valid: target.make(), uses: 0 };
    fresh.set(target.operationId, { ...aim, uses: aim.uses + 1 });
    const valid = await aim.valid;
    const mutant = mutate(valid.body, dice);
    const one = judge(attack, target, { n, valid, mutant }).finally(() => sending.delete(one));
    sending.add(one);
    if (sending.size >= AT_ONCE) await Promise.race(sending);
  }
  await Promise.all(sending);
}

type Shot = { n: number; valid: Request & Sealed; mutant: Mutant };

const problem = z.object({ status: z.int(), code: z.string(), detail: z.string(), instance: z.string() });

async function judge(attack: Attack, target: Target, { n, valid, mutant }: Shot): Promise<void> {
  const reply = await send(attack, target, valid, mutant).catch((error: unknown) => String(error));
  const trouble = typeof reply === 'string' ? `no answer: ${reply}` : troubleWith(reply, mutant.bytes.length);
  if (typeof reply !== 'string')
    attack.statuses.set(reply.status, (attack.statuses.get(reply.status) ?? 0) + 1);
  if (trouble === null) return;
  const file = join(tmpdir(), `perennial-mutation-${attack.seed}-${n}.body`);
  await writeFile(file, mutant.bytes);
  attack.broken.push(`mutation ${n} of ${target.operationId} (${mutant.how}; ${file}): ${trouble}`);
}

/** Accepted, or refused with a problem that says why; nothing else. */
function troubleWith({ status, contentType, text }: Reply, sent: number): string | null {
  if (status >= 200 && status < 300) return null;
  if (status < 400 || status >= 500) return `answered ${status} ${text.slice(0, 200)}`;
  const isProblem =
    contentType.startsWith('application/problem+json') && problem.safeParse(parsed(text)).success;
  if (!isProblem) return `refused without a problem: ${status} ${contentType} ${text.slice(0, 200)}`;
  return text.length <= ANSWER_LENGTH_MAX + 4 * sent
    ? null
    : `refused with ${text.length} characters for ${sent}`;
}

async function send(
  { stage, agent }: Attack,
  target: Target,
  valid: Request & Sealed,
  mutant: Mutant,
): Promise<Reply> {
  const response = await request(stage.apiUrl + valid.path, {
    method: target.method,
    dispatcher: agent,
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: {
      authorization: `Bearer ${valid.key ?? stage.apiKey}`,
      ...valid.seal?.(mutant.bytes),
      ...mutant.headers,
    },
    body: mutant.bytes,
  });
  const contentType = String(response.headers['content-type'] ?? '');
  return { status: response.statusCode, contentType, text: await response.body.text() };
}

/** The one route whose body is signed: with a good signature, so that what was tampered with gets past it. */
async function callbacksOf(stage: Stage): Promise<Record<string, () => Promise<Request & Sealed>>> {
  const { path, secret } = await connectionOf(stage, stage.tenantId);
  const body = {
    id: 'gevt_1',
    type: 'charge.settled',
    created_at: '2027-01-31T00:00:00Z',
    data: { ref: 'ch_nobody_made', idempotency_key: 'att_1', status: 'settled' },
  };
  const seal = (bytes: Buffer) => ({ 'sandbox-signature': signedBy(secret, bytes) });
  return { receiveGatewayCallback: () => Promise.resolve({ path, body, seal }) };
}

/** Megabytes that the API's process holds. */
export async function memoryOf(stage: Stage): Promise<number> {
  const status = await readFile(`/proc/${stage.pid('api')}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024);
}

/** The most that the API's process held meanwhile. */
export async function peakWhile(stage: Stage, work: () => Promise<void>): Promise<number> {
  let peak = 0;
  let looking: Promise<void> = Promise.resolve();
  const look = async () => {
    // While there is no process there is no number.
    peak = Math.max(peak, (await memoryOf(stage)) || 0);
  };
  const timer = setInterval(() => {
    looking = look();
  }, 200);
  try {
    await work();
  } finally {
    clearInterval(timer);
    await looking;
  }
  return peak;
}

const tally = (statuses: ReadonlyMap<number, number>): string =>
  [...statuses]
    .sort(([a], [b]) => a - b)
    .map(([status, times]) => `${status} × ${times}`)
    .join(', ');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const MUTATION_OUTAGES: readonly Outage[] = [mutations];
