import type { z } from 'zod';
import { pathId, presentInstant, presentMoney } from '../../src/contract/common.ts';
import {
  itemCostsOut,
  itemUsagesOut,
  meterQuery,
  meterUsageOut,
  presentItemCost,
  presentItemUsage,
} from '../../src/contract/meter-queries.ts';
import { type CountingRule, versionAt } from '../../src/domain/meter.ts';
import { sum } from '../../src/domain/money.ts';
import type { Subscription } from '../../src/domain/subscription.ts';
import { bucketsMax } from '../../src/domain/usage-buckets.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findTenant } from '../../src/persistence/find.ts';
import {
  findCustomerByReference,
  findSubscriptionByReference,
  found,
} from '../../src/persistence/find-by-reference.ts';
import { findMeterByReference, type VersionedMeter } from '../../src/persistence/meters.ts';
import { readUsage } from '../../src/persistence/read-usage.ts';
import { findRows } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { costsNow, usageNow } from '../current-usage.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

const BUCKETS_MAX = 10_000;
/** Of one customer; who has more asks for each, as some of them would look like all. */
const SUBSCRIPTIONS_MAX = 100;

const queryMeter = route({
  method: 'get',
  path: '/v1/meters/{id}/query',
  operationId: 'queryMeter',
  summary: 'Ask what a meter counted',
  description:
    'By hours, days or months of a time zone, or in total; of everybody, a customer, or a subscription; told apart by properties. Exact at every moment: whole hours come from sub-totals, and what those have not seen yet is counted from the events.',
  tag: 'Usage',
  auth: 'tenant',
  params: pathId,
  query: meterQuery,
  response: { description: 'The quantities, oldest first.', schema: meterUsageOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { tenantId, params, query: asked }) {
    const meter = found(await findMeterByReference(tx, params.id), 'meter');
    const rule = ruleFor(meter, asked);
    const { customer, subscription } = await whose(tx, asked);
    const by = asked['group_by[]'] ?? [];
    assertQuestion(rule, asked, by);
    const timeZone =
      asked.time_zone ?? subscription?.timeZone ?? customer?.timeZone ?? (await tenantZone(tx, tenantId));
    const range = {
      customerId: customer?.id ?? null,
      subscription,
      start: new Date(asked.from),
      end: new Date(asked.to),
      granularity: asked.granularity,
      timeZone,
      by,
    };
    const { points } = await readUsage(tx, rule, range);
    return {
      object: 'meter_usage' as const,
      meter: meter.id,
      meter_version: rule.version,
      from: asked.from,
      to: asked.to,
      granularity: asked.granularity,
      time_zone: timeZone,
      data: points.map(({ start, end, values, billable, quantity, eventCount }) => ({
        start: presentInstant(start),
        end: presentInstant(end),
        group: Object.fromEntries(by.map((property, index) => [property, values[index] ?? ''])),
        quantity: billable.toFixed(),
        counted: quantity.toFixed(),
        events: eventCount,
      })),
    };
  },
});

type Asked = z.output<typeof meterQuery>;

function ruleFor(meter: VersionedMeter, { version, from }: Asked): CountingRule {
  const { eventName, versions } = meter;
  const wanted =
    version === undefined
      ? versionAt(versions, new Date(from))
      : (versions.find((one) => one.version === version) ?? null);
  return { ...found(wanted, 'version of this meter'), eventName };
}

async function whose(tx: Tx, asked: Asked) {
  const [customer, subscription] = await Promise.all([
    asked.customer === undefined ? null : findCustomerByReference(tx, asked.customer),
    asked.subscription === undefined ? null : findSubscriptionByReference(tx, asked.subscription),
  ]);
  const refuse = (path: string, code: string, message: string) => invalid([{ path, code, message }]);
  if (asked.customer !== undefined && !customer)
    throw refuse('customer', 'not_found', 'There is no such customer; look whether the id is right.');
  if (asked.subscription !== undefined && !subscription)
    throw refuse('subscription', 'not_found', 'There is no such subscription; look whether the id is right.');
  if (customer && subscription && subscription.customerId !== customer.id)
    throw refuse(
      'subscription',
      'conflicting_fields',
      'This subscription is of another customer; leave customer out.',
    );
  const owner = subscription ? await findCustomerByReference(tx, subscription.customerId) : customer;
  return { customer: owner, subscription };
}

/** What cannot be answered is said before it costs something. */
function assertQuestion(rule: CountingRule, { from, to, granularity }: Asked, by: readonly string[]): void {
  const range = { start: new Date(from), end: new Date(to) };
  if (range.end <= range.start)
    throw invalid([{ path: 'to', code: 'too_early', message: 'Write an instant after from.' }]);
  const finest = rule.bucket === 'hour' ? 'hour' : granularity;
  if (bucketsMax(range, finest) > BUCKETS_MAX) {
    const message = `That is more than ${BUCKETS_MAX} ${finest}s; ask for a shorter time${finest === granularity ? ', or a coarser granularity' : ': the meter prices each hour alone'}.`;
    throw invalid([{ path: 'to', code: 'too_big', message }]);
  }
  const strange = by.find(
    (property, index) => !rule.groupBy.includes(property) || by.indexOf(property) !== index,
  );
  if (strange !== undefined) {
    const known = rule.groupBy.length > 0 ? rule.groupBy.join(', ') : 'none';
    const message = `The meter keeps quantities apart by ${known}; name each at most once.`;
    throw invalid([{ path: 'group_by[]', code: 'not_one_of', message }]);
  }
}

async function tenantZone(tx: Tx, tenantId: string): Promise<string> {
  return (await findTenant(tx, tenantId))?.timeZone ?? 'UTC';
}

const customerUsage = route({
  method: 'get',
  path: '/v1/customers/{id}/usage',
  operationId: 'getCustomerUsage',
  summary: "A customer's usage",
  description:
    'What was used of every metered item of its subscriptions in their running periods, until now.',
  tag: 'Usage',
  auth: 'tenant',
  params: pathId,
  response: { description: 'One entry for each metered item.', schema: itemUsagesOut },
  errors: ['not_found', 'clock_advancing'],
  kind: 'read',
  async handler(tx, { params }) {
    const usages = await usageNow(tx, await liveSubscriptions(tx, params.id));
    return { object: 'list' as const, data: usages.map(presentItemUsage) };
  },
});

const customerCosts = route({
  method: 'get',
  path: '/v1/customers/{id}/costs',
  operationId: 'getCustomerCosts',
  summary: "A customer's costs of usage",
  description:
    'The same priced now, as it would stand on the invoices if the periods ended with what is known, with the explanation.',
  tag: 'Usage',
  auth: 'tenant',
  params: pathId,
  response: { description: 'One entry for each metered item.', schema: itemCostsOut },
  errors: ['not_found', 'clock_advancing'],
  kind: 'read',
  async handler(tx, { params }) {
    const costs = await costsNow(tx, await liveSubscriptions(tx, params.id));
    const byCurrency = Map.groupBy(costs, ({ price }) => price.currency);
    return {
      object: 'list' as const,
      data: costs.map(presentItemCost),
      totals: [...byCurrency].map(([currency, own]) =>
        presentMoney(sum(own.map(({ amount }) => amount)), currency),
      ),
    };
  },
});

const subscriptionUsage = route({
  method: 'get',
  path: '/v1/subscriptions/{id}/usage/summary',
  operationId: 'getSubscriptionUsage',
  summary: "A subscription's metered usage",
  description:
    'What was used of each metered item in its running period, until now. What is reported per subscription is listed by `GET /v1/subscriptions/{id}/usage`.',
  tag: 'Usage',
  auth: 'tenant',
  params: pathId,
  response: { description: 'One entry for each metered item.', schema: itemUsagesOut },
  errors: ['not_found', 'clock_advancing'],
  kind: 'read',
  async handler(tx, { params }) {
    const subscription = found(await findSubscriptionByReference(tx, params.id), 'subscription');
    const usages = await usageNow(tx, [subscription]);
    return { object: 'list' as const, data: usages.map(presentItemUsage) };
  },
});

async function liveSubscriptions(tx: Tx, reference: string): Promise<Subscription[]> {
  const customer = found(await findCustomerByReference(tx, reference), 'customer');
  const live = await findRows(
    tx,
    SubscriptionSchema,
    { customerId: customer.id, endedAt: null },
    { orderBy: { id: 'asc' }, limit: SUBSCRIPTIONS_MAX + 1 },
  );
  if (live.length <= SUBSCRIPTIONS_MAX) return live;
  const message = `The customer has more than ${SUBSCRIPTIONS_MAX} subscriptions; ask for each: GET /v1/subscriptions/{id}/usage/summary, or GET /v1/invoices/upcoming?subscription={id} for what it costs.`;
  throw invalid([{ path: 'id', code: 'too_big', message }]);
}

export const meterQueryRoutes: Route[] = [queryMeter, customerUsage, customerCosts, subscriptionUsage];
