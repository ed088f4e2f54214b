import { z } from 'zod';
import { COLLECTION_METHODS, PAYMENT_BEHAVIORS, TRIAL_END_BEHAVIORS } from '../domain/subscription.ts';

/**
 * The bodies of command rows: what was asked, validated, with every reference resolved to an id and every default filled
 * in, so that whoever applies a command looks nothing up. Instants are RFC 3339 UTC strings with milliseconds.
 */

const instant = z.string();

export const createCommand = z.object({
  external_id: z.string().nullable(),
  customer: z.string(),
  plan: z.string(),
  plan_version: z.int(),
  currency: z.string(),
  items: z.array(z.object({ key: z.string(), price: z.string(), quantity: z.string() })),
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
  metadata: z.record(z.string(), z.string()),
});
export type CreateCommand = z.infer<typeof createCommand>;

export const cancelCommand = z.object({
  mode: z.enum(['now', 'period_end', 'at']),
  /** Set exactly for mode `at`. */
  at: instant.nullable(),
  reason: z.string().nullable(),
});
export type CancelCommand = z.infer<typeof cancelCommand>;

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
