import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { Webhook } from 'standardwebhooks';
import { query } from '../../src/persistence/rows.ts';
import { type Reply, startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let tenantId: string;
let key: string;
let customer: string;

beforeAll(async () => {
  api = await startTestApi({ overrides: { publicUrl: 'http://api.example' } });
  ({ tenantId, key } = await api.tenant());
  customer = String((await api.send('post', '/v1/customers', { key, body: { name: 'Ada' } })).body['id']);
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown) => api.send('post', path, { key, body });
const get = (path: string) => api.send('get', path, { key });
const inbox = (made: Reply) => String(made.body['url']).replace('http://api.example', '');
const now = () => new Date().toISOString();

const MAPPING = {
  idempotency_key: '/id',
  event_name: '/kind',
  customer_id: '/account',
  timestamp: '/at',
  properties: { tokens: '/usage/tokens', from: { constant: 'llm' }, nothing: '/not/there' },
};
const delivery = (id: string, more: object = {}) => ({
  id,
  kind: 'completion',
  account: customer,
  at: now(),
  usage: { tokens: 12 },
  ...more,
});

async function collector(more: object = {}): Promise<Reply> {
  const made = await post('/v1/collectors', { name: 'LLM', mapping: MAPPING, ...more });
  expect(made.status).toBe(201);
  return made;
}

/** From one of the machines of a sender. */
function sendFrom(localAddress: string, url: string, body: unknown): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sending = request(url, { method: 'POST', localAddress, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sending.on('error', reject);
    sending.end(JSON.stringify(body));
  });
}

/** As a sender of Standard Webhooks does it. */
function signed(secret: unknown, body: unknown, at = new Date()) {
  const text = JSON.stringify(body);
  const signature = new Webhook(String(secret)).sign('msg_1', at, text);
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': timestamp,
    'webhook-signature': signature,
  };
  return { key: null, body: text, headers: { ...headers, 'content-type': 'application/json' } };
}

async function stored(idempotencyKey: string): Promise<unknown> {
  return api.database.withTenant(tenantId, async (tx) => {
    const [row] = await query<{ properties: unknown }>(
      tx,
      sql`select properties from usage_events where key = ${idempotencyKey}`,
    );
    return row?.properties ?? null;
  });
}

describe('a collector', () => {
  test('makes events of signed bodies, counts what came and shows its secrets once', async () => {
    const made = await collector();
    expect(made.body).toMatchObject({ status: 'enabled', signature: { scheme: 'standard_webhooks' } });
    const { secret } = made.body;
    const body = delivery('e-1');
    const sent = await api.send('post', inbox(made), signed(secret, body));
    expect(sent).toMatchObject({ status: 200, body: { accepted: 1, duplicates: 0, rejected: 0 } });
    expect(await stored('e-1')).toEqual({ tokens: 12, from: 'llm' });
    const again = await api.send('post', inbox(made), signed(secret, body));
    expect(again.body).toMatchObject({ accepted: 0, duplicates: 1 });
    const odd = await api.send('post', inbox(made), signed(secret, { id: 'e-2' }));
    expect(odd).toMatchObject({ status: 200, body: { rejected: 1, data: [{ path: '/kind' }] } });
    const shown = await get(`/v1/collectors/${String(made.body['id'])}`);
    expect(shown.body).toMatchObject({
      counts: { accepted: 1, duplicates: 1, rejected: 1, refused: 0 },
      last_error: { code: 'required', path: '/kind' },
    });
    expect(shown.text).not.toContain(String(secret));
    expect(shown.body['url']).toBeUndefined();
  });

  test('refuses what is not signed, is old, or was changed; and an address that nobody has', async () => {
    const made = await collector();
    const { secret } = made.body;
    const good = signed(secret, delivery('u-1'));
    const bad = [
      { ...good, headers: { 'content-type': 'application/json' } },
      { ...good, body: good.body.replace('12', '13') },
      signed(secret, delivery('u-1'), new Date(Date.now() - 400_000)),
      signed(`whsec_${Buffer.alloc(32, 1).toString('base64')}`, delivery('u-1')),
    ];
    for (const request of bad) {
      const { status, body } = await api.send('post', inbox(made), request);
      expect({ status, code: body['code'] }).toEqual({ status: 401, code: 'collector_signature_invalid' });
    }
    expect((await api.send('post', '/collectors/nobody', good)).status).toBe(404);
    expect(await stored('u-1')).toBeNull();
    const shown = await get(`/v1/collectors/${String(made.body['id'])}`);
    expect(shown.body).toMatchObject({
      counts: { refused: 4 },
      last_error: { code: 'collector_signature_invalid' },
    });
  });

  test('takes an HMAC in hex as many senders write it, and lists, epochs and numbers that a double would change', async () => {
    const mapping = {
      each: '/records',
      idempotency_key: [{ body: '/batch' }, { index: true }],
      event_name: { constant: 'transfer' },
      customer_id: '/who',
      timestamp: '/t',
      timestamp_format: 'epoch_seconds',
      properties: '/data',
    };
    const secret = 'a secret of the sender';
    const signature = { scheme: 'hmac_sha256', header: 'X-Hub-Signature-256', secret };
    const made = await collector({ mapping, signature });
    const t = Math.floor(Date.now() / 1_000);
    const records = `{"who":"${customer}","t":${t},"data":{"bytes":12345678901234567.89,"deep":{"x":1}}},{"who":"${customer}","t":"${t}","data":{"bytes":1}},{"who":7,"t":${t},"data":{}}`;
    const body = `{"batch":"b-1","records":[${records}]}`;
    const hex = createHmac('sha256', secret).update(body).digest('hex');
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${hex}` };
    const sent = await api.send('post', inbox(made), { key: null, body, headers });
    expect(sent).toMatchObject({ status: 200, body: { accepted: 2, rejected: 1 } });
    expect(await stored('b-1:0')).toEqual({ bytes: '12345678901234567.89' });
    const wrong = { ...headers, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` };
    expect((await api.send('post', inbox(made), { key: null, body, headers: wrong })).status).toBe(401);
  });

  test('without a signature the secret address is all; bodies that are no JSON or no list are told so', async () => {
    const made = await collector({ signature: { scheme: 'none' }, mapping: { ...MAPPING, each: '/events' } });
    expect(made.body['secret']).toBeNull();
    const send = (body: string) => api.send('post', inbox(made), { key: null, body });
    expect((await send(JSON.stringify({ events: [delivery('n-1')] }))).body).toMatchObject({ accepted: 1 });
    expect((await send('{"events":')).status).toBe(400);
    expect((await send('{"events":{}}')).status).toBe(422);
    expect((await send(`{"events":[${'{},'.repeat(1_000)}{}]}`)).status).toBe(422);
    expect((await send(JSON.stringify('x'.repeat(1_100_000)))).status).toBe(413);
    const unsigned = await post(`/v1/collectors/${String(made.body['id'])}/rotate_secret`, {});
    expect(unsigned.body['code']).toBe('collector_unsigned');
  });

  test('may be disabled, rotated and deleted', async () => {
    const made = await collector();
    const path = `/v1/collectors/${String(made.body['id'])}`;
    const { secret } = made.body;
    await post(`${path}/disable`, {});
    const away = await api.send('post', inbox(made), signed(secret, delivery('r-1')));
    expect(away).toMatchObject({ status: 409, body: { code: 'collector_disabled' } });
    await post(`${path}/enable`, {});
    const [moved, renewed] = [
      await post(`${path}/rotate_token`, {}),
      await post(`${path}/rotate_secret`, {}),
    ];
    expect(moved.body['url']).not.toBe(made.body['url']);
    const fresh = renewed.body['secret'];
    expect(fresh).not.toBe(secret);
    for (const [n, [to, by]] of [
      [made, secret],
      [moved, secret],
      [made, fresh],
      [moved, fresh],
    ].entries()) {
      const sent = await api.send('post', inbox(to as Reply), signed(by, delivery(`r-2-${n}`)));
      expect(sent.status).toBe(200);
    }
    await post(`${path}/rotate_token`, { previous_expires_in_hours: 0 });
    expect((await api.send('post', inbox(moved), signed(fresh, delivery('r-3')))).status).toBe(404);
    expect((await api.send('delete', path, { key })).body).toMatchObject({ deleted: true });
    expect((await get(path)).status).toBe(404);
  });

  test('is tested before it is saved', async () => {
    const tried = await post('/v1/collectors/test', { mapping: MAPPING, body: delivery('t-1') });
    expect(tried).toMatchObject({
      status: 200,
      body: {
        readable: 1,
        problems: 0,
        data: [{ event: { idempotency_key: 't-1', event_name: 'completion' } }],
      },
    });
    const body = { ...delivery('t-2'), at: 'yesterday' };
    const odd = await post('/v1/collectors/test', { mapping: MAPPING, body });
    expect(odd.body).toMatchObject({ problems: 1, data: [{ problem: { path: 'timestamp' } }] });
    expect(await stored('t-1')).toBeNull();
  });

  test.each([
    ['no customer', { ...MAPPING, customer_id: undefined }, 'mapping.customer_id'],
    ['two customers', { ...MAPPING, external_customer_id: '/x' }, 'mapping.customer_id'],
    ['a pointer without its slash', { ...MAPPING, event_name: 'kind' }, 'mapping.event_name'],
    ['something unknown', { ...MAPPING, colour: '/x' }, 'mapping.colour'],
  ])('a mapping with %s is refused', async (_what, mapping, path) => {
    const refused = await post('/v1/collectors', { name: 'x', mapping });
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });
});

test('a token is limited wherever its deliveries come from, and leaves other tokens what is theirs', async () => {
  const open = { signature: { scheme: 'none' } };
  await using strict = await startTestApi({ overrides: { rateLimitPerMinute: 4 } });
  const { key: own } = await strict.tenant();
  const made = async () => {
    const body = { name: 'LLM', mapping: MAPPING, ...open };
    const { body: shown } = await strict.send('post', '/v1/collectors', { key: own, body });
    return strict.url + new URL(String(shown['url'])).pathname;
  };
  const [one, other] = [await made(), await made()];
  const statuses: number[] = [];
  for (const from of [1, 2, 1, 2, 1, 2])
    statuses.push(await sendFrom(`127.0.0.${from}`, one, delivery(`d-${from}`)));
  expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  expect(await sendFrom('127.0.0.2', other, delivery('d-3'))).toBe(200);
});
