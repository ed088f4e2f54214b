import { z } from 'zod';
import { BACKFILL_STATUSES, type Backfill } from '../domain/backfill.ts';
import {
  idIn,
  idOut,
  instantIn,
  instantOut,
  listQuery,
  metadataIn,
  metadataOut,
  presentInstant,
  presentOptionalInstant,
  reference,
} from './common.ts';
import { noteIn } from './usage-corrections.ts';

/** Backfills: a stretch of time, corrected as a whole. */

export const backfillCreate = z
  .strictObject({
    customer: reference('cus', 'customer').optional().meta({ description: 'All customers when absent.' }),
    event_names: z
      .array(z.string().min(1).max(100))
      .min(1)
      .max(50)
      .optional()
      .meta({ description: 'All names when absent.' }),
    timeframe_start: instantIn.meta({ description: "Inclusive; not before the tenant's late window." }),
    timeframe_end: instantIn.meta({ description: 'Exclusive; not in the future.' }),
    replace: z.boolean().default(true).meta({
      description:
        'Whether what counts in the timeframe gives way when the backfill is closed, or is only added to.',
    }),
    note: noteIn,
    metadata: metadataIn.optional(),
  })
  .meta({
    id: 'BackfillCreate',
    examples: [
      {
        customer: 'external:acme-42',
        event_names: ['api_call'],
        timeframe_start: '2027-03-01T00:00:00Z',
        timeframe_end: '2027-03-02T00:00:00Z',
        note: 'the collector counted twice',
      },
    ],
  });
export type BackfillIn = z.output<typeof backfillCreate>;

export const backfillListQuery = z.strictObject({
  ...listQuery,
  customer: reference('cus', 'customer').optional(),
  status: z.enum(BACKFILL_STATUSES).optional(),
});

const count = z.int().min(0);

export const backfillOut = z
  .object({
    object: z.literal('backfill'),
    id: idOut('bf'),
    customer: idOut('cus').nullable(),
    event_names: z.array(z.string()).nullable(),
    timeframe_start: instantOut,
    timeframe_end: instantOut,
    replace: z.boolean(),
    status: z.enum(BACKFILL_STATUSES),
    counts: z.object({
      staged: count.meta({ description: 'Events that wait for it to be closed; they count for nothing.' }),
      voided: count.meta({ description: 'Events that gave way.' }),
      inserted: count.meta({ description: 'Events that it brought.' }),
      duplicates: count.meta({ description: 'Events it left out, because their key counts elsewhere.' }),
    }),
    note: z.string().nullable(),
    created_by: idIn('key', 'API key').nullable(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
    closed_at: instantOut.nullable(),
    reverted_at: instantOut.nullable(),
  })
  .meta({ id: 'Backfill', description: 'A correction of a stretch of time, as a whole and at once.' });

/** A backfill with how many events wait in it. */
export function presentBackfill(backfill: Backfill, staged: number): z.infer<typeof backfillOut> {
  const { voided, inserted, duplicates } = backfill;
  return {
    object: 'backfill',
    id: backfill.id,
    customer: backfill.customerId,
    event_names: backfill.eventNames,
    timeframe_start: presentInstant(backfill.timeframeStart),
    timeframe_end: presentInstant(backfill.timeframeEnd),
    replace: backfill.replaces,
    status: backfill.status,
    counts: { staged, voided, inserted, duplicates },
    note: backfill.note,
    created_by: backfill.createdBy,
    metadata: backfill.metadata,
    created_at: presentInstant(backfill.createdAt),
    updated_at: presentInstant(backfill.updatedAt),
    closed_at: presentOptionalInstant(backfill.closedAt),
    reverted_at: presentOptionalInstant(backfill.revertedAt),
  };
}
