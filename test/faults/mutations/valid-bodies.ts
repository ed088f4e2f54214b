import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { anotherTenant, make, payer, sellPlan, subscribe, wanted } from '../outages/customers.ts';
import type { Stage } from '../stage.ts';
import type { Json } from './mutate.ts';
import { validChanges } from './valid-changes.ts';
import { validUsage } from './valid-usage.ts';

/** A request that is accepted as it is. */
export type Request = { path: string; body: Json; key?: string };

/**
 * For each POST and PATCH by its operationId, how a request is made that is accepted, on objects of its own, with every
 * field it knows. A new route has no entry here, and the attack says so.
 */
export async function validRequests(stage: Stage): Promise<Record<string, () => Promise<Request>>> {
  const plan = await sellPlan(stage);
  const other = await anotherTenant(stage);
  const operator = stage.operatorKey;
  const metadata = { tier: 'gold', note: 'x' };
  const customer = () => make(stage, '/v1/customers', { name: 'Ada' });
  const paying = async () => (await payer(stage, 'tok_succeeds')).id;
  const trial = async () => subscribe(stage, await paying(), plan, { trial_days: 30 });
  const owing = async () => subscribe(stage, await paying(), plan, { collection_method: 'send_invoice' });
  const bill = async () => firstInvoiceOf(stage, await owing());
  const account = () => make(stage, '/v1/accounts', { name: 'Example Inc' }, operator);
  const clock = () => make(stage, '/v1/test_clocks', { now: '2027-01-31T00:00:00Z' });
  // A tenant has 16 endpoints at most, so each is of a tenant of its own.
  const endpoint = async () => {
    const { key } = await anotherTenant(stage);
    const terms = { url: stage.receiver.url, event_types: ['plan.archived'] };
    return { key, path: `/v1/webhook_endpoints/${await make(stage, '/v1/webhook_endpoints', terms, key)}` };
  };
  const price = (key: string, more: object = {}) => ({
    key,
    name: 'Fee',
    model: 'flat',
    unit_amount: '29.00',
    currency: 'USD',
    timing: 'in_advance',
    interval: { unit: 'month', count: 1 },
    ...more,
  });
  const prices = [
    price('base'),
    price('seats', { model: 'per_unit', unit_amount: '0.0035', timing: 'in_arrears' }),
  ];

  return {
    ...(await validChanges(stage)),
    ...(await validUsage(stage)),
    createCustomer: async () => ({
      path: '/v1/customers',
      body: {
        name: 'Acme Ltd',
        external_id: randomUUID(),
        email: 'billing@acme.example',
        time_zone: 'Europe/Berlin',
        currency: 'EUR',
        test_clock: await clock(),
        metadata,
      },
    }),
    updateCustomer: async () => ({
      path: `/v1/customers/${await customer()}`,
      body: {
        name: 'Acme',
        external_id: randomUUID(),
        email: 'a@acme.example',
        time_zone: 'Asia/Tokyo',
        currency: 'JPY',
        metadata,
      },
    }),
    attachPaymentMethod: async () => ({
      path: `/v1/customers/${await customer()}/payment_methods`,
      body: { gateway: 'sandbox', token: 'tok_succeeds', default: true, metadata },
    }),
    updatePaymentMethod: async () => ({
      path: `/v1/payment_methods/${await attached(stage, await customer())}`,
      body: { default: true, metadata },
    }),
    detachPaymentMethod: async () => ({
      path: `/v1/payment_methods/${await attached(stage, await customer())}/detach`,
      body: {},
    }),
    createPlan: async () => ({
      path: '/v1/plans',
      body: {
        name: 'Pro',
        external_id: randomUUID(),
        description: 'All of it',
        trial_days: 14,
        prices,
        metadata,
      },
    }),
    updatePlan: async () => ({
      path: `/v1/plans/${await sellPlan(stage)}`,
      body: { name: 'Basic', external_id: randomUUID(), description: 'Some of it', metadata },
    }),
    createPlanVersion: async () => ({
      path: `/v1/plans/${await sellPlan(stage)}/versions`,
      body: { trial_days: 7, prices },
    }),
    archivePlan: async () => ({ path: `/v1/plans/${await sellPlan(stage)}/archive`, body: {} }),
    createSubscription: async () => ({
      path: '/v1/subscriptions',
      body: {
        customer: await paying(),
        plan: await make(stage, '/v1/plans', { name: 'Pro', prices }),
        external_id: randomUUID(),
        items: [
          { key: 'base', quantity: '1' },
          { key: 'seats', quantity: '2.5' },
        ],
        currency: 'USD',
        trial_days: 14,
        billing_cycle: 'anniversary',
        billing_anchor: '2027-01-31T00:00:00Z',
        proration_basis: 'second',
        collection_method: 'send_invoice',
        net_days: 14,
        payment_behavior: 'allow_incomplete',
        trial_end_behavior: 'activate',
        cancel_at: '2036-01-01T00:00:00Z',
        metadata,
      },
    }),
    cancelSubscription: async () => ({
      path: `/v1/subscriptions/${await owing()}/cancel`,
      body: { mode: 'at', at: '2036-01-01T00:00:00Z', reason: 'too expensive' },
    }),
    uncancelSubscription: async () => {
      const id = await owing();
      const path = `/v1/subscriptions/${id}/cancel`;
      wanted(await stage.http.insist('POST', path, { mode: 'period_end' }), path);
      return { path: `/v1/subscriptions/${id}/uncancel`, body: {} };
    },
    endTrial: async () => ({ path: `/v1/subscriptions/${await trial()}/end_trial`, body: {} }),
    extendTrial: async () => ({
      path: `/v1/subscriptions/${await trial()}/extend_trial`,
      body: { trial_end: new Date(Date.now() + 60 * 86_400_000).toISOString() },
    }),
    paySubscription: async () => {
      const id = await owing();
      await firstInvoiceOf(stage, id);
      return { path: `/v1/subscriptions/${id}/pay`, body: {} };
    },
    payInvoice: async () => ({
      path: `/v1/invoices/${await bill()}/pay`,
      body: { paid_out_of_band: true, reference: 'bank transfer 2027-01-14' },
    }),
    voidInvoice: async () => ({ path: `/v1/invoices/${await bill()}/void`, body: {} }),
    markInvoiceUncollectible: async () => ({
      path: `/v1/invoices/${await bill()}/mark_uncollectible`,
      body: {},
    }),
    createWebhookEndpoint: async () => ({
      path: '/v1/webhook_endpoints',
      key: (await anotherTenant(stage)).key,
      body: { url: stage.receiver.url, description: 'ours', event_types: ['invoice.paid'], metadata },
    }),
    updateWebhookEndpoint: () =>
      on(endpoint(), '', { url: stage.receiver.url, description: null, event_types: ['*'], metadata }),
    disableWebhookEndpoint: () => on(endpoint(), '/disable', {}),
    enableWebhookEndpoint: () => on(endpoint(), '/enable', { replay_from: '2026-01-01T00:00:00Z' }),
    rotateWebhookSecret: () => on(endpoint(), '/rotate_secret', { previous_expires_in_hours: 24 }),
    testWebhookEndpoint: () => on(endpoint(), '/test', {}),
    resendDelivery: async () => ({ path: `/v1/deliveries/${await delivered(stage)}/resend`, body: {} }),
    createTestClock: async () => ({
      path: '/v1/test_clocks',
      body: { name: 'a year of renewals', now: '2027-01-31T00:00:00Z', metadata },
    }),
    advanceTestClock: async () => ({
      path: `/v1/test_clocks/${await clock()}/advance`,
      body: { to: '2028-03-01T00:00:00Z' },
    }),
    createApiKey: async () => ({
      path: '/v1/api_keys',
      body: { name: 'nightly report', scopes: ['read'], expires_at: '2036-01-01T00:00:00Z' },
    }),
    revokeApiKey: async () => ({
      path: `/v1/api_keys/${await make(stage, '/v1/api_keys', { name: 'x' })}/revoke`,
      body: {},
    }),
    createAccount: async () => ({
      path: '/v1/accounts',
      key: operator,
      body: { name: 'Example Inc', metadata },
    }),
    createTenant: async () => ({
      path: '/v1/tenants',
      key: operator,
      body: {
        account: await account(),
        mode: 'test',
        name: 'Example',
        time_zone: 'Europe/Berlin',
        invoice_grace_hours: 1,
        trial_reminder_days: 3,
        dunning_policy: { retry_days: [1, 3], local_hour: 9, end_action: 'cancel', invoice: 'uncollectible' },
        metadata,
      },
    }),
    createTenantKey: async () => ({
      path: `/v1/tenants/${other.tenantId}/keys`,
      key: operator,
      body: { name: 'nightly report', scopes: ['read'], expires_at: '2036-01-01T00:00:00Z' },
    }),
    rotateCallbackSecret: async () => ({
      path: `/v1/tenants/${other.tenantId}/gateways/sandbox/rotate_secret`,
      key: operator,
      body: { previous_expires_in_hours: 24 },
    }),
  };
}

async function on(made: Promise<{ path: string; key: string }>, verb: string, body: Json): Promise<Request> {
  const { path, key } = await made;
  return { path: path + verb, key, body };
}

function attached(stage: Stage, customer: string): Promise<string> {
  return make(stage, `/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
}

async function firstInvoiceOf(stage: Stage, subscription: string): Promise<string> {
  return until('an invoice', async () =>
    firstOf(await stage.http.send('GET', `/v1/invoices?subscription=${subscription}`)),
  );
}

/** A test event of an endpoint whose deliveries arrive, once it has arrived. */
async function delivered(stage: Stage): Promise<string> {
  const endpoint = await until('an endpoint', async () =>
    firstOf(await stage.http.send('GET', '/v1/webhook_endpoints?limit=1')),
  );
  const id = await make(stage, `/v1/webhook_endpoints/${endpoint}/test`, {});
  return until('a delivery', async () => {
    const { body } = await stage.http.send('GET', `/v1/deliveries/${id}`);
    return body['status'] === 'delivered' ? id : null;
  });
}

function firstOf({ body }: { body: Record<string, unknown> }): string | null {
  const { data } = body;
  const first: unknown = Array.isArray(data) ? data[0] : null;
  return typeof first === 'object' && first !== null && 'id' in first ? String(first.id) : null;
}

async function until(what: string, look: () => Promise<string | null>): Promise<string> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 100) {
    const found = await look();
    if (found) return found;
    await sleep(100);
  }
  throw new Error(`there was not ${what} within 20 s`);
}
