import { z } from 'zod';
import { DUNNING_END_ACTIONS, type DunningPolicy } from '../domain/dunning.ts';
import type { Account, Tenant } from '../domain/tenant.ts';
import {
  idIn,
  idOut,
  instantOut,
  metadataIn,
  metadataOut,
  nameIn,
  presentInstant,
  timeZoneIn,
} from './common.ts';

export const accountCreate = z
  .strictObject({ name: nameIn, metadata: metadataIn.optional() })
  .meta({ id: 'AccountCreate', examples: [{ name: 'Example Inc' }] });

export const accountOut = z
  .object({
    object: z.literal('account'),
    id: idOut('acc'),
    name: z.string(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Account' });

const retryDays = z
  .array(z.int().min(1).max(90))
  .max(20)
  .refine((days) => days.every((day, index) => index === 0 || day > (days[index - 1] ?? 0)), {
    error: 'Write the days after the first failure in increasing order, such as [1, 3, 5, 7].',
    params: { code: 'not_increasing' },
  });

export const dunningPolicyIn = z
  .strictObject({
    retry_days: retryDays,
    local_hour: z.int().min(0).max(23).default(9),
    end_action: z.enum(DUNNING_END_ACTIONS).default('cancel').meta({
      description:
        'What becomes of the subscription when every retry has failed. "pause" gives back the time that is left, off the open invoice first, until the subscription is resumed.',
    }),
    invoice: z.enum(['uncollectible', 'leave_open']).optional().meta({
      description:
        'What becomes of the invoice: "uncollectible" when absent and the end is "cancel", else "leave_open".',
    }),
  })
  .superRefine(({ end_action, invoice }, ctx) => {
    if (invoice !== 'uncollectible' || end_action === 'cancel') return;
    const message =
      'A subscription that goes on keeps its debt: use "leave_open", or the end_action "cancel".';
    ctx.addIssue({ code: 'custom', path: ['invoice'], message, params: { code: 'conflicting_fields' } });
  })
  .meta({ id: 'DunningPolicyInput', examples: [{ retry_days: [1, 3, 5, 7], end_action: 'cancel' }] });

export const tenantCreate = z
  .strictObject({
    account: idIn('acc', 'account'),
    mode: z.enum(['live', 'test']),
    name: nameIn,
    time_zone: timeZoneIn.default('UTC'),
    invoice_grace_hours: z
      .int()
      .min(0)
      .max(720)
      .default(0)
      .meta({ description: 'How long a draft waits before it is finalized.' }),
    trial_reminder_days: z.int().min(1).max(30).nullable().default(null).meta({
      description: 'How many days before a trial ends `subscription.trial_will_end` is sent; null: never.',
    }),
    backdate_days_max: z
      .int()
      .min(0)
      .max(730)
      .default(90)
      .meta({ description: 'How many days ago a subscription may begin.' }),
    late_window_days: z.int().min(1).max(400).default(35).meta({
      description:
        'How old a usage event may be when it arrives, and how long a closed period is looked at for late ones.',
    }),
    usage_retention_days: z.int().min(60).max(3650).nullable().default(null).meta({
      description: 'After how many days usage events are deleted; null: never.',
    }),
    dunning_policy: dunningPolicyIn.optional(),
    metadata: metadataIn.optional(),
  })
  .meta({
    id: 'TenantCreate',
    examples: [
      {
        account: 'acc_01kaj3n6xve9ytv0w4s5h7m2pq',
        mode: 'test',
        name: 'Example (test)',
        time_zone: 'Europe/Berlin',
      },
    ],
  });

export const tenantOut = z
  .object({
    object: z.literal('tenant'),
    id: idOut('ten'),
    account: idOut('acc'),
    mode: z.enum(['live', 'test']),
    name: z.string(),
    time_zone: z.string(),
    invoice_grace_hours: z.int(),
    trial_reminder_days: z.int().nullable(),
    backdate_days_max: z.int(),
    late_window_days: z.int(),
    usage_retention_days: z.int().nullable(),
    dunning_policy: z
      .object({
        retry_days: z.array(z.int()),
        local_hour: z.int(),
        end_action: z.enum(DUNNING_END_ACTIONS),
        invoice: z.enum(['uncollectible', 'leave_open']),
      })
      .nullable()
      .meta({ description: 'Null: the default policy.' }),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Tenant' });

/** An account as its operator sees it. */
export function presentAccount(account: Account): z.infer<typeof accountOut> {
  return {
    object: 'account',
    id: account.id,
    name: account.name,
    metadata: account.metadata,
    created_at: presentInstant(account.createdAt),
    updated_at: presentInstant(account.updatedAt),
  };
}

/** A tenant as its operator sees it. */
export function presentTenant(tenant: Tenant): z.infer<typeof tenantOut> {
  return {
    object: 'tenant',
    id: tenant.id,
    account: tenant.accountId,
    mode: tenant.mode,
    name: tenant.name,
    time_zone: tenant.timeZone,
    invoice_grace_hours: tenant.invoiceGraceHours,
    trial_reminder_days: tenant.trialReminderDays,
    backdate_days_max: tenant.backdateDaysMax,
    late_window_days: tenant.lateWindowDays,
    usage_retention_days: tenant.usageRetentionDays,
    dunning_policy: tenant.dunningPolicy && presentDunningPolicy(tenant.dunningPolicy),
    metadata: tenant.metadata,
    created_at: presentInstant(tenant.createdAt),
    updated_at: presentInstant(tenant.updatedAt),
  };
}

/** A validated policy in the words of the domain. */
export function toDunningPolicy(policy: z.output<typeof dunningPolicyIn>): DunningPolicy {
  return {
    retryDays: policy.retry_days,
    localHour: policy.local_hour,
    endAction: policy.end_action,
    invoice: policy.invoice ?? (policy.end_action === 'cancel' ? 'uncollectible' : 'leave_open'),
  };
}

function presentDunningPolicy(
  policy: DunningPolicy,
): NonNullable<z.infer<typeof tenantOut>['dunning_policy']> {
  return {
    retry_days: [...policy.retryDays],
    local_hour: policy.localHour,
    end_action: policy.endAction,
    invoice: policy.invoice,
  };
}
