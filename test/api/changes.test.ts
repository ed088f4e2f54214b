import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Reply } from '../support/api.ts';
import { closeKept, openWorldApi, type WorldApi } from '../support/world-api.ts';

/** Changes over HTTP alone: what a preview shows is what the command does, to the last digit. */
let api: WorldApi;

beforeAll(async () => {
  api = await openWorldApi();
  const month = { currency: 'USD', interval: { unit: 'month' } };
  await plan('team', [
    { key: 'base', model: 'flat', unit_amount: '50.00', ...month },
    { key: 'seats', name: 'Seats', model: 'per_unit', unit_amount: '9.00', ...month },
    { key: 'calls', model: 'per_unit', unit_amount: '0.01', billing: 'usage', ...month },
  ]);
  await plan('business', [
    { key: 'base', model: 'flat', unit_amount: '90.00', ...month },
    { key: 'seats', name: 'Seats', model: 'per_unit', unit_amount: '12.00', ...month },
    { key: 'calls', model: 'per_unit', unit_amount: '0.008', billing: 'usage', ...month },
  ]);
  await addOn('setup', [
    { key: 'setup', model: 'flat', unit_amount: '490.00', currency: 'USD', interval: null },
  ]);
  await addOn('backup', [{ key: 'backup', model: 'per_unit', unit_amount: '3.10', ...month }]);
  await addOn('euro', [{ key: 'euro', model: 'flat', unit_amount: '1.00', ...month, currency: 'EUR' }]);
});
afterAll(() => closeKept(api));

type Json = Record<string, unknown>;
type Line = { description: string; amount: Json; period: Json };

const call = async (method: string, path: string, body?: unknown): Promise<Reply> =>
  api.send(method, path, { key: api.key, ...(body === undefined ? {} : { body }) });
const post = (path: string, body: unknown = {}) => call('post', path, body);
const get = (path: string) => api.look(path);
const list = async (path: string) => (await get(path))['data'] as Json[];

async function made(path: string, body: unknown): Promise<Json> {
  const reply = await post(path, body);
  if (reply.status !== 201) throw new Error(`${path}: ${reply.text}`);
  return reply.body;
}
const plan = (id: string, prices: Json[]) => made('/v1/plans', { name: id, external_id: id, prices });
const addOn = (id: string, prices: Json[]) => made('/v1/add_ons', { name: id, external_id: id, prices });

/** A subscription in New York to the plan team with ten seats, since 1 March 2027; the clock moves on as told. */
async function team(body: Json = {}): Promise<{ path: string; until: (instant: string) => Promise<void> }> {
  const clock = await made('/v1/test_clocks', { now: '2027-03-01T05:00:00Z' });
  const customer = await made('/v1/customers', {
    name: 'Grace',
    currency: 'USD',
    time_zone: 'America/New_York',
    test_clock: clock['id'],
  });
  await made(`/v1/customers/${String(customer['id'])}/payment_methods`, { token: 'tok_succeeds' });
  const subscription = await made('/v1/subscriptions', {
    customer: customer['id'],
    plan: 'external:team',
    items: [{ key: 'base' }, { key: 'seats', quantity: 10 }, { key: 'calls' }],
    ...body,
  });
  const until = async (instant: string): Promise<void> => {
    await post(`/v1/test_clocks/${String(clock['id'])}/advance`, { to: instant });
    for (let attempt = 0; attempt < 1_200; attempt += 1) {
      const { status } = await get(`/v1/test_clocks/${String(clock['id'])}`);
      if (status === 'ready') return;
      if (status === 'failed') break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the clock did not come to ${instant}`);
  };
  return { path: `/v1/subscriptions/${String(subscription['id'])}`, until };
}

const idOf = (path: string) => path.split('/').at(-1);
const shown = (lines: unknown) =>
  (lines as Line[]).map(({ description, amount, period }) => ({ description, amount, period }));

/** Previews a command, then gives it with the token: what it made is what was shown. */
async function previewed(path: string, command: string, body: Json): Promise<{ preview: Json; after: Json }> {
  const before = await list(`/v1/invoices?subscription=${idOf(path)}&limit=100`);
  const look = await post(`${path}/${command}/preview`, body);
  expect([look.status, look.body]).toMatchObject([200, { object: 'preview' }]);
  const preview = look.body;
  const again = await post(`${path}/${command}/preview`, body);
  // Prices that are agreed get their ids when they are; all else is the same however often one looks.
  expect(shown(again.body['lines'])).toEqual(shown(preview['lines']));
  const done = await post(`${path}/${command}`, { ...body, preview_token: preview['token'] });
  expect([done.status, done.text]).toMatchObject([200, expect.any(String)]);
  const invoices = await list(`/v1/invoices?subscription=${idOf(path)}&limit=100`);
  const fresh = invoices.filter(({ id }) => !before.some((old) => old['id'] === id));
  const isLater = done.body['change_at'] === preview['effective_at'];
  if (isLater || (preview['lines'] as Line[]).length === 0) expect(fresh).toEqual([]);
  else {
    const invoice = await get(`/v1/invoices/${String(fresh[0]?.['id'])}`);
    expect([shown(invoice['lines']), invoice['total'], invoice['billing_reason']]).toEqual([
      shown(preview['lines']),
      preview['total'],
      preview['billing_reason'],
    ]);
  }
  return { preview, after: done.body };
}

const money = (amount: string) => ({ amount, currency: 'USD' });
const MIDDLE = '2027-03-15T04:00:00Z';

describe('a preview is what the command does', () => {
  test('when a better plan is taken at local midnight', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const { preview, after } = await previewed(path, 'change', { plan: 'external:business' });
    expect(preview).toMatchObject({
      class: 'upgrade',
      effective_at: '2027-03-15T04:00:00.000Z',
      total: money('38.39'),
      amount_due: money('38.39'),
      items: [
        { key: 'base', quantity: '1' },
        { key: 'seats', quantity: '10' },
        { key: 'calls', quantity: '1' },
      ],
    });
    const lines = preview['lines'] as { explanation: string[] }[];
    expect(lines.flatMap(({ explanation }) => explanation)).toContain(
      '10 seats × 12.00 for 17 of 31 days (15 Mar – 31 Mar): 65.81',
    );
    expect(after).toMatchObject({ status: 'active', plan_version: 1 });
    const [invoice] = await list(`/v1/invoices?subscription=${idOf(path)}`);
    const whole = await get(`/v1/invoices/${String(invoice?.['id'])}`);
    const line = (whole['lines'] as Json[]).find(({ amount }) => (amount as Json)['amount'] === '65.81');
    const line_path = `/v1/invoices/${String(invoice?.['id'])}/lines/${String(line?.['id'])}`;
    expect(await get(line_path)).toEqual(line);
    expect(await get(`${line_path}/explanation`)).toMatchObject({
      object: 'explanation',
      sentences: expect.arrayContaining(['10 seats × 12.00 for 17 of 31 days (15 Mar – 31 Mar): 65.81']),
    });
  });

  test('when seats come, and the money waits for the next invoice', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const { preview } = await previewed(path, 'quantity', {
      key: 'seats',
      quantity: 12,
      proration: 'next_invoice',
    });
    expect(preview).toMatchObject({ lines: [], total: money('0.00') });
    const waiting = shown(preview['pending_lines']).map(({ amount }) => amount['amount']);
    expect(waiting).toEqual(['-49.35', '59.23']);
    await until('2027-04-01T04:00:00Z');
    const [invoice] = await list(`/v1/invoices?subscription=${idOf(path)}`);
    expect(invoice).toMatchObject({ billing_reason: 'subscription_cycle', total: money('167.88') });
  });

  test('when it is worth less: at the end of the period, and a later change takes its place', async () => {
    const { path, until } = await team({ plan: 'external:business' });
    await until(MIDDLE);
    const { preview, after } = await previewed(path, 'change', { plan: 'external:team' });
    expect(preview).toMatchObject({ class: 'downgrade', effective_at: '2027-04-01T04:00:00.000Z' });
    expect(after).toMatchObject({
      change_at: '2027-04-01T04:00:00.000Z',
      next_step: { step: 'apply_change' },
    });
    const [first] = await list(`${path}/scheduled_changes`);
    expect(first).toMatchObject({
      object: 'scheduled_change',
      status: 'pending',
      mode: 'period_end',
      kind: 'change',
    });

    const second = await previewed(path, 'change', {
      items: [{ key: 'seats', quantity: 3 }],
      effective: '2027-03-20T04:00:00Z',
    });
    expect(second.preview).toMatchObject({ replaces: [first?.['id']] });
    const [pending] = await list(`${path}/scheduled_changes?status=pending`);
    const one = `${path}/scheduled_changes/${String(pending?.['id'])}`;
    expect(await get(one)).toEqual(pending);
    expect(await call('delete', one)).toMatchObject({ status: 200, body: { status: 'canceled' } });
    expect((await call('delete', one)).body).toMatchObject({ code: 'scheduled_change_not_pending' });
    const statuses = (await list(`${path}/scheduled_changes`)).map(({ status }) => status);
    expect(statuses).toEqual(['canceled', 'replaced']);
    expect(await get(path)).toMatchObject({ change_at: null });
  });

  test('when it rests, and when it goes on', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const pause = await previewed(path, 'pause', {});
    expect(pause.preview).toMatchObject({ total: money('-76.77'), balance_after: money('76.77') });
    expect(pause.after).toMatchObject({ status: 'paused', current_period: null });
    const { customer } = pause.after;
    expect(await get(`/v1/customers/${String(customer)}/balance`)).toMatchObject({
      balances: [money('76.77')],
    });
    await until('2027-03-21T04:00:00Z');
    const resume = await previewed(path, 'resume', {});
    expect(resume.preview).toMatchObject({ balance_applied: money('49.68'), amount_due: money('0.00') });
    expect(resume.after).toMatchObject({ status: 'active' });
    const entries = await list(`/v1/customers/${String(customer)}/balance/entries`);
    expect(entries.map(({ kind }) => kind)).toEqual(['applied', 'granted']);
  });

  test('when it ends at once and gives back what is left', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const { preview, after } = await previewed(path, 'cancel', { mode: 'now', credit: 'prorate' });
    expect(preview).toMatchObject({ total: { amount: expect.stringMatching(/^-/) } });
    expect(after).toMatchObject({ status: 'canceled' });
  });

  test('when it ends later and gives back what is left then', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const body = { mode: 'at', at: '2027-03-21T12:00:00Z', credit: 'prorate' };
    const { body: preview } = await post(`${path}/cancel/preview`, body);
    const noted = await post(`${path}/cancel`, { ...body, preview_token: preview['token'] });
    expect([noted.status, noted.body['cancel_credit']]).toEqual([200, 'prorate']);
    await until('2027-03-22T04:00:00Z');
    const [last] = await list(`/v1/invoices?subscription=${idOf(path)}`);
    expect(preview['total']).toMatchObject({ amount: expect.stringMatching(/^-/) });
    expect(last?.['total']).toEqual(preview['total']);
  });

  test('a creation charges once what it names, with its first invoice', async () => {
    const { path } = await team({ once: [{ add_on: 'external:setup' }] });
    const invoices = await list(`/v1/invoices?subscription=${idOf(path)}`);
    expect(invoices).toHaveLength(1);
    const { lines } = await get(`/v1/invoices/${String(invoices[0]?.['id'])}`);
    expect(shown(lines).map(({ amount }) => amount['amount'])).toEqual(['50.00', '90.00', '490.00']);
    expect((await get(path))['items']).toHaveLength(3);
  });

  test('when add-ons join, one is charged once, and a price is agreed', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const { preview, after } = await previewed(path, 'change', {
      add_ons: [{ add_on: 'external:backup', quantity: 2 }],
      once: [{ add_on: 'external:setup' }],
      prices: [{ key: 'seats', unit_amount: '8.00' }],
      effective: 'now',
    });
    expect(shown(preview['lines']).map(({ amount }) => amount['amount'])).toEqual(
      expect.arrayContaining(['3.40', '490.00', '43.87']),
    );
    const items = after['items'] as { key: string; price: Json }[];
    expect(items.map((item) => item.key).sort()).toEqual(['backup', 'base', 'calls', 'seats']);
    expect(items.find((item) => item.key === 'seats')).toMatchObject({
      price: { unit_amount: '8', subscription: after['id'] },
    });
    const removed = await post(`${path}/change`, { remove: ['backup'], effective: 'now' });
    expect(removed.body['items']).toHaveLength(3);
  });

  test('when phases follow each other', async () => {
    const { path, until } = await team();
    const { preview, after } = await previewed(path, 'schedule', {
      phases: [
        { after_cycles: 1, items: [{ key: 'seats', quantity: 20 }] },
        { after_cycles: 1, plan: 'external:business' },
      ],
    });
    expect(preview).toMatchObject({ effective_at: '2027-04-01T04:00:00.000Z' });
    expect(after).toMatchObject({ change_at: '2027-04-01T04:00:00.000Z' });
    await until('2027-05-02T04:00:00Z');
    const totals = (await list(`/v1/invoices?subscription=${idOf(path)}`)).map(({ total }) => total);
    expect(totals).toEqual([money('330.00'), money('230.00'), money('140.00')]);
    expect((await list(`${path}/scheduled_changes`)).map(({ status }) => status)).toEqual([
      'applied',
      'applied',
    ]);
  });
});

describe('what was used', () => {
  test('is counted once per key, listed, and billed at the end of its period', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const record = { key: 'calls', quantity: '1200', timestamp: '2027-03-10T12:00:00Z', record_key: 'job 1' };
    const first = await made(`${path}/usage`, record);
    expect(await made(`${path}/usage`, record)).toEqual(first);
    await made(`${path}/usage`, { key: 'calls', quantity: '34' });
    expect(await list(`${path}/usage?key=calls`)).toHaveLength(2);
    const at = (timestamp: string) => ({ key: 'calls', quantity: '1', timestamp });
    const refusals: [Json, number, string, string[]][] = [
      [{ ...record, quantity: '1' }, 409, 'usage_key_reused', []],
      [{ key: 'call', quantity: '1' }, 422, 'item_unknown', ['key']],
      [{ key: 'seats', quantity: '1' }, 409, 'usage_not_accepted', ['key']],
      [at('2027-02-27T00:00:00Z'), 409, 'usage_not_accepted', ['timestamp']],
      [{ key: 'calls', quantity: '1000000000000' }, 422, 'validation_failed', ['quantity']],
      [at('2027-03-16T00:00:00Z'), 422, 'validation_failed', ['timestamp']],
    ];
    for (const [body, status, code, paths] of refusals) {
      const reply = await post(`${path}/usage`, body);
      expect([reply.status, reply.body['code']]).toEqual([status, code]);
      expect(reply.body['errors'] ?? []).toMatchObject(paths.map((at) => ({ path: at })));
    }
    await until('2027-04-01T04:00:00Z');
    const [invoice] = await list(`/v1/invoices?subscription=${idOf(path)}`);
    const { lines } = await get(`/v1/invoices/${String(invoice?.['id'])}`);
    expect(shown(lines).map(({ amount }) => amount['amount'])).toEqual(['50.00', '90.00', '12.34']);
  });
});

describe('what is refused', () => {
  test('says where, why and what to do', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const refusals: [string, Json, number, string, string?][] = [
      ['change', { plan: 'external:team' }, 422, 'change_without_effect', 'plan'],
      ['change', { items: [{ key: 'seats', quantity: 10 }] }, 422, 'change_without_effect', 'items'],
      ['change', { plan: 'external:gold' }, 422, 'validation_failed', 'plan'],
      ['change', { plan: 'external:setup' }, 422, 'validation_failed', 'plan'],
      ['change', { add_ons: [{ add_on: 'external:euro' }] }, 422, 'validation_failed', 'add_ons[0].add_on'],
      ['change', { once: [{ add_on: 'external:backup' }] }, 422, 'validation_failed', 'once[0].add_on'],
      ['change', { items: [{ key: 'gold' }] }, 422, 'validation_failed', 'items[0].key'],
      ['change', { remove: ['gold'] }, 422, 'validation_failed', 'remove[0]'],
      ['change', { plan: 'external:business', effective: '2027-02-20T00:00:00Z' }, 409, 'change_too_early'],
      [
        'change',
        { prices: [{ key: 'base', model: 'flat', unit_amount: '1.001' }] },
        422,
        'validation_failed',
        'prices[0].unit_amount',
      ],
      [
        'change',
        { prices: [{ key: 'base', unit_amount: '1.001' }] },
        422,
        'validation_failed',
        'prices[0].unit_amount',
      ],
      ['quantity', { key: 'seats', quantity: '999999999999999' }, 422, 'validation_failed', 'quantity'],
      ['change', { plan: 'external:business', anchor: 'reset', proration: 'none' }, 422, 'proration_needed'],
      ['resume', {}, 409, 'resume_not_allowed'],
      ['pause', { resume_at: '2027-03-01T05:00:00Z' }, 422, 'validation_failed', 'resume_at'],
      [
        'schedule',
        { phases: [{ start_at: '2027-03-01T05:00:00Z', plan: 'external:business' }] },
        422,
        'validation_failed',
        'phases[0].start_at',
      ],
    ];
    for (const [command, body, status, code, field] of refusals) {
      for (const suffix of ['/preview', '']) {
        const reply = await post(`${path}/${command}${suffix}`, body);
        expect([command, body, reply.status, reply.body['code']]).toEqual([command, body, status, code]);
        expect(reply.body['detail']).toMatch(/\S.*\.$/);
        if (field) expect(reply.body['errors']).toMatchObject([{ path: field, message: expect.any(String) }]);
      }
    }
  });

  test('a calendar that is always kept, in a change and in a phase', async () => {
    const { path, until } = await team({ billing_cycle: 'calendar' });
    await until(MIDDLE);
    const reset = { plan: 'external:business', anchor: 'reset' };
    const phases = [{ ...reset, start_at: '2027-06-01T05:00:00Z' }];
    for (const [command, body, field] of [
      ['change', reset, 'anchor'],
      ['schedule', { phases }, 'phases[0].anchor'],
    ] as const)
      for (const suffix of ['/preview', ''])
        expect(await post(`${path}/${command}${suffix}`, body)).toMatchObject({
          status: 422,
          body: { code: 'validation_failed', errors: [{ path: field, code: 'calendar_billing' }] },
        });
  });

  test('a token of a preview that no longer holds', async () => {
    const { path, until } = await team();
    await until(MIDDLE);
    const body = { plan: 'external:business' };
    const { token } = (await post(`${path}/change/preview`, body)).body;
    const other = await post(`${path}/change`, {
      ...body,
      items: [{ key: 'seats', quantity: 11 }],
      preview_token: token,
    });
    expect([other.status, other.body['code']]).toEqual([409, 'preview_outdated']);
    expect((await post(`${path}/quantity`, { key: 'seats', quantity: 11 })).status).toBe(200);
    const late = await post(`${path}/change`, { ...body, preview_token: token });
    expect([late.status, late.body['code']]).toEqual([409, 'preview_outdated']);
    const nonsense = await post(`${path}/change`, { ...body, preview_token: 'nonsense' });
    expect(nonsense.body).toMatchObject({ code: 'preview_outdated' });
  });

  test('a start that lies too long ago; one that does not bills every elapsed period at once', async () => {
    const clock = await made('/v1/test_clocks', { now: '2027-03-15T00:00:00Z' });
    const customer = await made('/v1/customers', { name: 'Ada', currency: 'USD', test_clock: clock['id'] });
    await made(`/v1/customers/${String(customer['id'])}/payment_methods`, { token: 'tok_succeeds' });
    const start = (start_at: string, more: Json = {}) =>
      post('/v1/subscriptions', {
        customer: customer['id'],
        plan: 'external:team',
        items: [{ key: 'base' }],
        start_at,
        ...more,
      });
    expect((await start('2026-12-01T00:00:00Z')).body).toMatchObject({
      errors: [{ path: 'start_at', code: 'too_early' }],
    });
    const begun = await start('2027-01-01T00:00:00Z', { cycles: 4 });
    expect([begun.status, begun.body]).toMatchObject([
      201,
      { status: 'active', ends_at: '2027-05-01T00:00:00.000Z' },
    ]);
    const [invoice, ...others] = await list(`/v1/invoices?subscription=${String(begun.body['id'])}`);
    expect([invoice, others]).toMatchObject([{ total: money('150.00') }, []]);
  });
});
