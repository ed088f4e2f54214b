import { randomUUID } from 'node:crypto';
import { make, payer, subscribe } from '../outages/customers.ts';
import type { Stage } from '../stage.ts';
import type { Json } from './mutate.ts';

type Request = { path: string; body: Json };
type Makers = Record<string, () => Promise<Request>>;

const interval = { unit: 'month', count: 1 };
const seats = {
  key: 'seats',
  name: 'Seats',
  model: 'per_unit',
  unit_amount: '9.00',
  currency: 'USD',
  minimum: '5.00',
  maximum: '500.00',
  interval,
};
const calls = {
  key: 'calls',
  name: 'API calls',
  model: 'graduated',
  billing: 'usage',
  currency: 'USD',
  interval,
  tiers: [
    { from: 0, up_to: 100, unit_amount: '0.01', flat_amount: '1' },
    { up_to: null, unit_amount: '0.005' },
  ],
};
const setup = { key: 'setup', model: 'flat', unit_amount: '490.00', currency: 'USD', interval: null };
const metadata = { tier: 'gold' };

/** Requests that are accepted as they are, for what is sold and for what changes a subscription. */
export async function validChanges(stage: Stage): Promise<Makers> {
  const plan = (prices: Json[] = [seats, calls]) => make(stage, '/v1/plans', { name: 'Team', prices });
  const addOn = () => make(stage, '/v1/add_ons', { name: 'Setup', prices: [setup] });
  const item = () => make(stage, '/v1/items', { name: 'API calls', external_id: randomUUID() });
  const team = await plan();
  const business = await plan([{ ...seats, unit_amount: '12.00' }, calls]);
  const once = await addOn();
  const live = async () => subscribe(stage, (await payer(stage, 'tok_succeeds')).id, team);
  const paused = async () => {
    const id = await live();
    await stage.http.insist('POST', `/v1/subscriptions/${id}/pause`, {});
    return id;
  };
  /** A migration of nobody is over in a moment, unless it is paused before. */
  const stopped = async (): Promise<string> => {
    const id = await make(stage, `/v1/plans/${await plan()}/migrations`, {});
    const { status } = await stage.http.insist('POST', `/v1/plan_migrations/${id}/pause`, {});
    return status < 300 ? id : stopped();
  };
  const steered = (verb: string) => async () => ({
    path: `/v1/plan_migrations/${await stopped()}/${verb}`,
    body: {},
  });
  const change = {
    plan: business,
    items: [{ key: 'seats', quantity: '2.5' }],
    once: [{ add_on: once, key: 'setup', quantity: '1' }],
    prices: [{ key: 'seats', model: 'volume', tiers: [{ up_to: null, unit_amount: '8' }] }],
    effective: 'now',
    proration: 'next_invoice',
    anchor: 'keep',
    trial: 'keep',
  };
  const schedule = { phases: [{ after_cycles: 2, items: [{ key: 'seats', quantity: 3 }] }] };
  const of = (id: () => Promise<string>, verb: string, body: Json) => async () => ({
    path: `/v1/subscriptions/${await id()}/${verb}`,
    body,
  });
  const quantity = { key: 'seats', quantity: 4, effective: 'now', proration: 'invoice_now' };
  const pause = { effective: 'now', credit: true, resume_at: '2035-01-01T00:00:00Z' };
  return {
    createAddOn: async () => ({
      path: '/v1/add_ons',
      body: { name: 'Setup', external_id: randomUUID(), description: 'Once', prices: [setup], metadata },
    }),
    updateAddOn: async () => ({
      path: `/v1/add_ons/${await addOn()}`,
      body: { name: 'Set-up', external_id: randomUUID(), description: 'Only once', metadata },
    }),
    createAddOnVersion: async () => ({
      path: `/v1/add_ons/${await addOn()}/versions`,
      body: { prices: [{ ...setup, unit_amount: '590.00' }] },
    }),
    archiveAddOn: async () => ({ path: `/v1/add_ons/${await addOn()}/archive`, body: {} }),
    createItem: async () => ({
      path: '/v1/items',
      body: { name: 'API calls', external_id: randomUUID(), description: 'All of them', metadata },
    }),
    updateItem: async () => ({
      path: `/v1/items/${await item()}`,
      body: { name: 'Calls', external_id: randomUUID(), description: null, metadata },
    }),
    archiveItem: async () => ({ path: `/v1/items/${await item()}/archive`, body: {} }),
    evaluatePrice: async () => ({
      path: '/v1/prices/evaluate',
      body: {
        price: calls,
        events: [{ quantity: '3', at: '2027-01-01T00:00:00Z', properties: { region: 'eu' } }],
        fraction: { numerator: 3, denominator: 31, unit: 'day' },
        already_billed: '0.01',
      },
    }),
    changeSubscription: of(live, 'change', change),
    changeSubscriptionQuantity: of(live, 'quantity', quantity),
    scheduleSubscription: of(live, 'schedule', schedule),
    pauseSubscription: of(live, 'pause', pause),
    resumeSubscription: of(paused, 'resume', { effective: 'now' }),
    previewSubscriptionChange: of(live, 'change/preview', change),
    previewSubscriptionQuantity: of(live, 'quantity/preview', quantity),
    previewSubscriptionSchedule: of(live, 'schedule/preview', schedule),
    previewSubscriptionPause: of(live, 'pause/preview', pause),
    previewSubscriptionResume: of(paused, 'resume/preview', { effective: 'now' }),
    previewSubscriptionCancellation: of(live, 'cancel/preview', { mode: 'now', credit: 'prorate' }),
    reportUsage: async () => ({
      path: `/v1/subscriptions/${await live()}/usage`,
      body: { key: 'calls', quantity: '12.5', properties: { region: 'eu' }, record_key: randomUUID() },
    }),
    createPlanMigration: async () => ({
      path: `/v1/plans/${team}/migrations`,
      body: { dry_run: true, effective: 'period_end' },
    }),
    pausePlanMigration: steered('pause'),
    resumePlanMigration: steered('resume'),
    cancelPlanMigration: steered('cancel'),
    simulate: async () => ({
      path: '/v1/simulations',
      body: {
        catalogue: { plans: [{ id: 'team', prices: [seats] }] },
        customer: { time_zone: 'Europe/Berlin', payment_method: 'succeeds' },
        timeline: [
          { at: '2027-01-31', action: 'subscribe', subscription: 'main', plan: 'team' },
          { at: '2027-02-10', action: 'set_quantity', subscription: 'main', key: 'seats', quantity: 4 },
        ],
        until: '2027-06-30',
      },
    }),
  };
}
