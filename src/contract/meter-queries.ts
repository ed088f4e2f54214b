import { z } from 'zod';
import type { Period } from '../domain/calendar.ts';
import type { CountingRule } from '../domain/meter.ts';
import type { Decimal } from '../domain/money.ts';
import type { Price } from '../domain/plan.ts';
import { GRANULARITIES } from '../domain/usage-buckets.ts';
import {
  idOut,
  instantIn,
  instantOut,
  moneyOut,
  oneOrMore,
  presentInstant,
  presentMoney,
  reference,
  timeZoneIn,
} from './common.ts';
import { traceOut } from './traces.ts';

/** Questions about what meters counted: as a series, and per item of a subscription in its running period. */

export const meterQuery = z.strictObject({
  from: instantIn.meta({ description: 'Inclusive.' }),
  to: instantIn.meta({ description: 'Exclusive.' }),
  granularity: z.enum(GRANULARITIES).default('day'),
  time_zone: timeZoneIn.optional().meta({
    description: "Whose hours, days and months; the customer's when absent, and the tenant's without one.",
  }),
  'group_by[]': oneOrMore(z.string().min(1).max(100)).meta({
    description: "Properties to tell quantities apart by, among the meter's own group_by.",
  }),
  customer: reference('cus', 'customer').optional(),
  subscription: reference('sub', 'subscription')
    .optional()
    .meta({ description: 'Only what this subscription would be billed for.' }),
  version: z.coerce
    .number('Write the number of a version.')
    .int('Write the number of a version.')
    .min(1)
    .optional()
    .meta({ description: 'By which version to count; the one in force at `from` when absent.' }),
});

const quantityOut = z.string().meta({ examples: ['1250.5'] });

export const meterUsageOut = z
  .object({
    object: z.literal('meter_usage'),
    meter: idOut('mtr'),
    meter_version: z.int(),
    from: instantOut,
    to: instantOut,
    granularity: z.enum(GRANULARITIES),
    time_zone: z.string(),
    data: z.array(
      z.object({
        start: instantOut,
        end: instantOut,
        group: z
          .record(z.string(), z.string())
          .meta({ description: 'The value of each property of group_by; empty where it is missing.' }),
        quantity: quantityOut.meta({
          description: 'As it would be priced: rounded as the meter says, never below zero.',
        }),
        counted: quantityOut.meta({ description: 'The same before any rounding.' }),
        events: z.int().meta({ description: 'How many events it was counted of.' }),
      }),
    ),
  })
  .meta({
    id: 'MeterUsage',
    description: 'As of the moment it was asked, with every event that was acknowledged before.',
  });

const metered = {
  subscription: idOut('sub'),
  key: z.string().meta({ description: 'Of the item.' }),
  name: z.string(),
  price: idOut('price'),
  meter: idOut('mtr'),
  meter_version: z.int(),
  period: z.object({ start: instantOut, end: instantOut }),
  until: instantOut.meta({ description: 'Usage before this instant is in it.' }),
  quantity: quantityOut.meta({ description: 'As it is priced.' }),
  events: z.int(),
};

const itemUsageOut = z.object({ object: z.literal('item_usage'), ...metered }).meta({
  id: 'ItemUsage',
  description: 'What was used of a metered item in its running period.',
});

const itemCostOut = z
  .object({
    object: z.literal('item_cost'),
    ...metered,
    amount: moneyOut.meta({
      description: 'What the period comes to if nothing more is used, before discounts and tax.',
    }),
    already_billed: moneyOut.meta({ description: 'How much of it stands on threshold invoices.' }),
    trace: traceOut,
    explanation: z.array(z.string()).meta({ description: 'The trace in sentences.' }),
  })
  .meta({
    id: 'ItemCost',
    description: 'What was used of a metered item in its running period, priced now.',
  });

const all = <T extends z.ZodType>(item: T) => z.object({ object: z.literal('list'), data: z.array(item) });
export const itemUsagesOut = all(itemUsageOut);
export const itemCostsOut = all(itemCostOut).extend({
  totals: z.array(moneyOut).meta({ description: 'The sum of the amounts, for each currency.' }),
});

/** An item in its running period, and what was counted of it. */
export type ItemUsage = {
  subscriptionId: string;
  key: string;
  price: Price;
  rule: Pick<CountingRule, 'meterId' | 'version'>;
  period: Period;
  until: Date;
  quantity: Decimal;
  eventCount: number;
};

/** What an item has come to until now. */
export type ItemCost = ItemUsage & {
  amount: Decimal;
  alreadyBilled: Decimal;
  trace: z.infer<typeof traceOut>;
  explanation: string[];
};

export function presentItemUsage(usage: ItemUsage): z.infer<typeof itemUsageOut> {
  return { object: 'item_usage', ...shared(usage) };
}

export function presentItemCost(cost: ItemCost): z.infer<typeof itemCostOut> {
  const { currency } = cost.price;
  return {
    object: 'item_cost',
    ...shared(cost),
    amount: presentMoney(cost.amount, currency),
    already_billed: presentMoney(cost.alreadyBilled, currency),
    trace: cost.trace,
    explanation: cost.explanation,
  };
}

function shared(usage: ItemUsage) {
  return {
    subscription: usage.subscriptionId,
    key: usage.key,
    name: usage.price.name,
    price: usage.price.id,
    meter: usage.rule.meterId,
    meter_version: usage.rule.version,
    period: { start: presentInstant(usage.period.start), end: presentInstant(usage.period.end) },
    until: presentInstant(usage.until),
    quantity: usage.quantity.toFixed(),
    events: usage.eventCount,
  };
}
