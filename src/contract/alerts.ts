import { z } from 'zod';
import { ALERT_KINDS, type Alert, type AlertFiring, RESOLUTIONS } from '../domain/alert.ts';
import { FEATURE_RESETS } from '../domain/feature.ts';
import { Decimal } from '../domain/money.ts';
import {
  currencyIn,
  idOut,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  nameIn,
  presentInstant,
  presentOptionalInstant,
  reference,
} from './common.ts';

const THRESHOLDS_MAX = 20;
const AMOUNT = /^(?!0+(\.0+)?$)(0|[1-9]\d{0,14})(\.\d{1,12})?$/;

const thresholdsIn = z
  .array(
    z.union([z.int(), z.string()]).transform((amount, ctx) => {
      const text = String(amount);
      if (AMOUNT.test(text)) return new Decimal(text).toFixed();
      const message = 'Write an amount above zero: a whole number, or a decimal string such as "80.5".';
      ctx.addIssue({ code: 'custom', message, params: { code: 'amount_invalid' } });
      return z.NEVER;
    }),
  )
  .min(1, 'Name at least one threshold.')
  .max(THRESHOLDS_MAX, `An alert has at most ${THRESHOLDS_MAX} thresholds.`)
  .superRefine((thresholds, ctx) => {
    for (const [index, threshold] of thresholds.entries()) {
      const before = thresholds[index - 1];
      if (before === undefined || new Decimal(before).lt(threshold)) continue;
      const message = `The threshold before is ${before}: write them by amount, each once.`;
      ctx.addIssue({ code: 'custom', path: [index], message, params: { code: 'not_ascending' } });
    }
  })
  .meta({
    description: 'Each is told once per period, at the very amount or beyond it.',
    examples: [['800', '1000']],
  });

export const alertCreate = z
  .strictObject({
    name: nameIn,
    kind: z.enum(ALERT_KINDS, { error: `Write one of ${ALERT_KINDS.join(', ')}.` }).meta({
      description:
        '`usage`: what a meter counted. `cost`: what the use of a subscription has come to at its prices, before discounts and tax.',
    }),
    meter: reference('mtr', 'meter')
      .optional()
      .meta({ description: 'What is counted; a cost without one is that of all use.' }),
    customer: reference('cus', 'customer').optional(),
    subscription: reference('sub', 'subscription').optional().meta({
      description: 'Without a subscription and a customer, every customer is looked at by itself.',
    }),
    reset: z.enum(FEATURE_RESETS).optional().meta({
      description:
        "When usage begins at zero again: with the billing period, unless told otherwise, or with the customer's calendar. A cost is that of the billing period.",
    }),
    currency: currencyIn
      .optional()
      .meta({ description: 'Of a cost: subscriptions in other currencies are not looked at.' }),
    thresholds: thresholdsIn,
    metadata: metadataIn.optional(),
  })
  .superRefine(({ kind, meter, reset, currency, customer, subscription }, ctx) => {
    const refuse = (path: string, code: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [path], message, params: { code } });
    if (kind === 'usage' && meter === undefined) refuse('meter', 'required', 'Name the meter that counts.');
    if (kind === 'usage' && currency !== undefined)
      refuse('currency', 'conflicting_fields', 'Usage has no currency: leave it out.');
    if (kind === 'cost' && currency === undefined)
      refuse('currency', 'required', 'Say in which currency the thresholds are.');
    if (kind === 'cost' && reset !== undefined && reset !== 'billing_period')
      refuse('reset', 'conflicting_fields', 'A cost is that of the billing period: leave it out.');
    if (customer !== undefined && subscription !== undefined)
      refuse('customer', 'conflicting_fields', 'The subscription says whose it is: leave it out.');
  })
  .meta({
    id: 'AlertCreate',
    examples: [{ name: 'Quota', kind: 'usage', meter: 'external:calls', thresholds: ['800', '1000'] }],
  });

export const alertUpdate = z
  .strictObject({
    name: nameIn.optional(),
    thresholds: thresholdsIn.optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'AlertUpdate' });

const amountOut = z.string().meta({ examples: ['1000'] });
const about = {
  kind: z.enum(ALERT_KINDS),
  meter: idOut('mtr').nullable(),
  currency: z.string().nullable().meta({ description: 'Of a cost.' }),
};

export const alertOut = z
  .object({
    object: z.literal('alert'),
    id: idOut('alrt'),
    name: z.string(),
    ...about,
    customer: idOut('cus').nullable(),
    subscription: idOut('sub').nullable(),
    reset: z.enum(FEATURE_RESETS),
    thresholds: z.array(amountOut),
    archived_at: instantOut.nullable(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Alert', description: 'Tells when use, or its cost, comes to one of its thresholds.' });

export const alertFiringOut = z
  .object({
    object: z.literal('alert_firing'),
    id: idOut('fir'),
    alert: idOut('alrt'),
    name: z.string().meta({ description: 'Of the alert.' }),
    ...about,
    customer: idOut('cus'),
    subscription: idOut('sub').nullable(),
    threshold: amountOut,
    value: amountOut.meta({ description: 'What it had come to when that was seen.' }),
    period: z.object({ start: instantOut, end: instantOut }),
    triggered_at: instantOut,
    resolved_at: instantOut.nullable(),
    resolution: z.enum(RESOLUTIONS).nullable().meta({
      description: '`below`: a correction took use back. `period_over`: another one has begun.',
    }),
    metadata: metadataOut.meta({ description: 'Of the alert.' }),
  })
  .meta({
    id: 'AlertFiring',
    description:
      'A threshold that was reached in one period. In events each is an object of its own: sequence 1 when it was triggered, 2 when it was resolved.',
  });

export function presentAlert(alert: Alert): z.infer<typeof alertOut> {
  return {
    object: 'alert',
    id: alert.id,
    name: alert.name,
    kind: alert.kind,
    meter: alert.meterId,
    currency: alert.currency,
    customer: alert.customerId,
    subscription: alert.subscriptionId,
    reset: alert.reset,
    thresholds: alert.thresholds,
    archived_at: presentOptionalInstant(alert.archivedAt),
    metadata: alert.metadata,
    created_at: presentInstant(alert.createdAt),
    updated_at: presentInstant(alert.updatedAt),
  };
}

export function presentFiring(alert: Alert, firing: AlertFiring): z.infer<typeof alertFiringOut> {
  return {
    object: 'alert_firing',
    id: firing.id,
    alert: alert.id,
    name: alert.name,
    kind: alert.kind,
    meter: alert.meterId,
    currency: alert.currency,
    customer: firing.customerId,
    subscription: firing.subscriptionId,
    threshold: firing.threshold.toFixed(),
    value: firing.value.toFixed(),
    period: { start: presentInstant(firing.periodStart), end: presentInstant(firing.periodEnd) },
    triggered_at: presentInstant(firing.triggeredAt),
    resolved_at: presentOptionalInstant(firing.resolvedAt),
    resolution: firing.resolution,
    metadata: alert.metadata,
  };
}
