import type { Readable } from 'node:stream';
import { type Agent, request } from 'undici';
import type { GoodEvent, Round } from './rounds.ts';
import { outcomesOf, type Reply, type Tally } from './tally.ts';

/** Whom the attack is aimed at, and what is known of it by now. */
export type Attack = {
  apiUrl: string;
  key: string;
  agent: Agent;
  tally: Tally;
  /** An event that is accepted as it is. */
  goodOf: (key: string) => GoodEvent;
  /** Of the collector: takes a list at `/items`, without a signature. */
  collectorPath: string;
};

/** A way in. Answers what is not as promised of one poisoned event that went through it, or null. */
export type Door = {
  name: string;
  strike(attack: Attack, round: Round, n: number): Promise<string | null>;
};

const PATIENCE_MS = 120_000;
const BODY_BYTES_MAX = 1024 * 1024;

/** Between two good ones: those have to be accepted, whatever stands between them, as long as the whole is JSON. */
const batch: Door = {
  name: 'POST /v1/events',
  async strike(attack, round, n) {
    const body = between(attack, '{"events":[', round, n, ']}');
    const reply = await send(attack, 'POST', '/v1/events', body);
    if (!isJson(body) || body.length > BODY_BYTES_MAX) return attack.tally.refusal(reply);
    const outcomes = outcomesOf(reply);
    return outcomes
      ? attack.tally.outcomes(outcomes)
      : `answered ${reply.status} ${reply.text.slice(0, 200)}`;
  },
};

/** Somebody else's webhook: what no strict reader takes is refused as a whole, anything else event by event. */
const collector: Door = {
  name: 'POST /collectors/{token}',
  async strike(attack, round, n) {
    const body = between(attack, '{"items":[', round, n, ']}');
    const reply = await send(attack, 'POST', attack.collectorPath, body);
    const outcomes = outcomesOf(reply);
    return outcomes ? attack.tally.outcomes(outcomes) : attack.tally.refusal(reply);
  },
};

/** What takes the place of an event that counts is taken or refused, and the event is there afterwards. */
const amendment: Door = {
  name: 'PUT /v1/events/{key}',
  async strike(attack, round, n) {
    const key = `amended-${n}`;
    const sent = await send(attack, 'POST', '/v1/events', Buffer.from(JSON.stringify(attack.goodOf(key))));
    if (sent.status !== 200) return `its event was answered ${sent.status} ${sent.text.slice(0, 200)}`;
    attack.tally.acknowledged.add(key);
    const body = Buffer.from(
      round.bytes.toString('latin1').replace(/"idempotency_key":"[^"]*",/, ''),
      'latin1',
    );
    const reply = await send(attack, 'PUT', `/v1/events/${key}`, body);
    const trouble = reply.status === 200 ? null : attack.tally.refusal(reply);
    if (reply.status === 200) attack.tally.note('amended');
    const shown = await send(attack, 'GET', `/v1/events/${key}`, null);
    return (
      trouble ?? (shown.status === 200 ? null : `is shown with ${shown.status} ${shown.text.slice(0, 200)}`)
    );
  },
};

/** How many of ten bodies go through each. */
export const DOORS: readonly (readonly [Door, number])[] = [
  [batch, 7],
  [collector, 2],
  [amendment, 1],
];

function between(attack: Attack, head: string, { bytes }: Round, n: number, tail: string): Buffer {
  const good = (side: string) => Buffer.from(JSON.stringify(attack.goodOf(`${side}-${n}`)));
  const comma = Buffer.from(',');
  return Buffer.concat([
    Buffer.from(head),
    good('left'),
    comma,
    bytes,
    comma,
    good('right'),
    Buffer.from(tail),
  ]);
}

export async function send(
  { apiUrl, key, agent }: Attack,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body: Buffer | Readable | null,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<Reply> {
  const response = await request(apiUrl + path, {
    method,
    dispatcher: agent,
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: { authorization: `Bearer ${key}`, ...headers },
    body,
  });
  const contentType = String(response.headers['content-type'] ?? '');
  return { status: response.statusCode, contentType, text: await response.body.text() };
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
