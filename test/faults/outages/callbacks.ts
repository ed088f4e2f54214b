import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { recheckSignal, workflowId } from '../../../workflows/messages.ts';
import { sentences } from '../report.ts';
import { openStage, type Stage } from '../stage.ts';
import { connectionOf, signedBy } from './connection.ts';
import { anotherTenant, look, make, payer, sellPlan, subscribe, wanted } from './customers.ts';
import type { Outage } from './outage.ts';
import { deliver, openPostOffice, type PostOffice } from './post-office.ts';

type Scene = { stage: Stage; post: PostOffice; plan: string };
type Attempt = { id: string; status: string; ref: string; invoice: string; revision: string };

const DAY_MS = 86_400_000;

/** Each plays one thing that callbacks do, and answers what is not as promised. */
const SCENES: readonly { name: string; play: (scene: Scene) => Promise<string[]> }[] = [
  { name: 'before the API has its answer', play: beforeTheAnswer },
  { name: 'ten times at once', play: tenTimes },
  { name: 'in the wrong order', play: wrongOrder },
  { name: '35 days late', play: daysLate },
  { name: 'about a payment nobody knows', play: unknownPayment },
  { name: 'at the address of another tenant', play: anotherTenants },
  { name: 'signed with a former secret', play: formerSecret },
];

const callbacks: Outage = {
  name: 'callbacks',
  title:
    "a callback before the API's own answer, ten times, reordered, 35 days late, unknown, misaddressed, by an old secret",
  async run({ say }) {
    await using stage = await openStage({ parts: ['gateway', 'api'] });
    await using post = await openPostOffice(stage.apiUrl);
    await stage.start('worker', { PERENNIAL_PUBLIC_URL: post.url });
    const scene = { stage, post, plan: await sellPlan(stage) };
    const broken: string[] = [];
    for (const { name, play } of SCENES) {
      say(`callbacks ${name}`);
      post.pass();
      broken.push(...(await play(scene)).map((sentence) => `${name}: ${sentence}`));
    }
    const recoverySeconds = await stage.quiet();
    broken.push(...sentences(await stage.invariants()));
    return { fault: 'callbacks go astray', times: SCENES.length, recoverySeconds, broken };
  },
};

async function beforeTheAnswer(scene: Scene): Promise<string[]> {
  const { id } = await payer(scene.stage, 'tok_callback_before_answer');
  await subscribe(scene.stage, id, scene.plan);
  return paidOnce(scene.stage, await attemptOf(scene.stage, id, 'settled'), 1);
}

async function tenTimes({ stage, post, plan }: Scene): Promise<string[]> {
  post.hold();
  const { id } = await payer(stage, 'tok_pending_succeeds');
  await subscribe(stage, id, plan);
  const { ref } = await attemptOf(stage, id, 'pending');
  const letter = await post.letter(ref, 'charge.settled');
  const answers = await Promise.all(Array.from({ length: 10 }, () => deliver(stage.apiUrl, letter)));
  const broken = answers.every((status) => status === 200) ? [] : [`answered ${answers.join(', ')}`];
  return [...broken, ...(await paidOnce(stage, await attemptOf(stage, id, 'settled'), 1))];
}

async function wrongOrder({ stage, post, plan }: Scene): Promise<string[]> {
  post.hold();
  const { id } = await payer(stage, 'tok_requires_action');
  await subscribe(stage, id, plan);
  const { ref } = await attemptOf(stage, id, 'requires_action');
  const first = await post.letter(ref, 'charge.requires_action');
  await fetch(`${stage.gatewayUrl}/v1/charges/${ref}/action`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"result":"succeed"}',
  });
  const second = await post.letter(ref, 'charge.settled');
  await deliver(stage.apiUrl, second);
  await attemptOf(stage, id, 'settled');
  await deliver(stage.apiUrl, first);
  return paidOnce(stage, await attemptOf(stage, id, 'settled'), 2);
}

/** On a test clock, where 35 days pass while the callback is on its way: the charge was found out by asking. */
async function daysLate({ stage, post, plan }: Scene): Promise<string[]> {
  post.hold();
  const clock = await make(stage, '/v1/test_clocks', { now: '2027-01-10T00:00:00Z' });
  const { id } = await payer(stage, 'tok_pending_succeeds', { test_clock: clock });
  await subscribe(stage, id, plan);
  const { ref } = await attemptOf(stage, id, 'pending');
  const to = new Date(Date.parse('2027-01-10T00:00:00Z') + 35 * DAY_MS).toISOString();
  wanted(await stage.http.insist('POST', `/v1/test_clocks/${clock}/advance`, { to }), 'advancing the clock');
  await stage.quiet();
  const known = await attemptOf(stage, id, 'settled');
  const letter = await post.letter(ref, 'charge.settled');

  const { secret } = await connectionOf(stage, stage.tenantId);
  const stale = await deliver(stage.apiUrl, {
    ...letter,
    signature: signedBy(secret, letter.body, new Date(Date.now() - 35 * DAY_MS)),
  });
  const fresh = await deliver(stage.apiUrl, letter);
  const broken = await paidOnce(stage, known, 1);
  if (stale !== 401) broken.push(`a signature of 35 days ago was answered ${stale}`);
  if (fresh !== 200) broken.push(`one of today was answered ${fresh}`);
  return broken;
}

async function unknownPayment({ stage }: Scene): Promise<string[]> {
  const { path, secret } = await connectionOf(stage, stage.tenantId);
  const letter = aboutCharge('ch_nobody_made');
  const status = await deliver(stage.apiUrl, { ...letter, path, signature: signedBy(secret, letter.body) });
  const kept = await inboxOf(stage, 'ch_nobody_made');
  return status === 200 && kept.join() === 'unmatched'
    ? []
    : [`answered ${status}, kept as "${kept.join()}"`];
}

async function anotherTenants({ stage, post, plan }: Scene): Promise<string[]> {
  post.hold();
  const { id } = await payer(stage, 'tok_pending_succeeds');
  await subscribe(stage, id, plan);
  const before = await attemptOf(stage, id, 'pending');
  const letter = await post.letter(before.ref, 'charge.settled');
  const stranger = await anotherTenant(stage);
  const theirs = await connectionOf(stage, stranger.tenantId);

  const ours = await deliver(stage.apiUrl, { ...letter, path: theirs.path });
  const signed = await deliver(stage.apiUrl, {
    ...letter,
    path: theirs.path,
    signature: signedBy(theirs.secret, letter.body),
  });
  // Long enough for whatever this should not have set in motion.
  await sleep(1_000);
  const now = await attemptOf(stage, id, 'pending');
  const broken: string[] = [];
  if (ours !== 401) broken.push(`our signature at their address was answered ${ours}`);
  if (signed !== 200) broken.push(`their signature about our charge was answered ${signed}`);
  if (now.revision !== before.revision)
    broken.push(`it moved our charge: ${now.revision}, before ${before.revision}`);
  const kept = await inboxOf(stage, before.ref);
  if (kept.join() !== 'unmatched') broken.push(`their inbox has "${kept.join()}"`);
  if ((await deliver(stage.apiUrl, letter)) !== 200)
    broken.push('afterwards, at our address, it was refused');
  return [...broken, ...(await paidOnce(stage, await attemptOf(stage, id, 'settled'), 2))];
}

/** A rotation in the middle of a pending charge: accepted while that lasts, then refused, counted, and found out by asking. */
async function formerSecret({ stage, post, plan }: Scene): Promise<string[]> {
  post.hold();
  const [early, late] = [
    await payer(stage, 'tok_pending_succeeds'),
    await payer(stage, 'tok_pending_succeeds'),
  ];
  await subscribe(stage, early.id, plan);
  await subscribe(stage, late.id, plan);
  const [inTime, tooLate] = [
    await attemptOf(stage, early.id, 'pending'),
    await attemptOf(stage, late.id, 'pending'),
  ];
  const letters = [
    await post.letter(inTime.ref, 'charge.settled'),
    await post.letter(tooLate.ref, 'charge.settled'),
  ] as const;
  const rotate = `/v1/tenants/${stage.tenantId}/gateways/sandbox/rotate_secret`;
  const operator = { key: stage.operatorKey };
  wanted(await stage.http.insist('POST', rotate, { previous_expires_in_hours: 1 }, operator), 'rotating');
  const broken: string[] = [];
  const within = await deliver(stage.apiUrl, letters[0]);
  if (within !== 200) broken.push(`within its time the former secret was answered ${within}`);
  broken.push(...(await paidOnce(stage, await attemptOf(stage, early.id, 'settled'), 1)));

  await look(
    stage,
    sql`update gateway_connections set previous_secret_expires_at = now() where tenant_id = ${stage.tenantId}`,
  );
  const refusedBefore = await refusedCallbacks(stage);
  const after = await deliver(stage.apiUrl, letters[1]);
  if (after !== 401) broken.push(`after its time the former secret was answered ${after}`);
  if ((await refusedCallbacks(stage)) !== refusedBefore + 1) broken.push('the refusal was not counted');
  if ((await attemptOf(stage, late.id, 'pending')).revision !== tooLate.revision)
    broken.push('a refused callback moved the charge');
  await aDayPasses(stage, tooLate);
  return [...broken, ...(await paidOnce(stage, await attemptOf(stage, late.id, 'settled'), 0))];
}

/** The daily question about a pending charge becomes due, as it would by waiting. */
async function aDayPasses(stage: Stage, { id, invoice }: Attempt): Promise<void> {
  await look(stage, sql`update payment_attempts set next_check_at = now() where id = ${id}`);
  const client = await stage.client();
  await client.workflow.getHandle(workflowId.invoice(invoice)).signal(recheckSignal);
}

/** The customer's first charge, once it has this status. */
async function attemptOf(stage: Stage, customer: string, status: string): Promise<Attempt> {
  let last = 'none';
  for (let waitedMs = 0; waitedMs < 180_000; waitedMs += 100) {
    const [attempt] = await look<Attempt>(
      stage,
      sql`select id, status, gateway_ref as ref, invoice_id as invoice, updated_at::text as revision
        from payment_attempts where customer_id = ${customer} order by created_at limit 1`,
    );
    if (attempt?.status === status) return attempt;
    last = attempt?.status ?? last;
    await sleep(100);
  }
  throw new Error(`the charge of ${customer} is ${last}, not ${status}`);
}

/** One attempt of the invoice, one payment, one event, and so many callbacks kept, none of which waits for anything. */
async function paidOnce(stage: Stage, attempt: Attempt, kept: number): Promise<string[]> {
  await stage.quiet();
  const [found] = await look<{ attempts: number; payments: number; told: number; status: string }>(
    stage,
    sql`select i.status,
        (select count(*)::int from payment_attempts where invoice_id = i.id) as attempts,
        (select count(*)::int from payments where attempt_id = ${attempt.id}) as payments,
        (select count(*)::int from events where object_id = ${attempt.id} and type = 'payment.succeeded') as told
      from invoices i where i.id = ${attempt.invoice}`,
  );
  const is = JSON.stringify(found);
  const wants = JSON.stringify({ status: 'paid', attempts: 1, payments: 1, told: 1 });
  const inbox = await inboxOf(stage, attempt.ref);
  const broken = is === wants ? [] : [`${attempt.invoice} is ${is}, not ${wants}`];
  if (inbox.length !== kept || inbox.includes('received'))
    broken.push(`the inbox has [${inbox.join()}] about ${attempt.ref}, not ${kept} that are done`);
  return broken;
}

async function inboxOf(stage: Stage, ref: string): Promise<string[]> {
  const rows = await look<{ status: string }>(
    stage,
    sql`select status from gateway_events where gateway_ref = ${ref} order by received_at`,
  );
  return rows.map(({ status }) => status);
}

function aboutCharge(ref: string): { body: string } {
  const data = { ref, idempotency_key: 'att_nobody', status: 'settled' };
  const created_at = new Date().toISOString();
  return { body: JSON.stringify({ id: `gevt_${randomUUID()}`, type: 'charge.settled', created_at, data }) };
}

async function refusedCallbacks(stage: Stage): Promise<number> {
  const text = await (await fetch(`${stage.apiUrl}/metrics`)).text();
  return Number(/^perennial_gateway_callbacks_total\{outcome="refused"\} (\d+)/m.exec(text)?.[1] ?? 0);
}

export const CALLBACK_OUTAGES: readonly Outage[] = [callbacks];
