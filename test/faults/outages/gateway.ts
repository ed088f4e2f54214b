import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { z } from 'zod';
import { sentences, type Trial } from '../report.ts';
import { openStage, type Stage } from '../stage.ts';
import { look, type Payer, payer, sellPlan, subscribe } from './customers.ts';
import type { Outage } from './outage.ts';
import { type Asked, type Mischief, startUnrulyGateway, type UnrulyGateway } from './unruly-gateway.ts';

/** What goes wrong about one charge, and what Perennial may ask the gateway because of it, in order. */
type Story = {
  name: string;
  spoil: Partial<Record<Asked, Mischief[]>>;
  asks: string;
  /** Left out of the short version: it waits for the second place of the schedule, or for a long pause. */
  slow?: boolean;
  /** Seconds that have to pass after the spoiled answer before anything else is asked. */
  patienceSeconds?: number;
};

/** The gateway charged, and nobody heard of it: the outcome is found out by asking, and nothing is confirmed again. */
const FOUND_OUT = 'prepare, confirm, retrieve';
/** The gateway never saw the confirm: asking says so, and only then it is sent again. */
const SENT_AGAIN = 'prepare, confirm, retrieve, confirm';
/** The charge has a name already or not; the same key asks for it. */
const PREPARED_AGAIN = 'prepare, prepare, confirm';

/** Two processes and a timer measure the same pause. */
const CLOCKS_DIFFER_MS = 200;

const after = (answer: Mischief['answer'], more: Partial<Mischief> = {}): Mischief => ({
  done: true,
  answer,
  ...more,
});
const before = (answer: Mischief['answer'], more: Partial<Mischief> = {}): Mischief => ({
  done: false,
  answer,
  ...more,
});

const STORIES: readonly Story[] = [
  { name: 'charges, then silence', spoil: { confirm: [after('silence')] }, asks: FOUND_OUT },
  { name: 'charges, then resets', spoil: { confirm: [after('reset')] }, asks: FOUND_OUT },
  { name: 'charges, then half a body', spoil: { confirm: [after('half_body')] }, asks: FOUND_OUT },
  { name: 'charges, then a body that stalls', spoil: { confirm: [after('stalled_body')] }, asks: FOUND_OUT },
  { name: 'charges, then 200 with garbage', spoil: { confirm: [after('garbage')] }, asks: FOUND_OUT },
  { name: 'charges, answers for another', spoil: { confirm: [after('another_charge')] }, asks: FOUND_OUT },
  { name: 'charges, then 500', spoil: { confirm: [after(500)] }, asks: FOUND_OUT },
  { name: 'hangs', spoil: { confirm: [before('silence')] }, asks: SENT_AGAIN },
  { name: 'resets', spoil: { confirm: [before('reset')] }, asks: SENT_AGAIN },
  { name: '500', spoil: { confirm: [before(500)] }, asks: SENT_AGAIN },
  { name: '200 with garbage', spoil: { confirm: [before('garbage')] }, asks: SENT_AGAIN },
  {
    name: '429 that asks for 9 s',
    spoil: { confirm: [before(429, { retryAfter: 9 })] },
    asks: SENT_AGAIN,
    patienceSeconds: 9,
  },
  {
    name: '429 to the prepare, asks for 8 s',
    spoil: { prepare: [before(429, { retryAfter: 8 })] },
    asks: PREPARED_AGAIN,
    patienceSeconds: 8,
  },
  { name: 'prepares, then silence', spoil: { prepare: [after('silence')] }, asks: PREPARED_AGAIN },
  { name: 'prepares, then half a body', spoil: { prepare: [after('half_body')] }, asks: PREPARED_AGAIN },
  { name: 'does not prepare, 500', spoil: { prepare: [before(500)] }, asks: PREPARED_AGAIN },
  {
    name: 'charges, then silence, then garbage when asked',
    spoil: { confirm: [after('silence')], retrieve: [after('garbage')] },
    asks: 'prepare, confirm, retrieve, retrieve',
    slow: true,
  },
  {
    name: 'charges and asks for 40 s with a 503',
    spoil: { confirm: [after(503, { retryAfter: 40 })] },
    asks: FOUND_OUT,
    slow: true,
    patienceSeconds: 40,
  },
];

const wrongAnswers: Outage = {
  name: 'gateway-answers',
  title: 'the gateway times out after charging, hangs, answers 500, 429, half a body, garbage',
  async run({ short, say }) {
    await using stage = await openStage({ parts: ['gateway', 'api'] });
    await using gateway = await startUnrulyGateway(stage.gatewayUrl);
    await stage.start('worker', { SANDBOX_GATEWAY_URL: gateway.url });
    const stories = STORIES.filter(({ slow }) => !(short && slow));
    const rounds = short ? 1 : 3;
    const plan = await sellPlan(stage);
    const told: { story: Story; payer: Payer }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const story of stories) {
        const who = await payer(stage, 'tok_succeeds');
        for (const asked of ['prepare', 'confirm', 'retrieve'] as const)
          gateway.spoil(who.methodRef, asked, story.spoil[asked] ?? []);
        told.push({ story, payer: who });
      }
    }
    say(`${told.length} first payments meet a gateway that goes wrong in ${stories.length} ways`);
    await Promise.all(told.map(({ payer: { id } }) => subscribe(stage, id, plan)));
    const recoverySeconds = await stage.quiet();
    const broken = [];
    for (const one of told) broken.push(...(await looksRight(stage, gateway, one)));
    broken.push(...sentences(await stage.invariants()));
    return { fault: 'gateway answers wrongly', times: told.length, recoverySeconds, broken };
  },
};

const log = z.object({
  data: z.array(z.object({ ref: z.string(), status: z.string(), confirm_count: z.int() })),
});

/** One charge in the gateway's own log, one settled attempt in ours, and nothing asked that should not be. */
async function looksRight(
  stage: Stage,
  gateway: UnrulyGateway,
  { story, payer: { id, methodRef } }: { story: Story; payer: Payer },
): Promise<string[]> {
  const broken: string[] = [];
  const seen = gateway.seenOf(methodRef);
  const asks = seen.map(({ asked }) => asked).join(', ');
  if (asks !== story.asks) broken.push(`asked ${asks} instead of ${story.asks}`);
  const patienceMs = (story.patienceSeconds ?? 0) * 1_000;
  for (const [index, one] of seen.entries()) {
    const waitedMs = (seen[index + 1]?.atMs ?? Number.POSITIVE_INFINITY) - one.atMs;
    if (one.spoiled && waitedMs < patienceMs - CLOCKS_DIFFER_MS)
      broken.push(`asked again after ${Math.round(waitedMs)} ms, though told to wait ${patienceMs} ms`);
  }
  const response = await fetch(`${stage.gatewayUrl}/v1/charges?method_ref=${methodRef}`);
  const charges = log.parse(await response.json()).data;
  if (charges.length !== 1 || charges[0]?.status !== 'settled')
    broken.push(`the gateway's own log has ${JSON.stringify(charges)}`);
  const attempts = await look<{ status: string; gateway_ref: string | null }>(
    stage,
    sql`select status, gateway_ref from payment_attempts where customer_id = ${id}`,
  );
  if (attempts.length !== 1 || attempts[0]?.status !== 'settled')
    broken.push(`our attempts are ${JSON.stringify(attempts)}`);
  return broken.map((sentence) => `"${story.name}", ${id}: ${sentence}`);
}

/**
 * The gateway's process stops in the middle and goes on later: what was sent to it meanwhile arrives after we have given
 * up waiting, while we already ask again. Then it is killed and started again.
 */
const away: Outage = {
  name: 'gateway-away',
  title: 'the gateway freezes and answers late, then is killed and comes back',
  async run({ short, say }): Promise<Trial> {
    await using stage = await openStage();
    const each = short ? 6 : 20;
    const plan = await sellPlan(stage);
    const payers = await Promise.all(Array.from({ length: 2 * each }, () => payer(stage, 'tok_succeeds')));
    const [early, late] = [payers.slice(0, each), payers.slice(each)];

    const first = early.map(({ id }) => subscribe(stage, id, plan));
    // In the middle of them: some were charged, some were named, some not yet asked about.
    await sleep(60);
    stage.freeze('gateway');
    say(`frozen for 9 s while ${each} first payments are made`);
    await sleep(9_000);
    stage.thaw('gateway');
    await Promise.all(first);

    const second = late.map(({ id }) => subscribe(stage, id, plan));
    await sleep(60);
    await stage.kill('gateway');
    say(`killed while ${each} more are made`);
    const card = `/v1/customers/${payers[0]?.id}/payment_methods`;
    const refusal = await stage.http.send('POST', card, { token: 'tok_succeeds' });
    await sleep(short ? 3_000 : 15_000);
    await stage.start('gateway');
    await Promise.all(second);
    const accepted = await stage.http.insist('POST', card, { token: 'tok_succeeds' });

    const recoverySeconds = await stage.quiet();
    const paid = await look(
      stage,
      sql`select a.id from payment_attempts a join invoices i on i.id = a.invoice_id
        where a.status = 'settled' and i.status = 'paid'`,
    );
    const broken = sentences(await stage.invariants());
    if (refusal.status !== 503 || !refusal.headers.has('retry-after'))
      broken.push(`a new card was answered ${refusal.status}, not 503 with Retry-After`);
    if (accepted.status !== 201) broken.push(`once it was back, a new card was answered ${accepted.status}`);
    if (paid.length !== payers.length) broken.push(`${paid.length} of ${payers.length} invoices are paid`);
    return { fault: 'gateway frozen, gateway killed', times: 2, recoverySeconds, broken };
  },
};

export const GATEWAY_OUTAGES: readonly Outage[] = [wrongAnswers, away];
