import { z } from 'zod';
import { INTERVAL_UNITS } from '../domain/calendar.ts';
import { ANCHORS, PRORATIONS } from '../domain/change.ts';
import { BILLINGS, TIMINGS } from '../domain/plan.ts';
import { PRICE_MODELS } from '../domain/price-terms.ts';
import {
  COLLECTION_METHODS,
  PAYMENT_BEHAVIORS,
  TRIAL_END_BEHAVIORS,
  USAGE_SCOPES,
} from '../domain/subscription.ts';

/**
 * The bodies of command rows: what was asked, validated, with every reference resolved to an id and every default filled
 * in, so that whoever applies a command looks nothing up. Instants are RFC 3339 UTC strings with milliseconds.
 */

const instant = z.string();

/**
 * A price that is agreed with this one subscription: its row is written with the command. `terms` are as `storeTerms`
 * makes them; `interval` is null for a price that is charged once.
 */
export const privatePrice = z.object({
  id: z.string(),
  plan: z.string(),
  plan_version: z.int(),
  key: z.string(),
  name: z.string(),
  item: z.string().nullable(),
  meter: z.string().nullable().default(null),
  currency: z.string(),
  terms: z.looseObject({ model: z.enum(PRICE_MODELS) }),
  billing: z.enum(BILLINGS),
  minimum: z.string().nullable(),
  maximum: z.string().nullable(),
  timing: z.enum(TIMINGS),
  interval: z.object({ unit: z.enum(INTERVAL_UNITS), count: z.int() }).nullable(),
});
export type PrivatePrice = z.infer<typeof privatePrice>;

/** What an item is to be. `price` names a row of the catalogue or a private price of the same command. */
const target = z.object({ key: z.string(), price: z.string(), quantity: z.string() });

export const createCommand = z.object({
  external_id: z.string().nullable(),
  customer: z.string(),
  plan: z.string(),
  plan_version: z.int(),
  currency: z.string(),
  items: z.array(target),
  /** What is charged once, with the first invoice. */
  once: z.array(target).default([]),
  /** Null: at the command's `requestedAt`. */
  start_at: instant.nullable(),
  /** At most one of the two is set; the plan's default trial is already in `trial_days`. */
  trial_days: z.int().nullable(),
  trial_end: instant.nullable(),
  billing_cycle: z.enum(['anniversary', 'calendar']),
  billing_anchor: instant.nullable(),
  proration_basis: z.enum(['day', 'second']),
  collection_method: z.enum(COLLECTION_METHODS),
  /** Set exactly for `send_invoice`. */
  net_days: z.int().nullable(),
  payment_behavior: z.enum(PAYMENT_BEHAVIORS),
  trial_end_behavior: z.enum(TRIAL_END_BEHAVIORS),
  cancel_at: instant.nullable(),
  /** Rows of before these were there mean what the defaults say. */
  trial_usage: z.enum(['free', 'billed']).default('free'),
  usage_scope: z.enum(USAGE_SCOPES).default('customer'),
  cycles: z.int().nullable().default(null),
  prices: z.array(privatePrice).default([]),
  metadata: z.record(z.string(), z.string()),
});
/** As it is written; `createCommand.parse` fills in what older rows do not say. */
export type CreateCommand = z.input<typeof createCommand>;
export type StoredCreateCommand = z.output<typeof createCommand>;

export const cancelCommand = z.object({
  mode: z.enum(['now', 'period_end', 'at']),
  /** Set exactly for mode `at`. */
  at: instant.nullable(),
  reason: z.string().nullable(),
  /** Whether fees paid ahead are given back in part. */
  credit: z.enum(['none', 'prorate']).default('none'),
  preview_token: z.string().nullable().default(null),
});
export type CancelCommand = z.input<typeof cancelCommand>;

/** When a command takes effect; `at` is set exactly for the effect `at`, in the future. */
const effect = {
  at: instant.nullable(),
  /** The command is refused unless its outcome is the one that was previewed. */
  preview_token: z.string().nullable(),
};

/** `Change` of the domain in ids and strings. Null where the class of the change decides (billing rules 15 to 16). */
export const changeBody = z.object({
  plan: z.object({ plan: z.string(), version: z.int() }).nullable(),
  set: z.array(target),
  remove: z.array(z.string()),
  once: z.array(target),
  proration: z.enum(PRORATIONS).nullable(),
  anchor: z.enum(ANCHORS).nullable(),
  billing_anchor: instant.nullable(),
  trial: z.enum(['keep', 'end']),
});
export type ChangeBody = z.infer<typeof changeBody>;

export const changeCommand = z.object({
  ...effect,
  effective: z.enum(['now', 'period_end', 'at']).nullable(),
  change: changeBody,
  prices: z.array(privatePrice),
});
export type ChangeCommand = z.infer<typeof changeCommand>;

export const pauseCommand = z.object({
  ...effect,
  effective: z.enum(['now', 'period_end', 'at']),
  credit: z.boolean(),
  resume_at: instant.nullable(),
});
export type PauseCommand = z.infer<typeof pauseCommand>;

export const resumeCommand = z.object({ ...effect, effective: z.enum(['now', 'at']) });
export type ResumeCommand = z.infer<typeof resumeCommand>;

/** Changes at instants that lie ahead, the earliest first; together they replace everything that is pending. */
export const scheduleCommand = z.object({
  phases: z.array(z.object({ at: instant, change: changeBody })),
  prices: z.array(privatePrice),
  preview_token: z.string().nullable(),
});
export type ScheduleCommand = z.infer<typeof scheduleCommand>;

export const cancelScheduledChangeCommand = z.object({ scheduled_change: z.string() });
export type CancelScheduledChangeCommand = z.infer<typeof cancelScheduledChangeCommand>;

/** `uncancel` and `end_trial` say nothing more. */
export const bareCommand = z.object({});
export type BareCommand = z.infer<typeof bareCommand>;

export const extendTrialCommand = z.object({ trial_end: instant });
export type ExtendTrialCommand = z.infer<typeof extendTrialCommand>;

/** For an invoice: charge it now, with this payment method or (null) the customer's default. */
export const payCommand = z.object({ payment_method: z.string().nullable() });
export type PayCommand = z.infer<typeof payCommand>;

/** What a refused command leaves behind in `commands.result`. */
export const commandRefusal = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});
