import { z } from 'zod';
import type { TestClock } from '../domain/test-clock.ts';
import { idOut, instantIn, instantOut, metadataIn, metadataOut, nameIn, presentInstant } from './common.ts';

export const testClockCreate = z
  .strictObject({
    name: nameIn.optional(),
    now: instantIn.meta({ description: 'Where the clock starts; past and future are both fine.' }),
    metadata: metadataIn.optional(),
  })
  .meta({ id: 'TestClockCreate', examples: [{ name: 'a year of renewals', now: '2027-01-31T00:00:00Z' }] });

export const testClockAdvance = z
  .strictObject({ to: instantIn.meta({ description: 'Later than the clock is now, any distance.' }) })
  .meta({ id: 'TestClockAdvance', examples: [{ to: '2028-03-01T00:00:00Z' }] });

export const testClockOut = z
  .object({
    object: z.literal('test_clock'),
    id: idOut('clk'),
    name: z.string(),
    status: z.enum(['ready', 'advancing', 'failed', 'deleted']),
    now: instantOut.meta({ description: 'How far everything attached has come.' }),
    target: instantOut,
    progress: z
      .object({ subscriptions_done: z.int(), subscriptions_total: z.int() })
      .meta({ description: 'How many of the things attached have nothing left to do before the target.' }),
    failure: z
      .object({ entity: z.string(), message: z.string() })
      .nullable()
      .meta({ description: 'What could not be brought up to date. Mend it, then advance again.' }),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'TestClock' });

/** A test clock with the progress of its last advance. */
export function presentTestClock(clock: TestClock): z.infer<typeof testClockOut> {
  return {
    object: 'test_clock',
    id: clock.id,
    name: clock.name,
    status: clock.status,
    now: presentInstant(clock.nowAt),
    target: presentInstant(clock.targetAt),
    progress: { subscriptions_done: clock.entitiesDone, subscriptions_total: clock.entitiesTotal },
    failure: clock.failure,
    metadata: clock.metadata,
    created_at: presentInstant(clock.createdAt),
    updated_at: presentInstant(clock.updatedAt),
  };
}
