import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { Agent } from 'undici';
import { Decimal } from '../../../src/domain/money.ts';
import { type Dice, diceOf } from '../mutations/mutate.ts';
import { type Attack, DOORS } from '../poison/doors.ts';
import { strikeFiles } from '../poison/files.ts';
import { type GoodEvent, type Round, roundsOf } from '../poison/rounds.ts';
import { Tally } from '../poison/tally.ts';
import { strikeWires } from '../poison/wires.ts';
import { sentences } from '../report.ts';
import { openStage, type Stage } from '../stage.ts';
import { anotherTenant, look, make, wanted } from './customers.ts';
import { memoryOf, peakWhile } from './mutations.ts';
import type { Outage } from './outage.ts';

const COUNT = 2_000;
const COUNT_SHORT = 250;
/** So many of the rounds are rows of a file as well. */
const ROWS = 150;
const AT_ONCE = 6;
const REST_MS = 3_000;
/** What the API's memory may grow by at its peak. */
const PEAK_MB_MAX = 300;

/** Through every door for usage, each between good neighbours, and files and bodies that are odd as a whole. */
const hostileEvents: Outage = {
  name: 'hostile-events',
  title:
    '2,000 poison bodies through every door for usage: depth, numbers, names, encodings, files; their neighbours are good',
  async run({ short, say, seed = randomInt(1, 2 ** 31) }) {
    await using stage = await openStage({ parts: ['api', 'worker'] });
    await using open = new AsyncDisposableStack();
    const agent = open.adopt(new Agent({ connections: AT_ONCE }), (one) => one.destroy());
    const tally = new Tally();
    const attack = await aimed(stage, agent, tally, stage.apiKey);
    const importer = await anotherTenant(stage);
    const ofFiles = await aimed(stage, agent, tally, importer.key);
    const before = await memoryOf(stage);
    const dice = diceOf(seed);
    const rounds = [...roundsOf(short ? COUNT_SHORT : COUNT, dice, (n) => attack.goodOf(`poison-${n}`))];
    let rows = 0;
    const peak = await peakWhile(stage, async () => {
      const slow = strikeWires({ ...attack, agent: open.adopt(new Agent(), (one) => one.destroy()) });
      await strikeDoors(attack, rounds, dice);
      const inRows = [...roundsOf(ROWS, dice, (n) => ofFiles.goodOf(`row-${n}`))];
      rows = await strikeFiles(ofFiles, inRows);
      await slow;
    });
    await sleep(REST_MS);
    const after = await memoryOf(stage);
    const { broken } = tally;
    if (stage.pid('api') === null) broken.push('the process of the API is gone');
    if (peak > before + PEAK_MB_MAX) broken.push(`the API's memory rose from ${before} MB to ${peak} MB`);
    const stored = await storedOf(stage, stage.tenantId);
    const storedRows = (await storedOf(stage, importer.tenantId)).size;
    broken.push(...notAsAcknowledged(tally.acknowledged, stored));
    if (storedRows !== rows) broken.push(`${rows} rows of files are accepted and ${storedRows} stored`);
    broken.push(...(await changedNumbers(stage, rounds)), ...sentences(await stage.invariants()));
    say(`seed ${seed}: ${tally.details()}`);
    say(
      `${tally.sentence()}; ${tally.acknowledged.size} events acknowledged and ${stored.size} stored, of files ${rows} and ${storedRows}; the API had ${before} MB before, ${peak} MB at most, ${after} MB after`,
    );
    return { fault: `hostile events, seed ${seed}`, times: tally.bodies, recoverySeconds: 0, broken };
  },
};

async function aimed(stage: Stage, agent: Agent, tally: Tally, key: string): Promise<Attack> {
  const customer = await make(stage, '/v1/customers', { name: 'Ada' }, key);
  const timestamp = new Date(Date.now() - 60_000).toISOString();
  const goodOf = (name: string): GoodEvent => ({
    idempotency_key: name,
    event_name: 'request',
    customer_id: customer,
    timestamp,
    properties: { region: 'eu', bytes: 5_120, price: '0.000000000001', cached: false },
  });
  const mapping = {
    each: '/items',
    idempotency_key: ['/idempotency_key', { constant: 'collected' }],
    event_name: '/event_name',
    customer_id: '/customer_id',
    timestamp: '/timestamp',
    timestamp_format: 'rfc3339',
    properties: '/properties',
  };
  const terms = { name: 'Anybody', mapping, signature: { scheme: 'none' } };
  const collector = await stage.http.insist('POST', '/v1/collectors', terms, { key });
  const { url } = wanted(collector, 'making a collector');
  return { apiUrl: stage.apiUrl, key, agent, tally, goodOf, collectorPath: new URL(String(url)).pathname };
}

/** The same seed sends the same bodies through the same doors; several are on their way at a time. */
async function strikeDoors(attack: Attack, rounds: readonly Round[], dice: Dice): Promise<void> {
  const doors = DOORS.flatMap(([door, times]) => Array.from({ length: times }, () => door));
  const sending = new Set<Promise<void>>();
  for (const [n, round] of rounds.entries()) {
    const door = dice.pick(doors);
    attack.tally.bodies += 1;
    const one = door
      .strike(attack, round, n)
      .catch((error: unknown) => `no answer: ${String(error)}`)
      .then((trouble) => {
        if (trouble !== null) attack.tally.broken.push(`${door.name}, body ${n} (${round.how}): ${trouble}`);
      })
      .finally(() => sending.delete(one));
    sending.add(one);
    if (sending.size >= AT_ONCE) await Promise.race(sending);
  }
  await Promise.all(sending);
}

async function storedOf(stage: Stage, tenantId: string): Promise<ReadonlySet<string>> {
  const rows = await look<{ key: string }>(
    stage,
    sql`select key from usage_events where tenant_id = ${tenantId} and revision = 0`,
  );
  return new Set(rows.map(({ key }) => key));
}

function notAsAcknowledged(acknowledged: ReadonlySet<string>, stored: ReadonlySet<string>): string[] {
  const lost = [...acknowledged].filter((key) => !stored.has(key));
  const strange = [...stored].filter((key) => !acknowledged.has(key));
  const say = (what: string, keys: readonly string[]) =>
    keys.length === 0 ? [] : [`${keys.length} events are ${what}: ${keys.slice(0, 5).join(', ')}`];
  return [...say('acknowledged and not stored', lost), ...say('stored and not acknowledged', strange)];
}

/** A number that is accepted is the one that was written, to the last digit. */
async function changedNumbers(stage: Stage, rounds: readonly Round[]): Promise<string[]> {
  const numbers = new Map(
    rounds.flatMap(({ number }, n) => (number === null ? [] : [[`poison-${n}`, number]])),
  );
  const rows = await look<{ key: string; bytes: string }>(
    stage,
    sql`select key, properties ->> 'bytes' as bytes from usage_events
      where tenant_id = ${stage.tenantId} and revision = 0 and key = any(${[...numbers.keys()]}::text[])`,
  );
  return rows.flatMap(({ key, bytes }) => {
    const written = numbers.get(key) ?? '';
    return new Decimal(written).eq(bytes) ? [] : [`the number ${written} is stored as ${bytes}`];
  });
}

export const EVENT_OUTAGES: readonly Outage[] = [hostileEvents];
