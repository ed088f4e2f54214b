import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Reply } from '../support/api.ts';
import { eventually } from '../support/money.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';

/** Lives told over HTTP alone: the API, the worker, Temporal, the gateway and PostgreSQL as they run in production. */
let api: WorldApi;
let plan: string;

beforeAll(async () => {
  api = await openWorldApi();
  plan = (
    await post('/v1/plans', {
      name: 'Pro',
      prices: [
        { key: 'base', model: 'flat', unit_amount: '29.00', currency: 'USD', interval: { unit: 'month' } },
      ],
    })
  ).id;
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const call = async (
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply & { id: string; code: unknown }> => {
  const reply = await api.send(method, path, {
    key: api.key,
    ...(body === undefined ? {} : { body }),
    headers,
  });
  return { ...reply, id: String(reply.body['id']), code: reply.body['code'] };
};
const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  call('post', path, body, headers);
const get = (path: string) => call('get', path);

async function customer(token: string | null, more: object = {}): Promise<string> {
  const { id } = await post('/v1/customers', { name: 'Ada', ...more });
  if (token) expect((await post(`/v1/customers/${id}/payment_methods`, { token })).status).toBe(201);
  return id;
}

describe('a subscription over HTTP', () => {
  test('is created, paid, found by its external id, and canceled', async () => {
    const ada = await customer('tok_succeeds');
    const made = await post('/v1/subscriptions', {
      customer: ada,
      plan,
      external_id: 'ada pro/1',
      metadata: { a: 'b' },
    });
    expect([made.status, made.body]).toMatchObject([
      201,
      { status: 'active', customer: ada, items: [{ key: 'base', quantity: '1' }], metadata: { a: 'b' } },
    ]);
    const invoices = await get(`/v1/invoices?subscription=${made.id}&status=paid&expand[]=customer`);
    expect(invoices.body['data']).toMatchObject([
      {
        total: { amount: '29.00', currency: 'USD' },
        status: 'paid',
        customer: { object: 'customer', id: ada },
      },
    ]);
    const [invoice] = invoices.body['data'] as { id: string }[];
    expect((await get(`/v1/invoices/${invoice?.id}`)).body).toMatchObject({
      lines: [{ amount: { amount: '29.00' }, trace: { model: 'flat' } }],
    });
    const payments = await get(`/v1/payments?subscription=${made.id}`);
    expect(payments.body['data']).toMatchObject([{ status: 'succeeded', attempt: 1, invoice: invoice?.id }]);

    const external = `/v1/subscriptions/${encodeURIComponent('external:ada pro/1')}`;
    expect((await get(external)).id).toBe(made.id);
    const scheduled = await post(`${external}/cancel`, { reason: 'too dear' });
    expect(scheduled.body).toMatchObject({
      status: 'active',
      cancel_mode: 'period_end',
      cancellation_reason: 'too dear',
    });
    expect((await post(`${external}/uncancel`)).body).toMatchObject({ cancel_at: null });
    expect((await post(`${external}/uncancel`)).code).toBe('cancel_not_scheduled');
    expect((await post(`${external}/cancel`, { mode: 'now' }, { 'if-match': '1' })).code).toBe(
      'revision_mismatch',
    );
    expect((await post(`${external}/cancel`, { mode: 'now' })).body).toMatchObject({
      status: 'canceled',
      next_step: null,
    });
    expect((await post(`${external}/cancel`, { mode: 'now' })).code).toBe('subscription_ended');

    const timeline = await get(`${external}/timeline?limit=3`);
    const types = (timeline.body['data'] as { type: string }[]).map((event) => event.type);
    expect(types[0]).toBe('subscription.created');
    const rest = await get(`${external}/timeline?limit=100&cursor=${String(timeline.body['next_cursor'])}`);
    expect((rest.body['data'] as { type: string }[]).at(-1)?.type).toBe('subscription.canceled');
  });

  test('has one effect for one Idempotency-Key, also when sent at the same moment', async () => {
    const ada = await customer('tok_succeeds');
    const headers = { 'idempotency-key': 'create once' };
    const all = await Promise.all(
      [1, 2, 3].map(() => post('/v1/subscriptions', { customer: ada, plan }, headers)),
    );
    expect(all.filter((reply) => reply.status === 201).length).toBeGreaterThan(0);
    for (const reply of all) expect([201, 409]).toContain(reply.status);
    const again = await post('/v1/subscriptions', { plan, customer: ada }, headers);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect((await get(`/v1/subscriptions?customer=${ada}`)).body['data']).toHaveLength(1);
    expect((await post('/v1/subscriptions', { customer: ada, plan, trial_days: 3 }, headers)).code).toBe(
      'idempotency_key_reused',
    );
  });

  test('keeps a refusal for replays, too', async () => {
    const ada = await customer('tok_succeeds');
    const { id } = await post('/v1/subscriptions', { customer: ada, plan });
    const headers = { 'idempotency-key': 'end a trial that is none' };
    const refused = await post(`/v1/subscriptions/${id}/end_trial`, {}, headers);
    expect([refused.status, refused.code]).toEqual([409, 'not_trialing']);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    const again = await post(`/v1/subscriptions/${id}/end_trial`, {}, headers);
    expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([refused.text, 'true']);
  });

  test('goes through its trial: extended, then ended early', async () => {
    const ada = await customer('tok_succeeds');
    const { id, body } = await post('/v1/subscriptions', { customer: ada, plan, trial_days: 14 });
    expect(body).toMatchObject({ status: 'trialing', next_step: { step: 'end_trial' } });
    const later = new Date(Date.now() + 30 * 86_400_000).toISOString();
    expect((await post(`/v1/subscriptions/${id}/extend_trial`, { trial_end: later })).body).toMatchObject({
      trial_end: later,
    });
    expect((await post(`/v1/subscriptions/${id}/end_trial`)).body).toMatchObject({ status: 'active' });
  });

  test('with error_if_incomplete does not begin when the first payment fails', async () => {
    const ada = await customer('tok_insufficient_funds');
    const refused = await post('/v1/subscriptions', {
      customer: ada,
      plan,
      payment_behavior: 'error_if_incomplete',
    });
    expect([refused.status, refused.code]).toEqual([402, 'first_payment_failed']);
  });

  test('is paid by a new payment method after a decline', async () => {
    const ada = await customer('tok_stolen');
    const { id, body } = await post('/v1/subscriptions', { customer: ada, plan });
    expect(body['status']).toBe('incomplete');
    expect((await post(`/v1/subscriptions/${id}/pay`)).code).toBe('payment_declined');
    await post(`/v1/customers/${ada}/payment_methods`, { token: 'tok_succeeds', default: true });
    await eventually(async () => (await get(`/v1/subscriptions/${id}`)).body['status'] === 'active');
    expect((await post(`/v1/subscriptions/${id}/pay`)).code).toBe('nothing_to_pay');
  });

  test('hears from the gateway by callback when a payment was pending', async () => {
    const ada = await customer('tok_pending_succeeds');
    const { id } = await post('/v1/subscriptions', { customer: ada, plan });
    await eventually(async () => {
      const [payment] = (await get(`/v1/payments?subscription=${id}`)).body['data'] as { status: string }[];
      return payment?.status === 'succeeded';
    });
    await eventually(async () => (await get(`/v1/subscriptions/${id}`)).body['status'] === 'active');
  });

  test('tells what its workflow waits for', async () => {
    const ada = await customer('tok_succeeds');
    const { id } = await post('/v1/subscriptions', { customer: ada, plan });
    expect((await get(`/v1/subscriptions/${id}/workflow`)).body).toMatchObject({
      subscription: id,
      waiting_for: expect.any(String),
      until: expect.any(String),
      run_id: expect.any(String),
    });
    expect((await get('/health/ready')).body).toMatchObject({ status: 'ok', pollers: { billing: 'polled' } });
  });
});

describe('an invoice that is sent', () => {
  test('is paid out of band, voided, or given up and paid after all', async () => {
    const ada = await customer(null);
    const sent = async () => {
      const made = await post('/v1/subscriptions', {
        customer: ada,
        plan,
        collection_method: 'send_invoice',
        net_days: 14,
      });
      expect(made.body).toMatchObject({ status: 'active', net_days: 14 });
      return String(made.body['latest_invoice']);
    };
    const paid = await sent();
    expect((await post(`/v1/invoices/${paid}/pay`)).code).toBe('payment_method_missing');
    const manual = await post(`/v1/invoices/${paid}/pay`, {
      paid_out_of_band: true,
      reference: 'transfer 7',
    });
    expect([manual.status, manual.body]).toMatchObject([
      200,
      { status: 'paid', paid_out_of_band: true, amount_due: { amount: '0.00' } },
    ]);
    expect((await post(`/v1/invoices/${paid}/void`)).code).toBe('invoice_not_open');
    const voided = await sent();
    expect((await post(`/v1/invoices/${voided}/void`)).body).toMatchObject({ status: 'void' });
    const lost = await sent();
    expect((await post(`/v1/invoices/${lost}/mark_uncollectible`)).body).toMatchObject({
      status: 'uncollectible',
    });
    expect((await post(`/v1/invoices/${lost}/pay`, { paid_out_of_band: true })).body).toMatchObject({
      status: 'paid',
    });

    const payments = await get(`/v1/payments?customer=${ada}&limit=1`);
    expect(payments.body).toMatchObject({
      has_more: true,
      data: [{ status: 'succeeded', invoice: lost, attempt: null }],
    });
    const next = await get(`/v1/payments?customer=${ada}&cursor=${String(payments.body['next_cursor'])}`);
    expect(next.body).toMatchObject({ has_more: false, data: [{ invoice: paid, reference: 'transfer 7' }] });
    const [{ id }] = next.body['data'] as [{ id: string }];
    expect((await get(`/v1/payments/${id}`)).body).toMatchObject({ object: 'payment', id });
  });
});
