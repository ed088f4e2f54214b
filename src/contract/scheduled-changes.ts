import { z } from 'zod';
import { ANCHORS, PRORATIONS } from '../domain/change.ts';
import { SCHEDULED_CHANGE_STATUSES, type StoredChange } from '../domain/stored-change.ts';
import { idOut, instantOut, presentInstant, presentOptionalInstant } from './common.ts';

const target = z.object({ key: z.string(), price: z.string(), quantity: z.string() });

const changeOut = z.object({
  plan: z.object({ plan: idOut('plan'), version: z.int() }).nullable(),
  set: z.array(target).meta({ description: 'What items are to be.' }),
  remove: z.array(z.string()),
  once: z.array(target).meta({ description: 'What is charged once.' }),
  proration: z.enum(PRORATIONS),
  anchor: z.enum(ANCHORS),
  billing_anchor: instantOut.nullable(),
  trial: z.enum(['keep', 'end']),
});
const pauseOut = z.object({ credit: z.boolean(), resume_at: instantOut.nullable() });

export const scheduledChangeOut = z
  .object({
    object: z.literal('scheduled_change'),
    id: idOut('chg'),
    subscription: idOut('sub'),
    kind: z.enum(['change', 'pause', 'resume']),
    status: z.enum(SCHEDULED_CHANGE_STATUSES),
    effective_at: instantOut,
    mode: z.enum(['at', 'period_end']).meta({
      description: '`period_end` moves with the end of the period or trial that it waits for.',
    }),
    schedule: z
      .string()
      .nullable()
      .meta({ description: 'Phases of one schedule have the same; they stand together.' }),
    change: changeOut.nullable().meta({ description: 'Of a change what it does; null of the others.' }),
    pause: pauseOut.nullable().meta({ description: 'Of a pause what it does; null of the others.' }),
    created_at: instantOut,
    finished_at: instantOut.nullable().meta({ description: 'When it was applied, replaced or canceled.' }),
    reason: z.object({ code: z.string(), message: z.string() }).nullable().meta({
      description: 'Why it was canceled when it was due: it had become impossible. Null in all other cases.',
    }),
  })
  .meta({ id: 'ScheduledChange' });

/** A change that waits for its instant, or is done with, as the world sees it. */
export function presentScheduledChange(change: StoredChange): z.infer<typeof scheduledChangeOut> {
  const { body } = change;
  return {
    object: 'scheduled_change',
    id: change.id,
    subscription: change.subscriptionId,
    kind: change.kind,
    status: change.status,
    effective_at: presentInstant(change.effectiveAt),
    mode: change.mode,
    schedule: change.scheduleId,
    change: change.kind === 'change' ? (body as z.infer<typeof changeOut>) : null,
    pause: change.kind === 'pause' ? (body as z.infer<typeof pauseOut>) : null,
    created_at: presentInstant(change.createdAt),
    finished_at: presentOptionalInstant(change.finishedAt),
    reason: change.reason,
  };
}
